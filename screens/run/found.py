"""What a finished run found that has a page of its own: no scores of one model to be compared with another's."""

from __future__ import annotations

from pathlib import Path

from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.sweep.kind import SWEEP
from benchtui.runs.kinds.tokens.kind import TOKENS
from screens.navigator import Navigator

FOLDERS = {kind.folder: kind.name for kind in (TOKENS, SWEEP)}
"""The folders of such runs, by which a list knows them."""


def has_page(view: RunView) -> bool:
    """Whether it is such a run, and has finished."""
    return view.kind in (TOKENS.name, SWEEP.name) and view.state == "finished"


def open_page(navigator: Navigator, view: RunView) -> None:
    """Open the page of a run that has one."""
    open_found(navigator, view.kind, view.run.path)


def open_found(navigator: Navigator, kind: str, run: Path) -> None:
    """Open what a run of this kind found."""
    if kind == SWEEP.name:
        navigator.open_sweep(run)
    else:
        navigator.open_tokens(run)
