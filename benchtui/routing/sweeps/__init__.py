"""What a sweep over thresholds found, and what follows from it: records, their file, conclusions."""
