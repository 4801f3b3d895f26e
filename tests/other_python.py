"""Another environment for a worker: a virtual environment that sees the libraries of the one that the tests run in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NOTED = "import os, sys; open({file!r}, 'a').write(chr(32).join(sys.orig_argv[1:3]) + chr(10))\n"


@dataclass(frozen=True)
class OtherPython:
    """`python` is its path; every process that it starts leaves a line in `noted`."""

    python: Path
    noted: Path

    @property
    def started(self) -> list[str]:
        """What each process of it was started with: the first two arguments."""
        return self.noted.read_text().splitlines() if self.noted.exists() else []


def make_environment(folder: Path, *, libraries: bool = True) -> OtherPython:
    """A virtual environment in `folder`, with our libraries or with none at all."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    noted = folder / "noted"
    (site / "noted.pth").write_text(_NOTED.format(file=str(noted)))
    if libraries:
        found = [entry for entry in sys.path if entry.endswith("site-packages")]
        (site / "libraries.pth").write_text("\n".join(found) + "\n")
    return OtherPython(folder / "bin" / "python", noted)
