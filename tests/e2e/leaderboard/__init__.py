"""Leaderboards of real runs."""
