"""Two models in memory that write one text by turns."""
