"""The folder that another Python finds benchtui in: benchtui alone, and nothing of what is installed beside it."""
