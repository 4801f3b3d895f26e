"""The search for documents in training data."""
