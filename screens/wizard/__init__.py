"""A new benchmark, step by step."""
