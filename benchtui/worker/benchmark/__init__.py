"""Evaluates one run: builds the requests of its tasks, asks the model, scores, writes."""
