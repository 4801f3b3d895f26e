"""Run directories with chosen outcomes, in lm-eval's own file format: for statistics, sizes and damage that no real
run gives on demand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.runs.result_files import file_part

STAMP = "2026-11-20T10-30-15.123456"


@dataclass(frozen=True)
class Task:
    """One task's outcomes. `values` holds, for each (metric, filter), the value of each document.

    `documents` names them (equal names are equal documents); `prompt` is part of every prompt; `text` is the answer
    of each document; `filler` pads every line, for files of real size.
    """

    values: Mapping[tuple[str, str], Sequence[Any]]
    documents: Sequence[str] | None = None
    prompt: str = ""
    shots: int = 0
    version: float = 1.0
    total: int | None = None
    generation: Mapping[str, Any] | None = None
    higher_is_better: bool = True
    scores: Mapping[str, float] = field(default_factory=dict)
    answers: Sequence[str] | None = None
    targets: Sequence[str] | None = None
    filler: str = ""

    @property
    def n(self) -> int:
        return len(next(iter(self.values.values())))


def ifeval(strict: Sequence[bool], **settings: Any) -> Task:
    """IFEval as lm-eval writes it, for prompts of one instruction each unless `inst` says otherwise."""
    inst = settings.pop("inst", [[passed] for passed in strict])
    values = {
        ("prompt_level_strict_acc", "none"): list(strict),
        ("inst_level_strict_acc", "none"): inst,
        ("prompt_level_loose_acc", "none"): list(strict),
        ("inst_level_loose_acc", "none"): inst,
    }
    return Task(values, total=settings.pop("total", 541), **settings)


def early_stop(
    decision: str, low: float, high: float, *, base: str = "base-1", n: int = 60, total: int = 541
) -> dict[str, Any]:
    """What the worker adds to the result file of a run whose IFEval stopped after `n` documents, decided against the
    run with the fingerprint `base`."""
    stop = {
        "task": "ifeval",
        "metric": "prompt_level_strict_acc",
        "filter": "none",
        "decision": decision,
        "n": n,
        "total": total,
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
        "delta": 0.02,
        "alpha": 0.04,
        "base_fingerprint": base,
    }
    return {
        "plan": {"backend": "hf", "decide early": 2.0},
        "decide_early": {"ifeval": stop},
        "documents": {"ifeval": {"done": n, "total": total}},
        "fingerprint": "tuned-1",
    }


def write_run(
    folder: Path,
    tasks: Mapping[str, Task],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    nested: Mapping[str, Sequence[str]] | None = None,
    model: str = "tiny/model",
    stamp: str = STAMP,
    settings: Mapping[str, Any] | None = None,
    block: Mapping[str, Any] | None = None,
    samples: bool = True,
) -> Path:
    """Write `folder`/lm-eval/{results,samples}_*; returns `folder`. `groups` are means by size over their tasks.

    `settings` goes over the result file's top level, `block` under "benchtui". `nested` groups hold other groups.
    """
    place = folder / "lm-eval"
    place.mkdir(parents=True, exist_ok=True)
    scores = {name: {"alias": name, "sample_len": task.n, **_scores(task)} for name, task in tasks.items()}
    members = dict(groups or {})
    leaves = {**members, **{name: [t for g in inner for t in members[g]] for name, inner in (nested or {}).items()}}
    document: dict[str, Any] = {
        "results": scores,
        "groups": {name: _group(name, below, tasks, scores) for name, below in leaves.items()},
        "group_subtasks": {**{name: list(below) for name, below in members.items()}, **dict(nested or {})},
        "configs": {name: _config(task) for name, task in tasks.items()},
        "versions": {name: task.version for name, task in tasks.items()},
        "n-shot": {name: task.shots for name, task in tasks.items()},
        "higher_is_better": {
            name: {metric: task.higher_is_better for metric, _ in task.values} for name, task in tasks.items()
        },
        "n-samples": {name: {"original": task.total or task.n, "effective": task.n} for name, task in tasks.items()},
        "config": {"model": "hf", "model_args": {"pretrained": model}, "model_dtype": "torch.bfloat16", "limit": None},
        "lm_eval_version": "0.4.13",
        "transformers_version": "5.23.0",
        "chat_template": None,
        "system_instruction": None,
        **dict(settings or {}),
    }
    if block is not None:
        document["benchtui"] = dict(block)
    (place / f"results_{stamp}.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    if samples:
        for name, task in tasks.items():
            write_samples(place / f"samples_{file_part(name)}_{stamp}.jsonl", task)
    return folder


def write_samples(file: Path, task: Task) -> None:
    filters = list(dict.fromkeys(name for _, name in task.values))
    with file.open("w", encoding="utf-8") as lines:
        for filter_name in filters:
            metrics = [metric for metric, named in task.values if named == filter_name]
            for i in range(task.n):
                name = task.documents[i] if task.documents else f"document {i}"
                prompt = f"{task.prompt}{name}{task.filler}"
                answer = task.answers[i] if task.answers else "an answer"
                line = {
                    "doc_id": i,
                    "doc": {"name": name},
                    "target": task.targets[i] if task.targets else "the target",
                    "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": []}}},
                    "resps": [[answer]],
                    "filtered_resps": [answer],
                    "filter": filter_name,
                    "metrics": metrics,
                    "doc_hash": _hash(name),
                    "prompt_hash": _hash(prompt),
                    "target_hash": _hash(task.targets[i] if task.targets else "the target"),
                    **{metric: task.values[metric, filter_name][i] for metric in metrics},
                }
                lines.write(json.dumps(line) + "\n")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _scores(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (metric, filter_name), values in task.values.items():
        several = bool(values) and isinstance(values[0], list)
        flat = [float(v) for value in values for v in (value if several else [value])]
        mean = sum(flat) / len(flat)
        variance = sum((v - mean) ** 2 for v in flat) / max(len(flat) - 1, 1)
        key = f"{metric},{filter_name}"
        found[key] = task.scores.get(key, mean)
        found[f"{metric}_stderr,{filter_name}"] = "N/A" if several else (variance / len(flat)) ** 0.5
    return found


def _group(
    name: str, below: Sequence[str], tasks: Mapping[str, Task], scores: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    keys = [key for key in scores[below[0]] if "," in key and "_stderr" not in key]
    sizes = [tasks[task].n for task in below]
    found: dict[str, Any] = {"alias": name, "sample_len": sum(sizes)}
    for key in keys:
        found[key] = sum(scores[t][key] * n for t, n in zip(below, sizes, strict=True)) / sum(sizes)
        found[key.replace(",", "_stderr,")] = 0.01
    return found


def _config(task: Task) -> dict[str, Any]:
    metrics = dict.fromkeys(metric for metric, _ in task.values)
    return {
        "dataset_path": "some/dataset",
        "test_split": "test",
        "output_type": "generate_until",
        "generation_kwargs": dict(task.generation or {"until": [], "max_gen_toks": 1280}),
        "metric_list": [{"metric": metric, "aggregation": "mean"} for metric in metrics],
    }
