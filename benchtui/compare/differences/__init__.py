"""Differences between two runs: paired samples, tasks, groups, intervals."""
