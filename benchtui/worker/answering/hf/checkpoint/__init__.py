"""Puts a state dict on the architecture of a base: a model folder as transformers writes it."""
