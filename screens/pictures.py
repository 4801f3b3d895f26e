"""Pictures of the screens for the README, made by running the application on the demo:

python -m screens.pictures assets
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from benchtui.demo.workspace import TASKS, Workspace, demo_paths, open_workspace
from benchtui.plans.choice import Choice
from benchtui.wizard.launch import launch
from screens.app import BenchtuiApp
from screens.run.run import RunPage
from screens.settings import Settings

SIZE = (100, 30)
LONGEST = 180.0
_FONTS = '"Fira Code", Menlo, Consolas, "DejaVu Sans Mono", monospace'


async def _press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await _settle(pilot)


async def _settle(pilot: Pilot[int]) -> None:
    """Until nothing is being read; the live view never stops reading."""
    for _ in range(2):
        while any(worker.is_running and worker.group != "follow" for worker in pilot.app.workers):
            await asyncio.sleep(0.05)
        await pilot.pause(0.1)


def _save(pilot: Pilot[int], folder: Path, name: str) -> None:
    picture = pilot.app.export_screenshot(title="benchtui")
    # A picture that fetches its font from a server shows that server who looks at it.
    picture = re.sub(r"@font-face\s*\{[^}]*\}", "", picture)
    picture = re.sub(r"font-family:\s*Fira Code[^;]*;", f"font-family: {_FONTS};", picture)
    file = folder / f"{name}.svg"
    file.write_text(picture, encoding="utf-8")
    sys.stdout.write(f"{file}\n")


async def _take(folder: Path, workspace: Workspace) -> None:
    choice = Choice(
        outputs=Path("outputs"), tasks=TASKS, include_paths=(demo_paths().tasks,), device="cpu", offline=True
    )  # fmt: skip
    await _live(folder, choice, workspace)
    app = BenchtuiApp(Settings(choice))
    async with app.run_test(size=SIZE) as pilot:
        await _settle(pilot)
        _save(pilot, folder, "home")
        await _press(pilot, "enter")
        _save(pilot, folder, "compare")
        await _press(pilot, "enter", "f")
        _save(pilot, folder, "samples")
    plain = BenchtuiApp(Settings(Choice(outputs=Path("outputs"))))
    async with plain.run_test(size=SIZE) as pilot:
        await _settle(pilot)
        await _press(pilot, "b", "enter", "enter")
        _save(pilot, folder, "wizard")


async def _live(folder: Path, choice: Choice, workspace: Workspace) -> None:
    """A run while it is evaluated: slowly, one document at a time, so that there is something to see."""
    own = {**choice.more, "engine": "lm-eval"}
    slow = replace(choice, model=workspace.model.name, more=own, batch_size=1, timeout=1800.0)
    app = BenchtuiApp(Settings(choice))
    async with app.run_test(size=SIZE) as pilot:
        app.open_runs(await asyncio.to_thread(launch, slow))
        page = app.screen
        assert isinstance(page, RunPage)  # noqa: S101 - it was just opened
        await pilot.press("a")
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and app.screen is page:
            shares = page.shares()
            if len(shares) == 2 * len(TASKS) and shares[len(TASKS)] > 0.5:
                _save(pilot, folder, "run")
                break
            await asyncio.sleep(0.05)
        while app.screen is page and time.monotonic() < end:  # its end opens the comparison
            await asyncio.sleep(0.2)
        while not (workspace.model / "benchmarks" / "benchmark.json").is_file() and time.monotonic() < end:
            await asyncio.sleep(0.2)  # written after the last result


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "assets").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory(prefix="benchtui-pictures-") as place:
        workspace = open_workspace(Path(place) / "demo")
        os.chdir(workspace.root)
        asyncio.run(_take(folder, workspace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
