"""The Hugging Face Hub: what it says of a model, and what is cached of it."""
