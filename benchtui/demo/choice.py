"""What `benchtui demo` runs, here and in the wizard."""

from __future__ import annotations

from pathlib import Path

from benchtui.demo.workspace import TASKS, demo_paths, open_workspace
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice

FOLDER = Path("benchtui-demo")


def demo_choice(folder: Path = FOLDER, *, fresh: bool = False) -> Choice:
    """Lay the demo out in `folder`; what `benchtui run` makes of the flags in `command`, whatever benchtui.toml or the
    environment say. Raises BenchtuiError where it cannot be laid out."""
    try:
        workspace = open_workspace(folder, fresh=fresh)
    except OSError as error:
        raise BenchtuiError(
            f"The demo cannot be laid out in {folder}: {error.strerror or error}.", "Name another: benchtui demo DIR"
        ) from None
    tasks = demo_paths().tasks
    flags = {
        "--outputs": str(workspace.outputs),
        "--model": workspace.model.name,
        "--base": str(workspace.base),
        "--tasks": ",".join(TASKS),
        "--include-path": str(tasks),
        "--device": "cpu",
    }
    return Choice(
        outputs=workspace.outputs,
        model=workspace.model.name,
        base=str(workspace.base),
        tasks=TASKS,
        include_paths=(tasks,),
        device="cpu",
        offline=True,
        command=("benchtui", "run", *(part for flag in flags.items() for part in flag), "--offline"),
    )
