"""The kind of run that evaluates a model on the tasks of lm-eval."""
