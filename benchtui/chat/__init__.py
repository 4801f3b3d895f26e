"""Chat: from what the user chose to a conversation with models that answer."""
