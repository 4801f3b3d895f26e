"""The comparison of two runs, down to the sample."""
