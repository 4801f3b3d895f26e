"""Text metrics: their registry, and what lm-eval calls to score the tasks that are made from people's own data."""
