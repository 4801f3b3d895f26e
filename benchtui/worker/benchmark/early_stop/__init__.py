"""Stopping a task early, once its comparison with the base is decided."""
