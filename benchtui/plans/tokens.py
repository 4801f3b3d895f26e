"""The plan of a comparison by token: which models, which texts, and everything that can change a number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from benchtui.models.source import Source
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.plans.plan import Plan
from benchtui.routing.records import Sampling as Sampling
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.suites import TaskPlan
from benchtui.tokens.modes import Change, Keep, Mode


class TokenModel(msgspec.Struct, frozen=True, kw_only=True):
    """One of the models: `label` is what it is called everywhere, by no other model of the plan.

    `backend_settings`, `backend_options` and `backend_identity` are as in a benchmark's plan.
    """

    label: str
    source: Source
    prompts: PromptSettings
    backend: str
    backend_settings: dict[str, str] = msgspec.field(default_factory=dict)
    backend_options: dict[str, str] = msgspec.field(default_factory=dict)
    backend_identity: dict[str, str] = msgspec.field(default_factory=dict)

    def score_settings(self) -> dict[str, Any]:
        """Everything of it that can change a number, flat, by the names used in messages."""
        prompts = msgspec.to_builtins(self.prompts)
        return {**self.source.score_settings(), "backend": self.backend} | {
            **self.backend_settings,
            **self.backend_identity,
            **{f"prompts: {name}": value for name, value in prompts.items()},
        }


class ChosenDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document of a run that was chosen, and what became of it from the first run to the second."""

    task: str
    doc_id: int
    filter: str = ""
    change: Change = ""


class StoredAnswers(msgspec.Struct, frozen=True, tag="answers", tag_field="type"):
    """The answers that runs have stored: `runs` are their folders (absolute), `labels` who wrote the answers of each.

    `tasks` are leaf tasks, () for all; `limit` is the most documents of each task; `chosen` are the only documents
    wanted, () for all. With `prompts_too` the tokens of the prompt are scored as well (not those of few-shot examples,
    where it is known which they are).
    """

    runs: tuple[str, ...]
    labels: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    chosen: tuple[ChosenDocument, ...] = ()
    prompts_too: bool = False


class TaskReferences(msgspec.Struct, frozen=True, tag="tasks", tag_field="type"):
    """The references of tasks, behind the prompts that a benchmark would ask with; the fields are those of a
    benchmark's plan. A task may be made of the user's own data (`data` says of which)."""

    tasks: tuple[TaskPlan, ...]
    task_files: dict[str, str]
    task_digests: dict[str, str]
    leaves: dict[str, tuple[str, ...]]
    include_paths: tuple[str, ...] = ()
    data: tuple[DataSpec, ...] = ()
    lm_eval_version: str = ""


class GivenText(msgspec.Struct, frozen=True, omit_defaults=True):
    """A prompt, and the text behind it: where that is empty, the tokens of the prompt itself are scored."""

    prompt: str
    answer: str = ""


class GivenTexts(msgspec.Struct, frozen=True, tag="texts", tag_field="type"):
    """Texts that stand in the plan; `name` says where they are from ("benchtui's own prompts, version 1").

    `chat`: they are what a user says to the model, and are put into its chat template.
    """

    name: str
    texts: tuple[GivenText, ...]
    chat: bool = False


TextSource = StoredAnswers | TaskReferences | GivenTexts


class ModelsPlan(Plan, frozen=True, kw_only=True):
    """What every plan has that one worker asks several models for. `sampling` says how they write, where they do."""

    models: tuple[TokenModel, ...]
    sampling: Sampling = Sampling()
    batch_size: int | Literal["auto"] = "auto"

    def load_plan(self, model: int) -> LoadPlan:
        """Return how the model of this number is loaded."""
        one = self.models[model]
        return LoadPlan(
            one.backend,
            one.source,
            one.prompts,
            self.device,
            self.batch_size,
            self.permissions,
            one.backend_settings,
            one.backend_options,
        )

    @property
    def asked(self) -> TaskReferences:
        """The tasks that the models are asked; none but where the texts are theirs."""
        return TaskReferences((), {}, {}, {})

    def benchmark_plan(self, model: int) -> BenchmarkPlan:
        """Return the plan of a benchmark that asks the model of this number the plan's tasks: so what has to be looked
        at in both, such as whose code would run, is looked at by the same functions."""
        one, asked = self.models[model], self.asked
        return BenchmarkPlan(
            role="model",
            model_name=self.model_name,
            bench_id=self.bench_id,
            created=self.created,
            device=self.device,
            permissions=self.permissions,
            offline=self.offline,
            command=self.command,
            python=self.python,
            source=one.source,
            prompts=one.prompts,
            backend=one.backend,
            backend_settings=one.backend_settings,
            backend_options=one.backend_options,
            backend_identity=one.backend_identity,
            batch_size=self.batch_size,
            tasks=asked.tasks,
            task_files=asked.task_files,
            task_digests=asked.task_digests,
            leaves=asked.leaves,
            include_paths=asked.include_paths,
            data=asked.data,
            lm_eval_version=asked.lm_eval_version,
        )


class TextsPlan(ModelsPlan, frozen=True, kw_only=True):
    """What every plan has that asks several models about the same texts."""

    texts: TextSource

    @property
    def asked(self) -> TaskReferences:
        """The tasks that the models are asked; none but where the texts are theirs."""
        return self.texts if isinstance(self.texts, TaskReferences) else super().asked

    def text_facts(self) -> dict[str, Any]:
        """Everything of the texts that can change a number; of tasks their content counts, not where it lies."""
        facts: dict[str, Any] = msgspec.to_builtins(self.texts)
        left_out = ("task_files", "include_paths", "data") if isinstance(self.texts, TaskReferences) else ()
        return {name: value for name, value in facts.items() if name not in left_out}


class TokensPlan(TextsPlan, frozen=True, kw_only=True):
    """Several models, one after another, over the same texts (`mode` "given") or over what each writes ("own").

    The first model is the reference. `pairs` are numbers of models to be compared position by position; () in mode
    "own". `keep` is what is stored of each position, `top_k` how many of the likeliest tokens; `largest` the most
    bytes that the store may take. `keep_heads` puts the output heads into the store. `comparison` names the runs whose
    comparison the texts come from (`--flips`), first and second.
    """

    kind: Literal["tokens"] = "tokens"
    mode: Mode = "given"
    pairs: tuple[tuple[int, int], ...] = ()
    keep: Keep = "hidden"
    top_k: int = 64
    keep_heads: bool = False
    largest: int = 10 << 30
    comparison: tuple[str, str] | None = None
    experiment: str = ""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that can change a number."""
        facts = [
            [model.score_settings() for model in self.models],
            self.text_facts(),
            self.mode,
            self.pairs,
            self.keep,
            self.top_k,
            msgspec.to_builtins(self.sampling) if self.mode == "own" else None,
        ]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]


def reference_pairs(models: int) -> tuple[tuple[int, int], ...]:
    """Each model with the first one, and with the one before it: what is compared where nobody says otherwise."""
    found: Iterable[tuple[int, int]] = (
        pair for number in range(1, models) for pair in ((0, number), (number - 1, number))
    )
    return tuple(dict.fromkeys(found))
