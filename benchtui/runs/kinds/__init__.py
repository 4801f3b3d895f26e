"""The kinds of run: what each is, and where it is found by name."""
