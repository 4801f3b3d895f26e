"""Finds the documents of a benchmark whose words occur in training data."""
