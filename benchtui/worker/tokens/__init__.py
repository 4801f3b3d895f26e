"""Compares models token by token: their texts, what each makes of them, and how they differ."""
