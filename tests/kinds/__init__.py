"""Kinds of run: that the machinery around runs knows none."""
