"""Many models beside each other."""
