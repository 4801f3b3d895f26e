"""What runs left behind: lm-eval result files, samples, benchmark.json and history."""
