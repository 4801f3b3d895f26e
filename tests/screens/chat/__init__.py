"""The pages beside a chat."""
