"""Checks this machine and says what would keep benchmarks from running."""
