"""The catalogue of lm-eval's tasks: read without importing lm-eval, cached per version."""
