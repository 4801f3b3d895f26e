"""Reads lm-eval's `results_*.json` into one typed record. Format: lm-eval 0.4.13, `loggers/evaluation_tracker.py`."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import MADE_BY_NEWER, BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan, Role
from benchtui.results.records import AskedTask, Group, Partial, RunResults, Score, TaskFacts
from benchtui.results.settings import SCHEMA_VERSION, Block, run_settings
from benchtui.runs.directory import RunDirectory
from benchtui.runs.records import RunState, run_state
from benchtui.runs.result_files import latest_results, run_directory, stamp_of, stamp_time

_NOT_METRICS = {"name", "alias", "sample_len", "sample_count", "samples", " "}


class _Samples(msgspec.Struct):
    original: int
    effective: int


class _File(msgspec.Struct, rename={"n_shot": "n-shot", "n_samples": "n-samples"}):
    """The parts of a result file that are read."""

    results: dict[str, dict[str, Any]]
    groups: dict[str, dict[str, Any]] = {}
    group_subtasks: dict[str, list[str]] = {}
    configs: dict[str, dict[str, Any]] = {}
    versions: dict[str, Any] = {}
    n_shot: dict[str, Any] = {}
    n_samples: dict[str, _Samples] = {}
    higher_is_better: dict[str, dict[str, bool | None]] = {}
    config: dict[str, Any] = {}
    model_name: str | None = None
    lm_eval_version: str | None = None
    transformers_version: str | None = None
    system_instruction: str | None = None
    chat_template: str | None = None
    fewshot_as_multiturn: bool | None = None
    max_length: int | None = None
    benchtui: Block | None = None


def read_run(place: Path | RunDirectory) -> RunResults:
    """Read the latest results in a run directory or an lm-eval output folder, or the result file itself.

    Raises BenchtuiError naming the folder or file: nothing there, damaged, or not lm-eval's.
    """
    path = place.path if isinstance(place, RunDirectory) else place
    file = path if path.is_file() else latest_results(path)
    run = run_directory(file)
    parsed = _parse(file)
    plan = run.plan() if run.exists() else None
    block = parsed.benchtui or Block()
    stamp = stamp_of(file)
    groups = tuple(_groups(parsed))
    return RunResults(
        run=run.path,
        folder=file.parent,
        file=file,
        stamp=stamp,
        model_name=_model_name(parsed, plan),
        role=_role(run, plan),
        state=_state(run, block),
        created=stamp_time(stamp, file),
        scores=tuple(_scores(parsed)),
        tasks=tuple(_task_facts(parsed, name) for name in _leaves(parsed)),
        groups=groups,
        settings=run_settings(parsed.config, msgspec.to_builtins(parsed), block, plan),
        partial=_partial(block, groups),
        early=tuple(block.decide_early.values()),
        fingerprint=block.fingerprint or (plan.fingerprint if plan else ""),
        suite=(plan.suite or "") if plan else "",
        command=plan.command if plan else (),
        equivalent_command=_text(run.equivalent_command),
        lm_eval_version=parsed.lm_eval_version or (plan.lm_eval_version if plan else ""),
        transformers_version=parsed.transformers_version or "",
        benchtui_version=block.version,
        format=plan.source.format if plan else "",
        caveats=_caveats(block),
        health=block.health,
        speed=block.speed,
        data=block.data,
        asked=_asked(block, plan),
        origins={spec.name: spec.origin for spec in plan.data} if plan else {},
        spreads=block.repeats,
        routing=block.routing,
        looked_at=block.looked_at if block.looked_at is not None or plan is None else plan.looked_at,
    )


def _parse(file: Path) -> _File:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))  # not msgspec: lm-eval writes NaN, which is no JSON
        _check_schema(file, raw)
        return msgspec.convert(raw, _File)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise BenchtuiError(
            f"{file} is damaged or not an lm-eval result file: {error}.",
            "Delete it and run the benchmark again.",
        ) from None


def _check_schema(file: Path, raw: Any) -> None:
    """Raise BenchtuiError where what benchtui added is in a newer format and may mean something else."""
    block = raw.get("benchtui") if isinstance(raw, dict) else None
    version = block.get("schema_version") if isinstance(block, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BenchtuiError(f"{file} was {MADE_BY_NEWER}.", "Update benchtui to use this run.")


def _model_name(parsed: _File, plan: BenchmarkPlan | None) -> str:
    if plan is not None:
        return plan.source.path if plan.role == "base" else plan.model_name
    arguments = parsed.config.get("model_args")
    if isinstance(arguments, dict):
        for key in ("peft", "pretrained", "model", "path"):
            if arguments.get(key):
                return str(arguments[key])
    return parsed.model_name or "unnamed model"


def _role(run: RunDirectory, plan: BenchmarkPlan | None) -> Role:
    if plan is not None:
        return plan.role
    if run.path.name == "base" or run.path.parent.name == "previous":
        return "base"
    return "fine-tuned" if run.path.parent.name == "fine-tuned" else "model"


def _state(run: RunDirectory, block: Block) -> RunState:
    """Return a run's state. Runs of other tools have no records; they write the result file only at the end, so they
    count as finished."""
    if run.records.is_dir():
        return run_state(run)
    return "partial" if block.partial else "finished"


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip()
    return ""


def _leaves(parsed: _File) -> list[str]:
    return [name for name in parsed.results if name not in parsed.groups and _has_scores(parsed.results[name])]


def _has_scores(metrics: dict[str, Any]) -> bool:
    return any("," in key for key in metrics)


def _scores(parsed: _File) -> list[Score]:
    found = [score for name in _leaves(parsed) for score in _scores_of(parsed, name, parsed.results[name])]
    for name, metrics in parsed.groups.items():
        found += _scores_of(parsed, name, metrics)
    return found


def _scores_of(parsed: _File, task: str, metrics: dict[str, Any]) -> list[Score]:
    n, total = _sizes(parsed, task)
    found = []
    for key, value in metrics.items():
        metric, comma, filter_name = key.partition(",")
        if not comma or key in _NOT_METRICS or metric.endswith("_stderr"):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        found.append(
            Score(
                task=task,
                metric=metric,
                filter=filter_name,
                value=float(value),
                stderr=_number(metrics.get(f"{metric}_stderr,{filter_name}")),
                n=n,
                higher_is_better=_higher_is_better(parsed, task, metric),
                total=total,
            )
        )
    return found


def _number(value: object) -> float | None:
    """Return the number; None for "N/A", NaN, infinity and everything else that is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _higher_is_better(parsed: _File, task: str, metric: str) -> bool:
    """Return what lm-eval says; groups inherit it, and without any information more is better."""
    named = parsed.higher_is_better.get(task, {}).get(metric)
    if named is None:
        leaves = _leaves_below(parsed, task)
        named = next(
            (v for leaf in leaves if (v := parsed.higher_is_better.get(leaf, {}).get(metric)) is not None), True
        )
    return named


