"""A leaderboard as tables, files and pictures."""
