"""Which backend answers for a model, with which of its formats: what each gives and costs, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives
from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.backends.registry import DEFAULT_BACKEND, all_backends, find_backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.gguf.types import WHOLE_NUMBERS
from benchtui.models.layout import ModelFormat, TrainedModel, size_text
from benchtui.models.selection import choose_format, formats_words
from benchtui.plans.choice import Choice, access_of
from benchtui.text import one_line
from benchtui.wizard.options import Option
from benchtui.wizard.pair import PAIR, is_pair, pair_option, without_large
from benchtui.wizard.servers import Served

_MOST_SERVED = 200
"""Of a server's models: the list stays one that can be read."""
_PAIRED = frozenset((*HF.takes, *GGUF.takes, "pair"))
"""Formats of models that can be one of two, and two that were named before."""
SERVER = "server"
"""The value of the answer that asks for a server's URL."""


@dataclass(frozen=True)
class KnownBackend:
    """A backend with what its models are reached with, and what it lacks here: "" for nothing, else with the line that
    gets it."""

    backend: Backend
    access: Access = field(default_factory=Access)
    lacks: str = ""

    @property
    def name(self) -> str:
        return self.backend.name

    @property
    def asks_servers(self) -> bool:
        """Whether its models are those of a server, which it can ask for them."""
        return self.backend.served and not self.lacks

    def takes(self, form: ModelFormat, choice: Choice) -> bool:
        """Whether it loads formats of this kind; what one server has is its own backend's alone."""
        return form.kind in self.backend.takes and (form.kind != "served" or self.name == choice.backend)

    def loads(self, model: TrainedModel, choice: Choice) -> bool:
        """Whether it loads any format of `model` on this machine."""
        pickle = choice.permissions.pickle
        return not self.lacks and any(
            self.takes(form, choice) and form.usable(allow_pickle=pickle) for form in model.formats
        )


@dataclass(frozen=True)
class FormatOption(Option):
    """One format with the backend that loads it; `model` is given where it is a server's own model, and `server` is
    where that was found, None where its backend looks by itself."""

    backend: str = ""
    format: str | None = None
    model: TrainedModel | None = None
    server: str | None = None

    def taken(self, choice: Choice, before: TrainedModel | None) -> Choice:
        """`choice` with this answer.

        Of the base that was named counts what was said of the same model: `before` was chosen until now.
        """
        choice = without_large(choice)
        if self.model is None:
            return replace(choice, backend=self.backend, format=self.format, server=None)
        base = choice.base if before is not None and before.path == self.model.path else None
        name = served_name(self.model)
        return replace(choice, backend=self.backend, format=None, server=self.server, model=name, base=base)


def known_backends(choice: Choice) -> list[KnownBackend]:
    """Return all backends with what is missing for them, in the environment that `choice` names for each.

    Imports installed backends, and may start another environment's Python: call it in a thread. Asks no server.
    """
    return [_known(backend, choice) for backend in all_backends()]


def _known(backend: Backend, choice: Choice) -> KnownBackend:
    try:
        access = access_of(choice, backend)
        backend.check(None if backend.served else access)
    except UsageError as error:  # what was asked for makes no sense: nothing is missing
        return KnownBackend(backend, lacks=f"{error.what} → {error.next_step}")
    except BenchtuiError as error:
        return KnownBackend(backend, lacks=f"Not installed: {error.next_step or error.what}")
    return KnownBackend(backend, access)


def usable_model(choice: Choice, named: str, known: Sequence[KnownBackend]) -> TrainedModel:
    """Find the model that is named so, where any backend can load it: as a run finds it, else on this disk.

    Raises BenchtuiError with the reasons.
    """
    backend = find_backend(choice.backend)
    try:
        model = backend.find(choice.outputs, named, access_of(choice, backend))
    except BenchtuiError:
        if not backend.served or not ((choice.outputs / named).is_dir() or Path(named).expanduser().exists()):
            raise
        backend = find_backend(DEFAULT_BACKEND)
        model = backend.find(choice.outputs, named, access_of(choice, backend))
    if not any(one.loads(model, choice) for one in known):
        choose_format(model, backend, allow_pickle=choice.permissions.pickle)
    return model


