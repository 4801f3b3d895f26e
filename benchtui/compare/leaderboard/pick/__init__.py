"""Which candidate to keep: the smallest or earliest one that is shown to be no worse than the best by a margin."""
