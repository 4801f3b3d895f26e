"""Models and running runs."""