def with_backend_for(model: TrainedModel, choice: Choice, known: Sequence[KnownBackend]) -> Choice:
    """Return `choice` with a backend that loads the model: its own where that does, else the first that does."""
    able = [one.name for one in known if one.loads(model, choice)]
    return choice if not able or choice.backend in able else replace(choice, backend=able[0], server=None)


def value_of(model: TrainedModel | None, choice: Choice) -> str | None:
    """Return the value of the answer that `choice` already is: its format may be named otherwise there (`4bit`, a
    path). Raises BenchtuiError where it names what there is not."""
    backend = find_backend(choice.backend)
    if is_pair(choice):
        return PAIR
    if model is None or (choice.format is None and not backend.served):
        return None
    form = choose_format(model, backend, choice.format, allow_pickle=choice.permissions.pickle)
    return f"{backend.name}:{form.served_name or form.label}"


def served_name(model: TrainedModel) -> str:
    """What a server calls its model, as --model names it."""
    return next((form.served_name for form in model.formats if form.served_name), model.name)


def backend_options(
    model: TrainedModel | None,
    choice: Choice,
    known: Sequence[KnownBackend],
    served: Mapping[str, Served],
) -> list[Option]:
    """Return all ways to load `model` (None: those of servers alone), a heading for each backend.

    `served` are the servers that were asked, by the backend that asked them.
    """
    options: list[Option] = []
    for one in sorted(known, key=lambda one: _rank(one, model, choice)):
        options += _of_backend(one, model, choice, served.get(one.name))
    if model is not None:
        options += _nobodys(model, known)
    return options


def _rank(one: KnownBackend, model: TrainedModel | None, choice: Choice) -> int:
    """What loads the model comes first, then what loads it beside another, then what asks a server, then what has to be
    installed, then the rest."""
    if model is not None and one.loads(model, choice):
        return 0
    if "pair" in one.backend.takes:
        return 1
    return 3 if one.lacks else 2 if one.backend.served else 4


def _of_backend(
    one: KnownBackend, model: TrainedModel | None, choice: Choice, served: Served | None
) -> Iterator[Option]:
    forms = [form for form in (model.formats if model else ()) if one.takes(form, choice)]
    if one.lacks:
        yield _heading(one, lacking=one.lacks)
        return
    if "pair" in one.backend.takes:
        if model is not None and any(form.kind in _PAIRED for form in model.formats if form.usable()):
            yield _heading(one)
            yield pair_option()
        return
    if not forms and not one.backend.served:
        if model is not None:
            yield _heading(one, lacking=f"It loads {formats_words(one.backend.takes)}; this model has none.")
        return
    yield _heading(one)
    best = _best(one.backend, model, choice)
    for form in forms:
        if model is not None and form.kind == "served":
            yield _served_option(one.backend, model, model, choice.server)
        else:
            yield _format_option(one.backend, form, best)
    if one.backend.served:
        yield from _served_options(one.backend, model, served)


def _heading(one: KnownBackend, lacking: str = "") -> Option:
    backend = one.backend
    facts = [gives_words(backend.gives), backend.costs, backend.unverified]
    return Option(
        value=f"{backend.name}:",
        title=one_line(backend.name, 40),
        beside=one_line(backend.title, 60),
        about=one_line(" · ".join(filter(None, facts)), 200),
        why_not=one_line(lacking, 400),
        heading=True,
    )


def gives_words(gives: Gives) -> str:
    """Return what a backend gives, in a few words."""
    return " · ".join(
        words if given else f"no {words}"
        for words, given in (("generated text", gives.generate), ("log-likelihoods", gives.loglikelihood))
    )


def _best(backend: Backend, model: TrainedModel | None, choice: Choice) -> ModelFormat | None:
    """The format that is recommended: the best one of the backend in use."""
    if model is None or backend.name != choice.backend:
        return None
    try:
        return choose_format(model, backend, allow_pickle=choice.permissions.pickle)
    except BenchtuiError:
        return None


