"""`benchtui tokens`: a file for each of its commands."""
