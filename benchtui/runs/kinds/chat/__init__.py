"""A chat with models side by side, as a kind of run."""
