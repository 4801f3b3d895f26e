"""The Hugging Face Hub: what it says about a model, and what is cached of it."""
