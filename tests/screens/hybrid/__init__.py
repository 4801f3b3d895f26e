"""Screens of runs that a small and a large model answer together."""
