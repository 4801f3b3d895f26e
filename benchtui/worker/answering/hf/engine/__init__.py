"""The fast HuggingFace engine: lm-eval's scores with every shared prefix computed once."""
