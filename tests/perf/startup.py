"""Time outside the model: benchtui's worker against `lm_eval run`, on the same work, in turn, in one run.

    python tests/perf/startup.py [ROUNDS]

Work: the demo's base model on the demo's two tasks. Outside the model is everything but answering: from starting the
process to the first request handed to the model, plus from its last answer to the end of the process. lm_eval is run
through its own command, with the moments of its first request and last answer noted from outside its code. Then the
worker's time piece by piece, from its own events. Exits 1 when benchtui needs more than half of what lm_eval needs.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.plans.benchmark import BenchmarkPlan

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Run as `python -c` before lm_eval's own entry point: notes when the model is first called and when it last returned.
NOTE_MODEL_TIMES = """
import atexit, json, sys, time
from lm_eval.models.huggingface import HFLM
moments = []
def noted(method):
    def call(self, *args, **kwargs):
        moments.append(time.time())
        try:
            return method(self, *args, **kwargs)
        finally:
            moments.append(time.time())
    return call
HFLM.generate_until = noted(HFLM.generate_until)
HFLM.loglikelihood = noted(HFLM.loglikelihood)
where = sys.argv.pop(1)
atexit.register(lambda: open(where, "w").write(json.dumps(moments)))
from lm_eval.__main__ import cli_evaluate
cli_evaluate()
"""


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = [], []
        pieces: list[dict[str, float]] = []
        for n in range(rounds):
            pieces.append(_benchtui(Path(folder) / f"benchtui-{n}"))
            ours.append(sum(pieces[-1].values()))
            theirs.append(_lm_eval(Path(folder) / f"lm-eval-{n}"))
            print(f"round {n + 1}: benchtui {ours[-1]:.2f} s, lm_eval run {theirs[-1]:.2f} s", flush=True)
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"time outside the model, median ratio benchtui / lm_eval: {ratio:.2f} (wanted: below 0.50)")
    for name in pieces[0]:
        print(f"  {name:<32}{median(piece[name] for piece in pieces):5.2f} s")
    return 0 if ratio < 0.5 else 1


PIECES = {
    "starting": "interpreter, guards",
    "loading task": "imports of tasks and data",
    "loading model": "tasks built",
    "building prompts": "PyTorch, weights, tokenizer",
    "evaluating": "prompts",
}
"""What lies between a phase and the one before it."""


def _benchtui(folder: Path) -> dict[str, float]:
    """Seconds outside the model of one worker, by what they were spent on."""
    from benchtui.plans.plan import write_plan
    from benchtui.runs.directory import RunDirectory
    from benchtui.runs.event_reader import read_events
    from benchtui.runs.events import InFlight, Phase

    run = RunDirectory(folder)
    write_plan(run.plan_file, _plan())
    began = time.time()
    subprocess.run([sys.executable, "-m", "benchtui.worker", str(folder)], check=True, capture_output=True)
    ended = time.time()
    events = list(read_events(run.events))
    first = next(event.t for event in events if isinstance(event, InFlight))
    phases = {event.name: event.t for event in reversed(events) if isinstance(event, Phase)}  # each one's first
    with closing(sqlite3.connect(run.journal)) as journal:
        (last,) = journal.execute("SELECT MAX(t) FROM answers").fetchone()
    moments = [(name, phases[phase]) for phase, name in PIECES.items()]
    moments.append(("first batch made up", first))
    before = [began, *(moment for _, moment in moments)]
    pieces = {name: moment - then for (name, moment), then in zip(moments, before, strict=False)}
    return {**pieces, "scoring, writing, leaving": ended - last}


def _plan() -> BenchmarkPlan:
    from benchtui.backends.hf import HF
    from benchtui.demo.workspace import TASKS, demo_paths
    from benchtui.models.selection import find_model
    from benchtui.plans.choice import Choice
    from benchtui.plans.prepare import prepare
    from benchtui.plans.tasks import plan_tasks
    from benchtui.settings.config import Config
    from benchtui.tasks.catalogue import load_catalogue

    paths = demo_paths()
    choice = Choice(
        outputs=paths.base.parent,
        model=str(paths.base),
        compare=False,
        tasks=TASKS,
        include_paths=(paths.tasks,),
        offline=True,
        device="cpu",
        batch_size=16,
    )
    tasks = plan_tasks(choice, Config(), load_catalogue(choice.include_paths))
    return prepare(choice, find_model(choice.outputs, choice.model, HF), tasks).fine_tuned


def _lm_eval(folder: Path) -> float:
    """Seconds outside the model of one `lm_eval run`."""
    from benchtui.demo.workspace import TASKS, demo_paths

    paths = demo_paths()
    folder.mkdir()
    moments = folder / "moments.json"
    arguments = ["run", "--model", "hf", "--model_args", f"pretrained={paths.base},dtype=float32", "--device", "cpu"]
    arguments += ["--tasks", ",".join(TASKS), "--include_path", str(paths.tasks), "--batch_size", "16"]
    arguments += ["--apply_chat_template", "--log_samples", "--output_path", str(folder / "out")]
    began = time.time()
    subprocess.run(
        [sys.executable, "-c", NOTE_MODEL_TIMES, str(moments), *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    ended = time.time()
    noted = json.loads(moments.read_text())
    return (noted[0] - began) + (ended - noted[-1])


if __name__ == "__main__":
    sys.exit(main())
