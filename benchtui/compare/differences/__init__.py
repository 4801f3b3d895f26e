"""How far two runs differ: paired samples, tasks, groups, intervals."""
