"""lm-eval's own result files, written straight into the run's lm-eval/ folder, whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
import platform
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from lm_eval.evaluator_utils import ResultAcc, _process_results
from lm_eval.utils import handle_non_serializable, hash_string, sanitize_list

from benchtui import __version__
from benchtui.errors import BenchtuiError
from benchtui.files import delete_run_file, write_run_file
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.task_data import TaskData
from benchtui.runs.result_files import file_part
from benchtui.runs.speed import Speed
from benchtui.worker.benchmark.context import Outcome
from benchtui.worker.benchmark.routing import routing_of, seed_metadata
from benchtui.worker.benchmark.tasks.load import LoadedTasks

BOOTSTRAP_ITERATIONS = 100_000  # lm-eval's default, for the few metrics without a formula


def write_results(
    run: RunDirectory,
    plan: BenchmarkPlan,
    tasks: LoadedTasks,
    outcome: Outcome,
    data: dict[str, TaskData],
    speed: Speed,
) -> Path:
    """Write samples_<task>_<time>.jsonl for every task with a scored document, then results_<time>.json; older result
    files of the same run are removed last. Returns the results file. Raises OSError when the disk is full,
    BenchtuiError when the run's directory is gone."""
    if not run.plan_file.exists():
        raise BenchtuiError(f"{run.path} was deleted while it was evaluated.", "Start a new run.")
    scores, facts = outcome.scores, outcome.model.facts
    older = [*run.lm_eval.glob("results_*.json"), *run.lm_eval.glob("samples_*.jsonl")]
    stamp = _stamp(older)
    accumulated: dict[str, ResultAcc] = {
        loaded.name: ResultAcc(
            task=loaded.task,
            raw_metrics=scores[loaded.name].raw_metrics,
            logged_samples=scores[loaded.name].logged_samples,
        )
        for loaded in tasks.tasks
        if scores[loaded.name].documents
    }
    whole_groups = {
        name: group
        for name, group in tasks.groups.items()
        if all(task.task_name in accumulated for task in group.get_all_tasks())
    }
    evaluated = _process_results(accumulated, whole_groups, BOOTSTRAP_ITERATIONS)
    results: dict[str, Any] = dict(evaluated._to_eval_results(samples=None))  # noqa: SLF001 - lm-eval's only assembler
    results["config"] = _config(plan, facts)
    results["date"] = outcome.started
    results["lm_eval_version"] = version("lm_eval")
    results["transformers_version"] = version("transformers")
    results["pretty_env_info"] = f"Python {platform.python_version()}, torch {version('torch')}, {platform.platform()}"
    results |= outcome.model.tokenizer
    results["task_hashes"] = {}
    for name, accumulator in accumulated.items():
        samples = accumulator["logged_samples"]
        results["task_hashes"][name] = hash_string(
            "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)
        )
        write_run_file(run.lm_eval / f"samples_{file_part(name)}_{stamp}.jsonl", b"".join(_sample_lines(samples)))
    results |= _experiment(plan, outcome.started)
    routing = routing_of(plan, outcome.routed, outcome.thresholds)
    if routing is not None:
        results["metadata"] = seed_metadata(plan, outcome, routing)
    results["benchtui"] = {
        "schema_version": 1,
        "version": __version__,
        "partial": outcome.partial,
        "decide_early": msgspec.to_builtins(outcome.early),
        "documents": msgspec.to_builtins(outcome.coverage),
        "health": msgspec.to_builtins(outcome.health),
        "speed": msgspec.to_builtins(speed),
        "data": msgspec.to_builtins(data),
        "fingerprint": plan.fingerprint,
        "plan": plan.score_settings() | ({"decide early": plan.decide_early} if plan.decide_early is not None else {}),
        "asked": {task.name: list(plan.leaves.get(task.name, ())) for task in plan.tasks},
        "looked_at": plan.looked_at,
        **_repeats(outcome),
        **({"routing": msgspec.to_builtins(routing)} if routing else {}),
        **({"thresholds": msgspec.to_builtins(outcome.thresholds)} if outcome.thresholds else {}),
        "resolved": facts,
    }
    path = run.lm_eval / f"results_{stamp}.json"
    write_run_file(path, json.dumps(results, indent=2, default=handle_non_serializable, ensure_ascii=False))
    for file in older:
        delete_run_file(file)
    return path


def _repeats(outcome: Outcome) -> dict[str, Any]:
    """How the scores of tasks vary of which several answers were drawn; nothing where none was."""
    found = {name: scores.spreads for name, scores in outcome.scores.items() if scores.spreads}
    return {"repeats": msgspec.to_builtins(found)} if found else {}


def _stamp(older: list[Path]) -> str:
    """The time, as lm-eval has it in its files' names; later than that of the older files even if the clock went back,
    since readers take the latest."""
    stamps = [stamp for path in older if (stamp := path.stem.rpartition("_")[2])[:4].isdecimal()]
    now = dt.datetime.now().isoformat().replace(":", "-")  # noqa: DTZ005 - lm-eval names its files by local time
    return f"{max(stamps)}1" if stamps and max(stamps) >= now else now


def _config(plan: BenchmarkPlan, facts: dict[str, Any]) -> dict[str, Any]:
    seeds = plan.prompts.seeds
    arguments = {**plan.source.lm_eval_arguments, **plan.prompts.model_args}
    limits = {task.limit for task in plan.tasks}
    return {
        "model": plan.backend,
        "model_args": {key: value for key, value in arguments.items() if value is not None},
        "model_revision": plan.source.revision,
        "model_sha": plan.source.identity,
        "model_dtype": facts.get("dtype"),
        "batch_size": plan.batch_size,
        "device": facts.get("device"),
        "limit": limits.pop() if len(limits) == 1 else None,
        "bootstrap_iters": BOOTSTRAP_ITERATIONS,
        "gen_kwargs": plan.prompts.gen_kwargs or None,
        "random_seed": seeds[0],
        "numpy_seed": seeds[1],
        "torch_seed": seeds[2],
        "fewshot_seed": seeds[3],
    }


def _experiment(plan: BenchmarkPlan, started: float) -> dict[str, Any]:
    """The keys that lm-eval's GeneralConfigTracker adds."""
    name = plan.source.lm_eval_name
    template, system = plan.prompts.chat_template, plan.prompts.system_instruction
    return {
        "model_source": plan.backend,
        "model_name": name,
        "model_name_sanitized": name.replace("/", "__"),
        "system_instruction": system,
        "system_instruction_sha": hash_string(system) if system else None,
        "fewshot_as_multiturn": template is not None,
        "chat_template": template,
        "chat_template_sha": hash_string(template) if template else None,
        "total_evaluation_time_seconds": str(time.time() - started),
    }


def _sample_lines(samples: list[dict[str, Any]]) -> Iterable[bytes]:
    """One JSON line a sample, in the form of lm-eval's EvaluationTracker.save_results_samples."""
    for sample in samples:
        record = dict(sample)
        record["resps"] = sanitize_list(record["resps"])
        record["filtered_resps"] = sanitize_list(record["filtered_resps"])
        record["arguments"] = {
            f"gen_args_{i}": {f"arg_{j}": value for j, value in enumerate(arguments)}
            for i, arguments in enumerate(record["arguments"])
        }
        record["target"] = str(record["target"])
        line = json.dumps(record, default=handle_non_serializable, ensure_ascii=False) + "\n"
        yield line.encode("utf-8", "backslashreplace")  # a lone surrogate cannot be UTF-8
