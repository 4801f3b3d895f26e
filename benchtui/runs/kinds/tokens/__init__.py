"""A comparison of models token by token, as the machinery around runs knows it."""
