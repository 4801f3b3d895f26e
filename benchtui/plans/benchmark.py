"""The plan of a benchmark: one model, its tasks, and everything that can change a score."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchtui.backends.access import Access
from benchtui.backends.registry import DEFAULT_BACKEND
from benchtui.evidence.questions import Question
from benchtui.models.layout import TrainingFacts
from benchtui.models.source import ServedSource, Source
from benchtui.plans.plan import Plan
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.suites import TaskPlan

TEMPLATE_DATE = "date in the chat template"
REPEATS = "repeats"

Role = Literal["base", "fine-tuned", "model"]
"""What a run is of: a base, a fine-tuned model, or ("model") one of several files of a model that are compared with
each other; such a run is never the model's result."""


class PromptSettings(msgspec.Struct, frozen=True):
    """How prompts are built and answered; base and fine-tuned always share one of these.

    `chat_template` is the Jinja text applied on both sides, None for none, and `template_file` the file it came from,
    for messages; `template_tokens` the special tokens it writes, where the two tokenizers' own differ; `template_date`
    the moment (ISO, local time) that it takes for now, where it writes the date; `dtype` "auto" means the worker's
    choice for its device (recorded when made). Seeds are lm-eval's four: python, numpy, torch, few-shot.
    """

    chat_template: str | None = None
    template_file: str = ""
    template_tokens: dict[str, str] = {}
    template_date: str | None = None
    system_instruction: str | None = None
    gen_kwargs: dict[str, Any] = {}
    enable_thinking: bool | None = None
    think_end_token: str | None = None
    max_length: int | None = None
    dtype: str = "auto"
    model_args: dict[str, Any] = {}
    seeds: tuple[int, int, int, int] = (0, 1234, 1234, 1234)


