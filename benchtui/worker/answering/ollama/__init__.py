"""Models of an Ollama server: answers over HTTP, log-likelihoods from the model's own GGUF."""
