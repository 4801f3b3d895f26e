"""Weights on disk, read without loading them: sizes, names, what fits together."""
