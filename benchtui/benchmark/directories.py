"""Make or find the run directories of one benchmark, and write their plans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.benchmark.bases import ChosenBase, choose_base, find_unfinished
from benchtui.errors import BenchtuiError
from benchtui.files import write_run_file
from benchtui.plans.benchmark import BenchmarkPlan, side_by_side, with_date_of
from benchtui.plans.lm_eval_command import equivalent_command
from benchtui.plans.plan import write_plan
from benchtui.plans.prepare import PreparedBench, new_bench_id
from benchtui.runs.directory import LOCK, RunDirectory, benchmarks_folder, fine_tuned_runs, new_fine_tuned_run
from benchtui.runs.kinds.benchmark.earlier_looks import with_earlier_looks
from benchtui.runs.lock import FolderLock
from benchtui.runs.records import asked_everything, read_done, run_state


@dataclass(frozen=True)
class BenchRuns:
    """The run directories of one benchmark.

    `reused`: the base was evaluated before and still fits. `copied_from` names the base run of another model that
    it is a copy of; `resumed` lists the runs that continue from their journal; `set_aside` is where an earlier base
    run that does not fit was moved. `template_date` is the date of an earlier run, which the chat template writes
    again so that the prompts are the same.
    """

    fine_tuned: RunDirectory
    base: RunDirectory | None
    reused: bool = False
    resumed: tuple[RunDirectory, ...] = ()
    set_aside: RunDirectory | None = None
    template_date: str | None = None
    copied_from: str = ""

    @property
    def to_evaluate(self) -> tuple[RunDirectory, ...]:
        if self.base is None or self.reused:
            return () if run_state(self.fine_tuned) == "finished" else (self.fine_tuned,)
        return left_to_evaluate(self.base, self.fine_tuned)


def left_to_evaluate(base: RunDirectory | None, fine_tuned: RunDirectory) -> tuple[RunDirectory, ...]:
    """Return which of the two runs still have to be evaluated.

    Two runs that decide early are evaluated together: a base that stopped early continues where the fine-tuned run
    has not finished, and a base that has not finished needs the other to know where it may stop.
    """
    tuned = () if run_state(fine_tuned) == "finished" else (fine_tuned,)
    if base is None or asked_everything(base) or (not tuned and run_state(base) == "finished"):
        return tuned
    if not tuned and (done := read_done(fine_tuned)) and done.early and any(base.lm_eval.glob("results_*.json")):
        return ()  # it was decided against this base, and stays so whatever became of the base since
    early = not tuned and side_by_side([base.plan(), fine_tuned.plan()])
    return (base, fine_tuned) if tuned or early else (base,)


def lock_model(model_path: Path, name: str) -> FolderLock:
    """Lock a model folder, so that nobody else benchmarks it. Raises BenchtuiError naming who does."""
    benchmarks = benchmarks_folder(model_path)
    for folder in (benchmarks, benchmarks / "base", benchmarks / "fine-tuned", benchmarks / "base" / "previous"):
        if folder.is_symlink():  # a model folder may come from anybody, and results are written where it says
            raise BenchtuiError(
                f"{folder} is a link to another place; results are only written inside the model's folder.",
                "Replace it with a folder, or link the whole model folder.",
            )
    return FolderLock(benchmarks / LOCK, name)


def lay_out(
    prepared: PreparedBench,
    *,
    rerun_base: bool,
    resume: Callable[[RunDirectory], bool],
    neighbours: Sequence[Path] = (),
) -> BenchRuns:
    """Make (or find) the run directories and write their plans; call with the model's lock held.

    A base run is reused when everything that can change its scores is the same; one that fits in the model folders
    `neighbours` is copied. An unfinished run of the same plan is resumed if `resume` agrees, and so is a base that
    stopped early: its answers are still valid, and another model may need more of them. A base run that fits
    neither way is moved to base/previous/.
    """
    benchmarks = benchmarks_folder(prepared.model.path)
    bench_id = new_bench_id()
    resumed: list[RunDirectory] = []
    plan, base = prepared.fine_tuned, ChosenBase()
    if prepared.base is not None:
        base = choose_base(benchmarks, prepared.base, rerun=rerun_base, resume=resume, neighbours=neighbours)
        resumed += [base.run] if base.run and base.resumed else []
    if prepared.base is not None and base.run is not None and not base.reused:
        going_on = with_date_of(prepared.base, base.run.plan()) if base.resumed else prepared.base
        write_run_plan(base.run, going_on, bench_id, None)
    if base.run is not None:
        plan = with_date_of(plan, base.run.plan())
    if base.run is not None and plan.decide_early is not None:
        plan = msgspec.structs.replace(plan, base_fingerprint=base.run.plan().fingerprint)
    fine_tuned = find_unfinished(fine_tuned_runs(benchmarks), plan, any_date=base.run is None)
    if fine_tuned is None or not resume(fine_tuned):
        fine_tuned = new_fine_tuned_run(benchmarks, dt.datetime.now().astimezone())
    else:
        resumed.append(fine_tuned)
        known = fine_tuned.plan()
        plan = msgspec.structs.replace(with_date_of(plan, known), looked_at=known.looked_at)
    others = [run for run in fine_tuned_runs(benchmarks) if run != fine_tuned]
    plan = with_earlier_looks(plan, others)
    relative = str(base.run.path.relative_to(benchmarks)) if base.run else None
    write_run_plan(fine_tuned, plan, bench_id, relative)
    date = plan.prompts.template_date
    earlier = date if date != prepared.fine_tuned.prompts.template_date else None
    return BenchRuns(fine_tuned, base.run, base.reused, tuple(resumed), base.set_aside, earlier, base.copied_from)


def write_run_plan(run: RunDirectory, plan: BenchmarkPlan, bench_id: str, base: str | None) -> None:
    """Write the plan of a run, and the lm_eval command that is equivalent to it."""
    placed = msgspec.structs.replace(plan, bench_id=bench_id, base_run=base)
    write_plan(run.plan_file, placed)
    write_run_file(run.equivalent_command, equivalent_command(placed))
