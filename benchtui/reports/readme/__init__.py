"""Sections in README files and model cards."""
