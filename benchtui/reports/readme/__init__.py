"""Writes sections in README files and model cards."""
