"""Models that answer in a chat."""
