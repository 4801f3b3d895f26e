"""What can be answered to each question of the wizard, with the words that explain it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.backends.backend import Backend, BatchAdvice
from benchtui.errors import BenchtuiError
from benchtui.models.base import BaseChoice, find_base
from benchtui.models.layout import TrainedModel
from benchtui.models.listing import ListedModel
from benchtui.models.selection import choose_format
from benchtui.settings.rows import NO_SUITE
from benchtui.settings.setting import Question
from benchtui.tasks.suites import BUILT_IN, Suite
from benchtui.tasks.words import PLAIN_WORDS, task_title
from benchtui.text import one_line
from benchtui.wizard.batch import Suggestion
from benchtui.wizard.estimate import Estimate

QUESTIONS: Mapping[Question, tuple[str, str]] = {
    "model": ("Model", "Which trained model?"),
    "base": ("Compare", "Compare it with the model it was trained from?"),
    "format": ("Backend & format", "Which weights, and which backend?"),
    "suite": ("Suite", "Which tasks?"),
    "batch": ("Batch size", "Batch size"),
    "review": ("Review", "Ready?"),
}
"""In the order in which they are asked: a word for lists, and the question."""


ONE_MODEL = ("The wizard benchmarks one model.", "`benchtui run --model all` evaluates every one, without questions.")
"""What is said to somebody who comes with --model all: what happened, what to type."""


NO_MODELS = "No trained model here. What would you like to do?"


@dataclass(frozen=True)
class Option:
    """One answer. `value` is what a Choice holds for it; `why_not` says why it cannot be chosen, and how to fix
    that; "" when it can. A `heading` says what the answers below it have in common, and cannot be chosen."""

    value: str
    title: str
    about: str = ""
    beside: str = ""
    why_not: str = ""
    recommended: bool = False
    heading: bool = False


def first_options() -> list[Option]:
    """Return what can be done in a folder without models."""
    return [
        Option("demo", "Try the demo", "A tiny model against its base: offline, in a minute, in ./benchtui-demo."),
        Option("folder", "Choose another folder", "The one that your trainings write their models into."),
        Option("name", "Name a model", "A hub id (org/name), or the path of a model's folder."),
    ]


def model_options(listed: Sequence[ListedModel]) -> list[Option]:
    """The trained models, newest first."""
    return [_model_option(item) for item in listed]


FROM_SERVER = ""
"""The value of the answer that the model is one of a server; no folder is called so."""


def server_option(backends: Sequence[Backend]) -> list[Option]:
    """Return the answer that the model is one of a server; none where no backend asks servers."""
    titles = ", ".join(one_line(backend.title, 60) for backend in backends)
    return [Option(FROM_SERVER, "A model that a server has", f"Asked by: {titles}.")] if backends else []


def _model_option(item: ListedModel) -> Option:
    model = item.model
    base = f"from {near(item.base.name)}" if item.base else "its files name no base model"
    usable = ", ".join(one_line(form.label, 80) for form in model.formats if form.usable())
    problem = one_line("; ".join(item.problems), 300)
    return Option(
        value=model.name,
        title=one_line(model.name, 80),
        about=f"{base} · {usable}" if usable else base,
        why_not="" if model.usable else problem or "nothing in it can be loaded",
    )


def compare_options(base: BaseChoice | None) -> list[Option]:
    """Return the two answers: compare with the base, or evaluate the model alone."""
    known = f"{near(base.name)}, named by {one_line(base.source_file, 80)}" if base else "type which one below"
    return [
        Option(
            "compare",
            "Compare with the base model",
            f"Only the difference tells whether this model is better: {known}. Its results are kept and used again.",
            recommended=True,
        ),
        Option("alone", "Evaluate the model alone", "Half the time, but a score by itself says little."),
    ]


def known_base(model: TrainedModel, backend: Backend, wanted: str | None) -> BaseChoice | None:
    """Return the base that the files of `model` name for the format `wanted` (None for the best)."""
    if not model.formats:
        return None
    try:
        form = choose_format(model, backend, wanted)
    except BenchtuiError:
        form = model.formats[0]
    return find_base(model, form)


OWN_DATA = Option(
    "own-data", "A file of your own", "JSON, JSONL, CSV, TSV, Parquet or Arrow; or a data set of the Hub."
)
"""Offered in the list where there is no field to type it in."""


def suite_options(suites: Sequence[Suite], estimates: Mapping[str, Estimate], data: Sequence[str] = ()) -> list[Option]:
    """The suites with tasks, documents, time and what each is best for; before them the user's own `data` alone."""
    offered = [_suite_option(suite, estimates.get(suite.name)) for suite in suites]
    return [_data_option(data), *offered] if data else offered


def _data_option(data: Sequence[str]) -> Option:
    names = one_line(", ".join(data), 100)
    return Option(NO_SUITE, "Your own data alone", f"{names}. With one of the suites below, both are evaluated.")


def _suite_option(suite: Suite, estimate: Estimate | None) -> Option:
    tasks = ", ".join(one_line(task_title(task.name), 80) for task in suite.tasks)
    documents = suite_documents(suite)
    size = f" · {documents:,} samples" if documents else ""
    best = f" Best for {one_line(suite.best_for, 100)}." if suite.best_for else ""
    own = "" if suite.source == BUILT_IN else " Your own."
    return Option(
        value=suite.name,
        title=one_line(suite.title or suite.name, 80),
        about=f"{tasks}{size}.{best}{own}",
        beside=estimate.words if estimate else "",
        recommended=suite.name == "quick",
    )


def suite_documents(suite: Suite) -> int | None:
    """Count the documents that the suite asks of a model; None where a task's size is not known without loading it."""
    total = 0
    for task in suite.tasks:
        words = PLAIN_WORDS.get(task.name)
        known = words.documents if words else 0
        if task.limit is not None and task.limit >= 1:
            total += min(int(task.limit), known) if known else int(task.limit)
        elif known:
            total += round(known * task.limit) if task.limit else known
        else:
            return None
    return total


def batch_options(suggestion: Suggestion, chosen: int | str = "auto") -> list[Option]:
    """Return `auto`, then the sizes, `chosen` among them; the suggested one is marked, those that will not fit say so.

    Where the loaded model decides there is nothing else to choose than what was asked for before.
    """
    if suggestion.model_decides:
        auto = Option("auto", "Automatic", "The backend decides when the model is loaded.", recommended=True)
        return [auto, *([Option(str(chosen), str(chosen), "As asked for.")] if chosen != "auto" else [])]
    advice = suggestion.advice
    why = advice.why if advice else "chosen from free memory when the model is loaded"
    auto = Option(
        "auto", "Automatic", f"By what fits into memory, smaller again when it runs out: {why}.", recommended=True
    )
    sizes = {1, 2, 4, 8, 16, 32, 64} | ({chosen} if isinstance(chosen, int) else set())
    return [auto, *(_batch_option(size, advice) for size in sorted(sizes))]


def _batch_option(size: int, advice: BatchAdvice | None) -> Option:
    if size == 1:
        about = "Slowest, least memory. Try this if runs hang."
    elif advice and size > advice.fits:
        about = advice.beyond
    elif advice and size == advice.size:
        about = "Suggested for this machine."
    else:
        about = ""
    return Option(str(size), str(size), about)


def near(name: str) -> str:
    """Write a folder as one would type it from here; a hub id as it is."""
    path = Path(name)
    if path.is_absolute():
        for folder, short in ((Path.cwd(), ""), (Path.home(), "~/")):
            if path.is_relative_to(folder):
                return one_line(short + str(path.relative_to(folder)), 80)
    return one_line(name, 80)
