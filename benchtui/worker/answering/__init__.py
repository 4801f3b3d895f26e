"""Makes models answer: one folder for each backend."""
