"""Two models that write texts by turns, as a kind of run."""
