"""A model, its base and two small tasks, laid out as `benchtui run` does it, with nothing evaluated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchtui.backends.hf import HF
from benchtui.benchmark.directories import BenchRuns, lay_out
from benchtui.models.selection import find_model
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import PreparedBench, prepare
from benchtui.plans.tasks import plan_tasks
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.records import DoneRecord, LaunchRecord, Process, Status, this_process, write_record
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import load_catalogue
from tests.e2e.tiny import make_tiny_model

TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["a", "b"]
doc_to_target: 0
metadata: {{version: 1.0}}
"""


class Laid:
    """`folder` holds base/, outputs/tuned/merged_16bit/ and tasks/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs = folder / "outputs"
        self.weights = make_tiny_model(self.outputs / "tuned" / "merged_16bit", seed=1) / "model.safetensors"
        make_tiny_model(folder / "base")
        self.tasks = folder / "tasks"
        self.tasks.mkdir()
        (self.tasks / "questions.jsonl").write_text('{"question": "Which?"}\n')
        for name in ("first", "second"):
            text = TASK.format(name=f"laid_{name}", data=self.tasks / "questions.jsonl")
            (self.tasks / f"{name}.yaml").write_text(text)
        self.choice = Choice(
            outputs=self.outputs,
            model="tuned",
            base=str(folder / "base"),
            tasks=("laid_first", "laid_second"),
            include_paths=(self.tasks,),
            offline=True,
        )

    def prepared(self, **changes: object) -> PreparedBench:
        choice = replace(self.choice, **changes)  # type: ignore[arg-type]
        tasks = plan_tasks(choice, Config(), load_catalogue(choice.include_paths))
        return prepare(choice, find_model(choice.outputs, choice.model, HF), tasks)

    def lay_out(
        self,
        *,
        resume: Callable[[RunDirectory], bool] = lambda _: True,
        rerun_base: bool = False,
        neighbours: Sequence[Path] = (),
        **changes: object,
    ) -> BenchRuns:
        return lay_out(self.prepared(**changes), rerun_base=rerun_base, resume=resume, neighbours=neighbours)


def end(run: RunDirectory, status: Status | None, *, early: bool = False) -> None:
    """As if a supervisor that is gone had left the run this way; None for one that died."""
    me = this_process()
    write_record(run.launch, LaunchRecord(Process(me.pid, me.started - 60, me.host, me.boot), time.time(), "bench"))
    if status is None:
        run.done.unlink(missing_ok=True)
        return
    if status in ("finished", "partial"):
        run.lm_eval.mkdir(exist_ok=True)
        (run.lm_eval / "results_2026-11-20T10-30-15.000001.json").write_text("{}")
    write_record(run.done, DoneRecord(status, "", time.time(), early=early))


def answer(run: RunDirectory, *doc_ids: int) -> None:
    with Journal(run.journal) as journal:
        journal.bind({"fingerprint": run.plan().fingerprint})
        journal.record_all((RequestKey("laid_first", doc, 0), "d", "x") for doc in doc_ids)
