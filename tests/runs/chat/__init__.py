"""What a chat is on disk."""
