"""The history of one model."""