class BenchmarkPlan(Plan, frozen=True, kw_only=True):
    """One model and its tasks: all that a worker needs.

    `backend_settings` are the settings that only the plan's backend has and that can change a score, `backend_options`
    those that cannot; `backend_identity` is what of the backend itself can change a score (versions): all by the names
    used in messages. `task_files` maps every task, group and tag the
    worker may meet to its YAML file, so that it need not build lm-eval's full index; `leaves` names the leaf tasks of
    each task of the plan. `data` says which of the tasks were made of the user's own data, and where those came from.
    `base_run` is the base's run directory, relative to benchmarks/.
    `decide_early` stops a task once its comparison with the base is decided: the difference, in points, that would not
    matter; None evaluates every document. `decide_for` is what must be known by then, `decide_loss` the loss in points
    that it may ask about. `base_fingerprint` is that of the base run it is then compared with.
    `training` is what the training had written down when the run was made: a model may be trained again into the same
    folder. None for a base, and in plans from before it was kept. `looked_at` names earlier runs that asked this model
    the same and might have stopped early, None where that was not noted. `repeats` answers are drawn to each document
    of a task that generates text.
    """

    kind: str = "benchmark"
    role: Role
    source: Source
    tasks: tuple[TaskPlan, ...]
    prompts: PromptSettings
    suite: str | None = None
    backend: str = DEFAULT_BACKEND
    backend_settings: dict[str, str] = msgspec.field(default_factory=dict)
    backend_options: dict[str, str] = msgspec.field(default_factory=dict)
    backend_identity: dict[str, str] = msgspec.field(default_factory=dict)
    batch_size: int | Literal["auto"] = "auto"
    include_paths: tuple[str, ...] = ()
    data: tuple[DataSpec, ...] = ()
    task_files: dict[str, str] = msgspec.field(default_factory=dict)
    task_digests: dict[str, str] = msgspec.field(default_factory=dict)
    leaves: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    lm_eval_version: str = ""
    base_run: str | None = None
    decide_early: float | None = None
    decide_for: tuple[Question, ...] = ("sign",)
    decide_loss: float = 0.0
    base_fingerprint: str = ""
    training: TrainingFacts | None = None
    looked_at: tuple[str, ...] | None = None
    repeats: int = 1

    @classmethod
    def upgraded(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON of a plan of version 1 as this version writes it: it knew Hugging Face models alone."""
        settings = {"engine": document.pop("engine", "fast")}
        identity = {"transformers": document.pop("transformers_version", "")}
        source = document.get("source")
        if isinstance(source, dict):
            local = Path(str(source.get("path", ""))).is_absolute()
            source = {**source, "type": "folder" if local else "hub"}
        return {**document, "source": source, "backend_settings": settings, "backend_identity": identity}

    @property
    def access(self) -> Access:
        """What the model is reached with, as the plan says it."""
        own = self.backend_settings | self.backend_options
        server = self.source.server if isinstance(self.source, ServedSource) else None
        return Access(server, own, self.offline, self.permissions.pickle)

    @property
    def limited(self) -> bool:
        """Whether documents of any task are left out on purpose."""
        return any(task.limit is not None for task in self.tasks)

    def score_settings(self) -> dict[str, Any]:
        """Everything except the tasks that can change a score, flat, by the names used in messages."""
        prompts = self.prompts
        return {
            **self.source.score_settings(),
            "backend": self.backend,
            **self.backend_settings,
            "dtype": prompts.dtype,
            "chat template": _digest(prompts.chat_template) if prompts.chat_template else None,
            "template tokens": dict(sorted(prompts.template_tokens.items())),
            **({TEMPLATE_DATE: prompts.template_date} if prompts.template_date else {}),
            "system instruction": prompts.system_instruction,
            "generation settings": dict(sorted(prompts.gen_kwargs.items())),
            "enable thinking": prompts.enable_thinking,
            "think end token": prompts.think_end_token,
            "max length": prompts.max_length,
            "model args": dict(sorted(prompts.model_args.items())),
            "seeds": list(prompts.seeds),
            **({REPEATS: self.repeats} if self.repeats > 1 else {}),  # as it was for all plans without
            "lm-eval": self.lm_eval_version,
            **self.backend_identity,
        }

    def task_settings(self) -> dict[str, dict[str, Any]]:
        """For each task what can change its score: shots, limit, and the digest of its YAML."""
        return {
            task.name: {
                "shots": task.num_fewshot,
                "limit": task.limit,
                "task file": self.task_digests.get(task.name),
                "decide early": self.decide_early,
                "compared with": self.base_fingerprint if self.decide_early is not None else None,
                **self._decided_for(),
            }
            for task in self.tasks
        }

    def bound_facts(self) -> dict[str, Any]:
        """Everything that can change a score, flat: what a journal of answers is bound to."""
        tasks = {
            f"{task} {name}": value
            for task, settings in self.task_settings().items()
            for name, value in settings.items()
        }
        return {**self.score_settings(), **tasks, "fingerprint": self.fingerprint}

    def _decided_for(self) -> dict[str, Any]:
        """What else says where a task stops; nothing for the sign alone, so that older plans keep their fingerprint."""
        if self.decide_early is None or self.decide_for == ("sign",):
            return {}
        loss = self.decide_loss if "loss" in self.decide_for else None
        return {"decide for": list(self.decide_for), "decide loss": loss}

    @property
    def fingerprint(self) -> str:
        """Digest of everything that can change a score; equal fingerprints may share a journal."""
        return _digest(msgspec.json.encode([self.score_settings(), self.task_settings()], order="sorted").decode())

    def differences(self, other: BenchmarkPlan, *, tasks: Literal["same", "subset"] = "same") -> list[str]:
        """What keeps `other`'s answers from standing for ours, in words; empty when they may.

        "subset": `other` may hold more tasks than we ask for (a base run reused for a smaller suite).
        """
        now, there = self.score_settings(), other.score_settings()
        found = [
            f"{name}: {there.get(name)!r} there, {now.get(name)!r} now"
            for name in dict.fromkeys((*now, *there))
            if now.get(name) != there.get(name)
        ]
        read = other.source.whole or other.source.identity  # of small weights and hub models the identity tells all
        if self.source.whole and self.source.whole != read:
            found.append(f"all of the model's bytes: {read} there, {self.source.whole} now")
        mine, others = self.task_settings(), other.task_settings()
        for task, settings in mine.items():
            if task not in others:
                found.append(f"task {task} is not in it")
                continue
            theirs = others[task]
            found += [
                f"{task} {name}: {theirs.get(name)!r} there, {settings.get(name)!r} now"
                for name in dict.fromkeys((*settings, *theirs))
                if theirs.get(name) != settings.get(name)
            ]
        if tasks == "same":
            found += [f"task {task} is only in it" for task in others if task not in mine]
        return found


def with_date_of(plan: BenchmarkPlan, other: BenchmarkPlan) -> BenchmarkPlan:
    """`plan` with the date that `other`'s chat template writes, where both write one: so that prompts are the same."""
    if plan.prompts.template_date is None or other.prompts.template_date is None:
        return plan
    prompts = msgspec.structs.replace(plan.prompts, template_date=other.prompts.template_date)
    return msgspec.structs.replace(plan, prompts=prompts)


def side_by_side(plans: Sequence[BenchmarkPlan]) -> bool:
    """Whether runs are evaluated document by document together: a base, and what decides early against it on the same
    tasks. (A base that knows more tasks was evaluated in full before: it only has to be put in order.)"""
    if len(plans) != 2 or plans[0].role != "base" or plans[1].decide_early is None:
        return False
    return {task.name for task in plans[0].tasks} == {task.name for task in plans[1].tasks}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
