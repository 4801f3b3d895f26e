"""`benchtui hybrid`: a file for each of its commands."""
