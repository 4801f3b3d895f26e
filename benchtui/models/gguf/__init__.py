"""Reads GGUF files: what they are, whether they are whole, and which parts belong together; nothing is loaded."""
