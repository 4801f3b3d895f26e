"""lm-eval's catalogue of tasks (read without importing lm-eval, cached per version), suites, and metrics."""
