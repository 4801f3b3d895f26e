"""Every result a model ever had, and what changed between two of them."""
