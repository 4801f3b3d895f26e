"""Every threshold of two models, from as few calls of either as that takes."""
