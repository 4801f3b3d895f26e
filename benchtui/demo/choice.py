"""What `benchtui demo` runs, here and in the wizard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchtui.demo.workspace import TASKS, demo_paths, open_workspace
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.plans.command import changed_settings

FOLDER = Path("benchtui-demo")


def demo_choice(folder: Path = FOLDER, *, fresh: bool = False) -> Choice:
    """Lay the demo out in `folder`; its `command` is what is shown of it. Raises BenchtuiError where that cannot be
    done."""
    try:
        workspace = open_workspace(folder, fresh=fresh)
    except OSError as error:
        raise BenchtuiError(
            f"The demo cannot be laid out in {folder}: {error.strerror or error}.", "Name another: benchtui demo DIR"
        ) from None
    choice = Choice(
        outputs=workspace.outputs,
        model=workspace.model.name,
        base=str(workspace.base),
        tasks=TASKS,
        include_paths=(demo_paths().tasks,),
        device="cpu",
        offline=True,
    )
    return replace(choice, command=("benchtui", "run", *changed_settings(choice)))
