"""What each metric computes of one answer."""
