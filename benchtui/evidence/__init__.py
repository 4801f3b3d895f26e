"""Statistics of paired samples: tests, intervals, corrections, power, and early stopping."""
