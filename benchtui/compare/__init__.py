"""Compares two runs, paired sample by sample: statistics, verdicts, gate, history."""
