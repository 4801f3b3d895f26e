"""How rows are read from each format of data files."""
