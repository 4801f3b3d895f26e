"""Run a benchmark from start to end: make its runs, evaluate them, report, resume, use a base again, remove."""
