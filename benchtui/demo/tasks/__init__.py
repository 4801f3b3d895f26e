"""The demo's two tasks for lm-eval, self-contained: YAML, documents, and the checks of the instruction task."""
