"""Weight files read without loading them: sizes, names, what fits together."""
