"""Every answer of a run, on disk as soon as its batch is done."""
