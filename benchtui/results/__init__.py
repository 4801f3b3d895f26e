"""The results of runs, read from disk: lm-eval's result files and samples, and the choice of the runs that count."""
