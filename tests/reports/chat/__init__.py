"""How a chat is shown and written."""
