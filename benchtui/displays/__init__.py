"""What a person sees of a run: a live table, plain lines, or the events as JSON."""
