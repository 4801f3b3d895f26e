"""Every word and sign for scores, changes, verdicts and the states of runs: used by displays, reports and screens."""
