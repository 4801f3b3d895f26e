"""A sweep over thresholds, as a kind of run."""
