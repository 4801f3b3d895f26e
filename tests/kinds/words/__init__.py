"""A second kind of run, tiny: it counts the words of a text file, line by line."""
