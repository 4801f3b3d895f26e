"""A small and a large model that write one text: routed token by token, or drafted by one and verified by the other."""
