"""From the events of a run to what a display shows."""
