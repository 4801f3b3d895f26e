"""Answers with Hugging Face transformers."""
