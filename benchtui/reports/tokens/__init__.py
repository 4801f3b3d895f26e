"""Reports of comparisons by token: tables, coloured texts, plots, pages and files."""
