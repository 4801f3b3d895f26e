"""Answered requests become scores, by lm-eval's own task objects: live, final and recovered alike."""
