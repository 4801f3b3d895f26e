"""Models that answer by vLLM, in the worker's process."""
