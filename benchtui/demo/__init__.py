"""A base and a fine-tuned tiny model with two small tasks: the whole main job, offline."""
