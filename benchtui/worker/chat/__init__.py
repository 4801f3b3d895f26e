"""The models of a chat in the worker: loaded once, answering token by token."""
