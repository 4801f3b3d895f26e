"""A small and a large model that answer as one, by a strategy."""
