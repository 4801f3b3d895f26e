"""All words and signs for scores, changes, verdicts and the states of runs: used by displays, reports and screens."""
