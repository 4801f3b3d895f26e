"""Where the hub's library keeps its downloads, and the message when that folder cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from benchtui.errors import BenchtuiError

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_MADE = frozenset({errno.ENOENT, errno.ENOTDIR})


def hub_home() -> Path:
    home = os.environ.get("HF_HOME") or os.path.join(  # noqa: PTH118 - joined as the hub's own library does it
        os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"
    )
    return _expanded(home)


def hub_cache() -> Path:
    """Return the folder of the model cache, whether it exists or not."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _expanded(named) if named else hub_home() / "hub"


def unwritable_cache(error: BaseException) -> BenchtuiError | None:
    """Return the error for the user when `error`, or its cause, is that a cache folder cannot be written; else None."""
    for found in _causes(error):
        if not isinstance(found, OSError) or found.filename is None:
            continue
        for folder, variable in _folders():
            if not Path(os.fsdecode(found.filename)).is_relative_to(folder) and not folder.is_relative_to(
                os.fsdecode(found.filename)
            ):
                continue
            if found.errno in _REFUSED or (found.errno in _NOT_MADE and not folder.is_dir()):
                return BenchtuiError(
                    f"The cache folder {folder} cannot be written: {found.strerror}.",
                    f"Set {variable} to a folder that you may write to.",
                )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(20):  # libraries wrap errors a few times, and one that is its own cause would never end
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _folders() -> Iterator[tuple[Path, str]]:
    """Yield the folders that the libraries write to, with the environment variable that sets each."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_DATASETS_CACHE", "HF_MODULES_CACHE"):
        if named := os.environ.get(variable):
            yield _expanded(named), variable
    yield hub_home(), "HF_HOME"


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111 - as the hub's own library does it


def has_token() -> bool:
    """Return whether huggingface_hub has a token to show: in a variable, or where `hf auth login` puts it."""
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return True
    return Path(os.environ.get("HF_TOKEN_PATH") or hub_home() / "token").is_file()
