"""The pages beside a chat, each on a key."""