def _sizes(parsed: _File, task: str) -> tuple[int, int]:
    """Return the number of documents scored and of those that the task has, for a group over its leaves."""
    if task in parsed.n_samples:
        samples = parsed.n_samples[task]
        covered = parsed.benchtui.documents.get(task) if parsed.benchtui else None
        return (covered.done if covered else samples.effective), samples.original
    leaves = [leaf for leaf in _leaves_below(parsed, task) if leaf in parsed.n_samples]
    if leaves:
        sizes = [_sizes(parsed, leaf) for leaf in leaves]
        return sum(n for n, _ in sizes), sum(total for _, total in sizes)
    length = parsed.results.get(task, {}).get("sample_len", 0)
    n = length if isinstance(length, int) else 0
    return n, n


def _leaves_below(parsed: _File, name: str, _above: tuple[str, ...] = ()) -> list[str]:
    """Return the leaf tasks under a group, each once; `_above` guards against a file in which groups contain
    themselves."""
    children = parsed.group_subtasks.get(name, [])
    if not children or name in _above:
        return []
    found: dict[str, None] = {}
    for child in children:
        below = _leaves_below(parsed, child, (*_above, name))
        found.update(dict.fromkeys(below or [child]))
    return [leaf for leaf in found if leaf in parsed.results and leaf not in parsed.groups]


def _groups(parsed: _File) -> list[Group]:
    return [
        Group(
            name=name,
            title=str(metrics.get("alias") or name),
            children=tuple(parsed.group_subtasks.get(name, [])),
            leaves=tuple(_leaves_below(parsed, name)),
        )
        for name, metrics in parsed.groups.items()
    ]


def _task_facts(parsed: _File, name: str) -> TaskFacts:
    config = parsed.configs.get(name, {})
    n, total = _sizes(parsed, name)
    generation = config.get("generation_kwargs")
    shots = parsed.n_shot.get(name)
    metrics = config.get("metric_list")
    return TaskFacts(
        name=name,
        version=str(parsed.versions.get(name, "")),
        shots=shots if isinstance(shots, int) else None,
        n=n,
        total=total,
        output_type=str(config.get("output_type", "")),
        generation=json.dumps(generation, sort_keys=True) if generation else "",
        aggregations=tuple(_aggregation(entry) for entry in metrics if isinstance(entry, dict))
        if isinstance(metrics, list)
        else (),
        dataset=str(config.get("dataset_path") or ""),
        subset=str(config.get("dataset_name") or ""),
        split=str(config.get("test_split") or config.get("validation_split") or ""),
    )


def _aggregation(entry: dict[str, Any]) -> tuple[str, str]:
    """Return metric and aggregation: lm-eval stores its own aggregations by name and a task's own by source text."""
    named = str(entry.get("aggregation", ""))
    return str(entry.get("metric", "")), named if named.isidentifier() else ""


def _caveats(block: Block) -> tuple[str, ...]:
    """Return what the worker said about the model, as far as it is text: the file may come from anybody."""
    named = block.resolved.get("caveats")
    return tuple(text for text in named if isinstance(text, str)) if isinstance(named, list) else ()


def _partial(block: Block, groups: Sequence[Group]) -> tuple[Partial, ...]:
    """Return the tasks that lack documents they should have; of a task that stopped early only stalled samples are
    missing."""
    early = {leaf for group in groups if group.name in block.decide_early for leaf in group.leaves}
    early.update(block.decide_early)
    found = []
    for task, documents in block.documents.items():
        wanted = documents.done + len(documents.unanswered) if task in early else documents.total
        if documents.done < wanted and not (task in early and wanted == documents.total):  # before, all unasked ones
            found.append(Partial(task, documents.done, wanted, tuple(documents.unanswered)))
    return tuple(found)


def _asked(block: Block, plan: BenchmarkPlan | None) -> tuple[AskedTask, ...]:
    """Return what the run was to answer: from its result file, which may lie alone, else from its plan."""
    if block.asked:
        return tuple(AskedTask(name, tuple(leaves)) for name, leaves in block.asked.items())
    return tuple(AskedTask(task.name, plan.leaves.get(task.name, ())) for task in plan.tasks) if plan else ()