_FORMAT_WORDS = {
    "merged_16bit": "The whole model in 16 bits: what you would deploy.",
    "full": "The whole model, as it lies in the folder.",
    "lora": "The adapter on top of its base: base and fine-tuned model share one load.",
    "merged_4bit": "The whole model in 4 bits: needs a quarter of the memory; part of a loss is quantisation.",
    "checkpoint": "A step of the training.",
    "epoch": "An epoch of the training.",
    "hub": "From the Hugging Face Hub.",
    "gguf": "For llama.cpp and Ollama",
}


def _format_option(backend: Backend, form: ModelFormat, best: ModelFormat | None) -> FormatOption:
    warnings = (f"Warning: {one_line(words, 200)}." for words in form.warnings)
    return FormatOption(
        value=f"{backend.name}:{form.label}",
        title=one_line(form.label, 80),
        about=" ".join([_about(form), *warnings]),
        beside=_size(form),
        why_not=one_line(form.problem, 300),
        recommended=best is not None and form.path == best.path and form.label == best.label,
        backend=backend.name,
        format=form.label,
    )


def _about(form: ModelFormat) -> str:
    words = _FORMAT_WORDS[form.kind]
    if form.kind != "gguf":
        return words
    files = f", in {len(form.parts) + 1} files" if form.parts else ""
    whole = form.quantization in WHOLE_NUMBERS
    return f"{words}{files}: {'not quantised' if whole else 'part of a loss may be quantisation'}."


def _served_options(backend: Backend, model: TrainedModel | None, served: Served | None) -> Iterator[Option]:
    own = [form.served_name for form in model.formats] if model else []
    if served is not None:
        others = [found for found in served.models if served_name(found) not in own]
        for found in others[:_MOST_SERVED]:
            yield _served_option(backend, found, model, served.server, served.facts.get(served_name(found), ""))
        if (more := len(others) - _MOST_SERVED) > 0:
            words = f"{more:,} more: name one of them with --backend {backend.name} --model NAME."
            yield Option(f"{backend.name}:more", "", words, heading=True)
        if served.words:
            yield Option(f"{backend.name}:asked", "", one_line(served.words, 400), heading=True)
    yield Option(f"{backend.name}:{SERVER}", "Ask a server …", "Type its URL.")


def _served_option(
    backend: Backend, found: TrainedModel, model: TrainedModel | None, server: str | None, known: str = ""
) -> FormatOption:
    form = found.formats[0] if found.formats else None
    same = model is not None and found.path == model.path
    twin = model.name if model is not None and same and model is not found else ""
    about = [known, form.note if form else "", *(f"Warning: {words}." for words in (form.warnings if form else ()))]
    return FormatOption(
        value=f"{backend.name}:{served_name(found)}",
        title=one_line(served_name(found), 80),
        about=one_line(" ".join(filter(None, [f"The same as {twin}." if twin else "", *about])), 300),
        beside=_size(form) if form else "",
        why_not=one_line("; ".join(found.all_problems), 300),
        recommended=same,
        backend=backend.name,
        model=found,
        server=server,
    )


def _nobodys(model: TrainedModel, known: Sequence[KnownBackend]) -> Iterator[Option]:
    """What is there and loaded by nothing here, and what is not there yet."""
    for form in model.formats:
        if not any(form.kind in one.backend.takes for one in known):
            why = one_line(form.problem, 300) or "No backend that is registered here loads it."
            yield FormatOption(f":{form.label}", one_line(form.label, 80), beside=_size(form), why_not=why)
    whole = any(form.kind in ("merged_16bit", "full", "hub", "served") for form in model.formats)
    if not whole and any(form.adapter for form in model.formats):
        yield Option("", "merged_16bit", why_not="Not there. Merge the adapter into its base (peft merge_and_unload) "
                     "and save it as merged_16bit/.")  # fmt: skip


def _size(form: ModelFormat) -> str:
    return " · ".join(filter(None, [one_line(form.quantization, 20), size_text(form.bytes) if form.bytes else ""]))
