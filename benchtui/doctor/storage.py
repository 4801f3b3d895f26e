"""Checks folders and disk space: NLTK's data, the models, the place for results."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchtui.doctor.check import Check
from benchtui.errors import BenchtuiError
from benchtui.models.discovery import discover
from benchtui.models.hub.asking import hub_is_offline
from benchtui.models.hub.cache import hub_cache
from benchtui.models.layout import size_text

_FULL = 1_000_000_000
_TIGHT = 10_000_000_000


def check_nltk(*, offline: bool = False) -> Iterator[Check]:
    """Check NLTK's punkt_tab, with which IFEval cuts answers into sentences."""
    places = nltk_places()
    for place in places:
        data = place / "tokenizers" / "punkt_tab"
        if data.is_dir() or data.with_suffix(".zip").is_file():
            yield Check("NLTK data", "ok", f"punkt_tab in {place}")
            return
    step = "python -m nltk.downloader punkt_tab (or set NLTK_DATA to the folder that has it)"
    if offline or hub_is_offline():
        yield Check(
            "NLTK data", "problem", "punkt_tab is not here and this machine is offline: IFEval cannot run", step
        )
    else:
        yield Check("NLTK data", "warning", "punkt_tab is not here; IFEval downloads it the first time", step)


def nltk_places() -> list[Path]:
    """Return the places where NLTK looks for its data, in its order (nltk.data.path, for Unix and macOS)."""
    named = [part for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    prefixes = [f"{sys.prefix}/{part}nltk_data" for part in ("", "share/", "lib/")]
    system = [f"/usr/{part}/nltk_data" for part in ("share", "local/share", "lib", "local/lib")]
    return [Path(os.path.expanduser(place)) for place in (*named, "~/nltk_data", *prefixes, *system)]  # noqa: PTH111


def check_models(outputs: Path) -> Iterator[Check]:
    try:
        models = discover(outputs)
    except BenchtuiError as error:
        yield Check("Models", "warning", error.what, error.next_step)
        return
    broken = [model for model in models if not model.usable]
    count = f"{len(models)} in {outputs}"
    if not broken:
        yield Check("Models", "ok", count)
    else:
        message = f"{count}, {len(broken)} of them cannot be used"
        yield Check("Models", "warning", message, "`benchtui models` says what is wrong with each.")


def check_disk(outputs: Path) -> Iterator[Check]:
    """Check the space where results and downloads go; one line when that is the same disk."""
    place = _existing(outputs)
    if not os.access(place, os.W_OK):
        step = "Results are written beside the models: change the permissions, or copy the models elsewhere."
        yield Check("Disk", "problem", f"{place} is read-only", step)
        return
    cache = _existing(hub_cache())
    yield _room("Disk", place, f"for {outputs}")
    if _device(cache) != _device(place):
        yield _room("Disk", cache, "for downloads")


def _room(name: str, place: Path, purpose: str) -> Check:
    free = shutil.disk_usage(place).free
    message = f"{size_text(free)} free {purpose}"
    if free < _FULL:
        return Check(name, "problem", message, f"Free some room on the disk that holds {place}.")
    if free < _TIGHT:
        return Check(name, "warning", message, "Enough for results; large models may not fit when they are downloaded.")
    return Check(name, "ok", message)


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))


def _device(path: Path) -> int:
    return path.stat().st_dev
