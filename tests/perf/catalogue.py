"""Builds benchtui's task catalogue and lm-eval's own index in turn: prints differences, timings, and MMLU's loading.

    python tests/perf/catalogue.py

Both run in this process, one after the other, lm-eval's with its import already done; ours is measured twice, without a
cache and with one. Ends with status 1 when the two disagree.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.resolve import resolve


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def lm_eval_index(root: Path) -> dict[str, tuple[str, str]]:
    """Name -> (kind, relative file) as lm-eval itself reads the folder `root`."""
    from lm_eval.tasks._index import TaskIndex

    return names_kinds_files(TaskIndex.build([root]), root)


def names_kinds_files(index: dict[str, Any], root: Path) -> dict[str, tuple[str, str]]:
    """lm-eval's index in the terms of our catalogue."""
    from lm_eval.tasks._index import Kind

    words = {Kind.TASK: "task", Kind.PY_TASK: "task", Kind.GROUP: "group", Kind.TAG: "tag"}
    return {
        name: (words[entry.kind], entry.yaml_path.relative_to(root).as_posix() if entry.yaml_path else "")
        for name, entry in index.items()
    }


def differences(ours: Catalogue, theirs: dict[str, tuple[str, str]]) -> list[str]:
    """What the two do not agree on, a line each."""
    mine = {name: (entry.kind, entry.file) for name, entry in ours.entries.items()}
    found = [f"only in lm-eval: {name} {theirs[name]}" for name in theirs.keys() - mine.keys()]
    found += [f"only in benchtui: {name} {mine[name]}" for name in mine.keys() - theirs.keys()]
    found += [
        f"{name}: {mine[name]} here, {theirs[name]} in lm-eval" for name in mine if theirs.get(name) != mine[name]
    ]
    return sorted(set(found))


def index_of(task_files: dict[str, str]) -> dict[str, Any]:
    """An index as a worker builds it, of these files only."""
    from lm_eval.tasks._index import TaskIndex
    from lm_eval.tasks._yaml_loader import load_yaml

    index: dict[str, Any] = {}
    for file in dict.fromkeys(task_files.values()):
        TaskIndex.process_cfg(load_yaml(file, resolve_func=False), Path(file), index)
    return index


def main() -> int:
    import lm_eval.tasks  # its import is not what is measured

    root = Path(lm_eval.tasks.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        _, cold = timed(lambda: load_catalogue(cache=Path(folder)))
        catalogue, warm = timed(lambda: load_catalogue(cache=Path(folder)))
    theirs, full = timed(lambda: lm_eval_index(root))
    resolved, resolving = timed(lambda: resolve(catalogue, ["mmlu"]))
    index, mmlu = timed(lambda: index_of(dict(resolved.task_files)))
    _, searching = timed(lambda: catalogue.search("grade school maths"))
    found = differences(catalogue, theirs)
    print(f"names: {len(catalogue)} here, {len(theirs)} in lm-eval, {len(found)} differences")
    for line in found[:20]:
        print(f"  {line}")
    print(f"index:  benchtui {cold:.2f} s without a cache, {warm * 1000:.0f} ms with; lm-eval {full:.2f} s")
    print(f"search: {searching * 1000:.0f} ms")
    print(
        f"MMLU:   {len(index)} names from {len(resolved.task_files)} files: resolved with digests in "
        f"{resolving * 1000:.0f} ms, indexed by lm-eval's own code in {mmlu * 1000:.0f} ms"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
