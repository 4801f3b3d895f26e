"""Search tasks and put them into a suite."""
