"""The main job from start to end: run, resume, use a base again, remove."""
