"""Comparisons by token: what was found, and the text of each document token by token."""
