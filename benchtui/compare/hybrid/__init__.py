"""A small and a large model: what two finished runs tell of every threshold, and what follows from a sweep."""
