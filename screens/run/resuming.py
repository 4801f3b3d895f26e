"""Resume a run from any screen; ask first where code of the run's own tasks would be run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchtui.plans.choice import Choice
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import read_kind
from benchtui.text import one_line
from benchtui.wizard.launch import resume
from screens.dialogs import Ask
from screens.page import Page


def resume_from(page: Page, run: RunDirectory, then: Callable[[Sequence[RunDirectory]], None]) -> None:
    """Resume `run` in the background and give the resumed runs to `then`. Problems are shown on `page`."""
    choice = page.settings.choice

    def go(choice: Choice) -> None:
        page.notify("Resuming: nothing that was answered is asked again.", timeout=5, markup=False)
        page.load(lambda: resume(run, choice), then, group="resume")

    def ask(folders: Sequence[Path]) -> None:
        if not folders:
            return go(choice)

        def answer(yes: bool | None) -> None:
            if yes:
                go(replace(choice, include_paths=(*choice.include_paths, *folders)))

        places = ", ".join(one_line(str(folder), 300) for folder in folders[:3])
        about = (
            f"This run has tasks of its own in {places}. Resuming runs the code there: say yes only if you trust it."
        )
        page.app.push_screen(Ask("Run the code of these tasks?", about, yes="Run it, and resume", no="No"), answer)
        return None

    page.load(lambda: _not_yet_allowed(run, choice), ask, group="resume")


def _not_yet_allowed(run: RunDirectory, choice: Choice) -> list[Path]:
    """Return the folders with code of the run's own that the application was not started with."""
    kind, plan = read_kind(run)
    given = [path.resolve() for path in choice.include_paths]
    wanted = [Path(folder).absolute() for folder in kind.own_code(plan)]
    return [folder for folder in wanted if not any(folder.resolve().is_relative_to(path) for path in given)]
