"""The texts of a comparison by token: read, or written by the models, and turned into tokens."""
