"""The tasks of a benchmark: loaded by lm-eval, checked, and made into requests."""
