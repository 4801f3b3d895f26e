"""Conversations with models that answer side by side."""
