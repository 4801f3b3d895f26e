"""One row for each setting of a run: its flag, variable, benchtui.toml key, help and command are made from it."""
