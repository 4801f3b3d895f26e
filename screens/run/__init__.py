"""Watch a run, stop it, resume it."""
