"""The lm-eval process (`python -m benchtui.worker RUN_DIR`): the only code that loads models for evaluation."""
