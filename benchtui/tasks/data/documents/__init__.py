"""Documents of rows: which column is what, what a cell says, which choice is right."""
