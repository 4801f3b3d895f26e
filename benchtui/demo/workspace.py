"""The folder that the demo works in: the shipped models laid out as a user's own would be, and room for results."""

from __future__ import annotations

import importlib.resources
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchtui.benchmark.directories import lock_model
from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import write_atomic

BASE_NAME = "islands-400k"
SMALL_NAME = "islands-80k"
MODEL_NAME = "islands-400k-instructions"
BASE_REFERENCE = f"../../models/{BASE_NAME}"  # from the model's folder, as its training_params.yaml says it
TASKS = ("demo_instructions", "demo_knowledge")
MARKER = ".benchtui-demo.json"


@dataclass(frozen=True)
class DemoPaths:
    """Where the demo lies in the installed package: `shipped` is the workspace's content, `tasks` an include path."""

    shipped: Path
    tasks: Path

    @property
    def base(self) -> Path:
        return self.shipped / "models" / BASE_NAME

    @property
    def model(self) -> Path:
        return self.shipped / "outputs" / MODEL_NAME


@dataclass(frozen=True)
class Workspace:
    """A folder with the demo's models; `restored` are the files put (back) in place when it was opened."""

    root: Path
    restored: tuple[Path, ...] = ()

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def base(self) -> Path:
        return self.root / "models" / BASE_NAME

    @property
    def model(self) -> Path:
        return self.outputs / MODEL_NAME


def demo_paths() -> DemoPaths:
    """The demo's files in the installed package. Raises BenchtuiError when they are not there."""
    package = Path(str(importlib.resources.files("benchtui.demo")))
    paths = DemoPaths(package / "shipped", package / "tasks")
    for needed in (paths.base, paths.model, paths.tasks):
        if not needed.is_dir():
            raise BenchtuiError(f"The demo's files are missing: {needed}.", "Install benchtui again: pip install .")
    return paths


def open_workspace(root: Path, *, fresh: bool = False) -> Workspace:
    """Make `root` a demo workspace, or repair the one it is; results in it are kept unless `fresh`.

    A model file that is missing or damaged is put back; a README is never touched once it is there, for results are
    written into it. Raises UsageError when `root` holds anything else than a demo, OSError when it cannot be written.
    """
    paths = demo_paths()
    _claim(root)
    workspace = Workspace(root)
    if fresh:
        _clear(workspace)
    restored = [target for source, target in _wanted(paths.shipped, root) if not _intact(source, target)]
    for source, target in _wanted(paths.shipped, root):
        if target in restored:
            write_atomic(target, source.read_bytes())
    return Workspace(root, tuple(restored))


def _claim(root: Path) -> None:
    """Mark `root` as the demo's. Raises UsageError when it already holds something else."""
    marker = root / MARKER
    if marker.is_file():
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(
            f"{root} exists and is not a demo folder.", "Name a new one: benchtui demo DIR (nothing was changed)."
        )
    write_atomic(marker, json.dumps({"made_by": "benchtui demo"}) + "\n")


def _clear(workspace: Workspace) -> None:
    """Remove the models and all results. Raises BenchtuiError while they are being benchmarked."""
    if workspace.model.is_dir():
        with lock_model(workspace.model, MODEL_NAME):
            shutil.rmtree(workspace.model)
    if workspace.base.is_dir():
        shutil.rmtree(workspace.base)


def _wanted(shipped: Path, root: Path) -> list[tuple[Path, Path]]:
    """(file in the package, its place in the workspace)"""
    sources = sorted(path for path in shipped.rglob("*") if path.is_file())
    return [(source, root / source.relative_to(shipped)) for source in sources]


def _intact(source: Path, target: Path) -> bool:
    if target.is_symlink() or not target.is_file():
        return False
    return source.name == "README.md" or source.read_bytes() == target.read_bytes()
