"""Tokenizers and chat templates, as their files describe them."""
