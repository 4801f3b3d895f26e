"""The answers to a task's requests: journaled, counted, scored."""
