"""Two runs, paired sample by sample: statistics and verdicts."""
