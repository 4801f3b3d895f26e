"""What the output head of a transformers model reads, and the head apart from the model."""
