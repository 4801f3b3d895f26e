"""Starts workers, watches them, ends them, and saves what they answered."""
