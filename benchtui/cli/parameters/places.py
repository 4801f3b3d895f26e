"""Where the commands that read results look, unless told otherwise."""

from __future__ import annotations

from pathlib import Path


def outputs_folder(flag: Path | None) -> Path:
    """The folder of trained models: the flag (or its environment variable), else benchtui.toml, else ./outputs."""
    if flag is not None:
        return flag
    from benchtui.settings.config import load_config

    return Path(load_config().run_defaults.get("outputs", "outputs"))
