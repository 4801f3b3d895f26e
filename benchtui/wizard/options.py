"""What can be answered to each question of the wizard, with the words that explain it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.backends.backend import Backend, BatchAdvice
from benchtui.backends.registry import BUILT_IN as OUR_BACKENDS
from benchtui.errors import BenchtuiError
from benchtui.models.base import BaseChoice, find_base
from benchtui.models.layout import ModelFormat, TrainedModel, size_text
from benchtui.models.listing import ListedModel
from benchtui.models.selection import choose_format, formats_words
from benchtui.settings.setting import Question
from benchtui.tasks.suites import BUILT_IN, Suite
from benchtui.tasks.words import PLAIN_WORDS, task_title
from benchtui.text import one_line
from benchtui.wizard.estimate import Estimate

QUESTIONS: Mapping[Question, tuple[str, str]] = {
    "model": ("Model", "Which trained model?"),
    "base": ("Compare", "Compare it with the model it was trained from?"),
    "format": ("Format", "Which weights, and which backend?"),
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
    that; "" when it can."""

    value: str
    title: str
    about: str = ""
    beside: str = ""
    why_not: str = ""
    recommended: bool = False


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


_FORMAT_WORDS = {
    "merged_16bit": "The whole model in 16 bits: what you would deploy.",
    "full": "The whole model, as it lies in the folder.",
    "lora": "The adapter on top of its base: base and fine-tuned model share one load.",
    "merged_4bit": "The whole model in 4 bits: needs a quarter of the memory; part of a loss is quantisation.",
    "checkpoint": "A step of the training.",
    "epoch": "An epoch of the training.",
    "hub": "From the Hugging Face Hub.",
    "gguf": "For llama.cpp and Ollama.",
}


def format_options(model: TrainedModel, backend: Backend) -> list[Option]:
    """Every form of the model with the backend that loads it; what cannot be evaluated says why, and what to do."""
    try:
        best: ModelFormat | None = choose_format(model, backend)
    except BenchtuiError:
        best = None
    options = [_format_option(form, best, backend) for form in model.formats]
    if not any(form.kind in ("merged_16bit", "full", "hub") for form in model.formats):
        options.append(
            Option("", "merged_16bit", why_not="Not there. Merge the adapter into its base (peft merge_and_unload) "
                   "and save it as merged_16bit/.")
        )  # fmt: skip
    return options


def _format_option(form: ModelFormat, best: ModelFormat | None, backend: Backend) -> Option:
    loaded = form.kind in backend.takes
    why_not = one_line(form.problem, 300)
    if not why_not and not loaded:
        why_not = _not_loaded(form, backend)
    loader = [f"Loaded by {backend.title} (backend {backend.name})."] if loaded else []
    return Option(
        value=form.label,
        title=one_line(form.label, 80),
        about=" ".join([_FORMAT_WORDS[form.kind], *loader, *(f"Warning: {w}." for w in form.warnings)]),
        beside=size_text(form.bytes) if form.bytes else "",
        why_not=why_not,
        recommended=best is not None and form.path == best.path,
    )


def _not_loaded(form: ModelFormat, backend: Backend) -> str:
    other = next((other.name for other in OUR_BACKENDS.values() if form.kind in other.takes), "")
    step = f"start again with --backend {other}" if other else f"choose {formats_words(backend.takes)}"
    return f"The {backend.name} backend does not load it; {step}."


def suite_options(suites: Sequence[Suite], estimates: Mapping[str, Estimate]) -> list[Option]:
    """The suites with tasks, documents, time and what each is best for."""
    return [_suite_option(suite, estimates.get(suite.name)) for suite in suites]


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


def batch_options(advice: BatchAdvice | None, chosen: int | str = "auto") -> list[Option]:
    """Return `auto`, then the sizes, `chosen` among them; the suggested one is marked, those that will not fit say
    so."""
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
