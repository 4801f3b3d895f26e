"""All results that a model ever had, and the changes between them."""
