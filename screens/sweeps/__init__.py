"""What a sweep over thresholds found."""
