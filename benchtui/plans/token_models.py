"""The models of a comparison by token: found, described, named, and given one chat template."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.backends.gguf import GGUF
from benchtui.backends.registry import BUILT_IN, find_backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.discovery import absolute, number_of
from benchtui.models.fit import check_fit
from benchtui.models.gguf.parts import is_gguf
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.models.source import Source
from benchtui.plans.abilities import check_distributions
from benchtui.plans.base import check_other, wanted_base
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.prepare import check_code, describe_model, loading_base, read_whole, with_tokenizer_of
from benchtui.plans.token_choice import BASE, TokensChoice
from benchtui.plans.tokenizer import choose_form
from benchtui.text import one_line, printable
from benchtui.tokens.modes import REFERENCE

_STEPS = ("checkpoint", "epoch")


@dataclass(frozen=True)
class FoundModel:
    """A model that was named, and how it is loaded; `form` None for the base of another one.

    `choice` says what the user chose of it, its backend among that; `stands_on` is the base that it cannot be loaded
    without. `model` is where its results would go.
    """

    choice: Choice
    backend: Backend
    model: TrainedModel
    form: ModelFormat | None
    own: ModelDescription
    stands_on: ModelDescription | None = None

    @property
    def access(self) -> Access:
        """What it is reached with."""
        return access_of(self.choice, self.backend)

    @property
    def prompted_by(self) -> ModelDescription:
        """What has its tokenizer and chat template."""
        return self.own if self.own.has_tokenizer or self.stands_on is None else self.stands_on

    @property
    def unread_source(self) -> Source:
        """Where its weights come from."""
        return self.backend.source(self.form, self.own, self.stands_on, self.access)

    def source(self) -> Source:
        """The same, read through where --verify asks for it."""
        return read_whole(self.unread_source) if self.choice.verify else self.unread_source


@dataclass(frozen=True)
class FoundModels:
    """The models in the order in which they are compared, what each is called, and what the user should know."""

    models: tuple[FoundModel, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def owner(self) -> TrainedModel:
        """The model whose folder the run lies in: the first that is in outputs/, else the first of all, which gets one
        there, as models of the Hub do."""
        for found in self.models:
            if _in_outputs(found):
                return found.model
        first = self.models[0]
        if first.form is None or first.form.kind in ("hub", "served"):
            return first.model
        name = _short_name(first)
        return dataclasses.replace(first.model, name=name, path=absolute(first.choice.outputs) / name)


def find_models(choice: TokensChoice) -> FoundModels:
    """Find and describe the models that `choice` names.

    Raises UsageError for names that mean nothing, labels that do not fit, and a model whose backend gives no
    distributions; BenchtuiError for what is missing or broken.
    """

    def check(found: FoundModel) -> None:
        check_distributions(found.backend, found.form, found.own, found.access, writes=choice.mode == "own")

    wanted = Wanted(choice.settings, choice.models, choice.names, choice.checkpoints, "benchtui tokens compare")
    return find_wanted(wanted, check)


@dataclass(frozen=True)
class Wanted:
    """The names of models as they were typed, what they shall be called (() for what suits), whether the checkpoints of
    each are wanted too, and the `command` that they were typed for, for messages."""

    settings: Choice
    models: tuple[str, ...]
    names: tuple[str, ...]
    checkpoints: bool
    command: str


def find_wanted(choice: Wanted, check: Callable[[FoundModel], None]) -> FoundModels:
    """Find and describe the models that are wanted; `check` raises for one that cannot be used.

    Raises what `check` raises, UsageError for names that mean nothing and labels that do not fit, BenchtuiError for
    what is missing or broken.
    """
    if all(name == BASE for name in choice.models):
        raise UsageError("No trained model is named.", f"Name those that are meant: {choice.command} base my-model")
    trained = [() if name == BASE else tuple(_named(choice, name)) for name in choice.models]
    base, notes = None, list[str]()
    if BASE in choice.models:
        each = [models[-1] for models in trained if models]
        base, note = _base_of(next((found for found in each if "hub" in found.backend.takes), each[0]))
        notes.append(note)
    models = tuple(found for group in trained for found in (group or filter(None, [base])))
    for found in models:
        check(found)
        fit = check_fit(found.own, found.stands_on, found.form.tokenizer) if found.form else None
        notes += [found.form.note if found.form else "", found.own.note, *(fit.notes if fit else ())]
        warnings = (*found.own.warnings, *(fit.warnings if fit else ()))
        notes += [f"Warning: {one_line(found.own.name, 200)}: {words}." for words in warnings]
    return FoundModels(models, _labels(choice, models), tuple(dict.fromkeys(filter(None, notes))))


def _named(choice: Wanted, name: str) -> Iterator[FoundModel]:
    """Yield the model called `name`, its checkpoints before it where they are wanted, in the order of their steps."""
    settings, backend = _parsed(choice.settings, name)
    access = access_of(settings, backend)
    backend.check(access)
    check_code(settings, backend)
    model = backend.find(settings.outputs, settings.model, access)
    if str(model.path) != printable(str(model.path)):
        raise BenchtuiError(
            f"The name of the folder {printable(str(model.path))} holds characters that no record can.", "Rename it."
        )
    form = choose_form(settings, model, backend)
    steps: list[ModelFormat] = []
    if choice.checkpoints:
        usable = [one for one in model.formats if one.kind in _STEPS and one.usable(allow_pickle=access.pickle)]
        steps = sorted((one for one in usable if one.path != form.path), key=number_of)
    for one in (*steps, form):
        own = with_tokenizer_of(describe_model(one.location, settings, backend), one)
        yield FoundModel(settings, backend, model, one, own, loading_base(model, one, own, settings, backend))


def _parsed(settings: Choice, name: str) -> tuple[Choice, Backend]:
    """Read BACKEND:NAME and NAME:FORMAT; a GGUF file is opened by the gguf backend whatever the others are."""
    backend, rest, form = find_backend(settings.backend), name, None
    before, _, behind = name.partition(":")
    if behind and before in BUILT_IN:
        backend, rest = BUILT_IN[before], behind
    before, _, behind = rest.rpartition(":")
    if before and behind and not backend.served and _is_there(before, settings.outputs):
        rest, form = before, behind
    path = Path(rest).expanduser()
    if path.is_file() and is_gguf(path) and "gguf" not in backend.takes:
        backend = GGUF
    return dataclasses.replace(settings, model=rest, backend=backend.name, format=form, compare=False), backend


def _is_there(name: str, outputs: Path) -> bool:
    return Path(name).expanduser().exists() or (outputs / name).is_dir()


def _base_of(found: FoundModel) -> tuple[FoundModel, str]:
    """Return the base of a trained model, and what the user should know of that choice."""
    assert found.form is not None  # noqa: S101 - it was named
    try:
        wanted = wanted_base(found.model, found.form, found.choice, found.backend)
    except BenchtuiError as error:
        raise UsageError(error.what, "Name that model instead of base, or with --adapter-base.") from None
    if wanted.choice is None:
        raise UsageError(
            f"The {found.backend.name} backend does not know the base of {one_line(found.model.name, 100)}.",
            "Name that model instead of base.",
        )
    own = describe_model(wanted.choice.name, found.choice, found.backend)
    check_other(found.own, own)
    place = absolute(found.choice.outputs) / Path(own.name).name if own.local else None
    name = Path(own.name).name if own.local else own.name
    model = TrainedModel(name, place or absolute(found.choice.outputs) / own.name.replace("/", "--"))
    return FoundModel(found.choice, found.backend, model, None, own), wanted.note


def _in_outputs(found: FoundModel) -> bool:
    """Whether it is a folder of outputs/ that is there."""
    path = found.model.path
    return found.form is not None and path.is_dir() and path.is_relative_to(absolute(found.choice.outputs))


# What they are called.


def _short_name(found: FoundModel) -> str:
    """The model's own name, without what is above it; outside outputs/ that of its folder or file, since what lies
    beside it there need not belong to it."""
    form, name = found.form, found.model.name.rpartition("/")[2]
    if form is not None and not _in_outputs(found) and form.kind in ("full", "gguf"):
        name = form.path.stem if form.kind == "gguf" else form.path.name
    return name


def _labels(choice: Wanted, models: Sequence[FoundModel]) -> tuple[str, ...]:
    """Return what each model is called: as the user says, else as short as tells it from the others."""
    if choice.names:
        if len(choice.names) != len(models):
            raise UsageError(
                f"--names has {len(choice.names)} names for {len(models)} models.",
                "Give one for each, in their order (--checkpoints adds models).",
            )
        again = [name for name, times in Counter(choice.names).items() if times > 1]
        if again:
            raise UsageError(f"--names has {one_line(again[0], 60)!r} twice.", "Give each model a name of its own.")
        if REFERENCE in choice.names:
            raise UsageError(
                f"--names: {REFERENCE} is who wrote the right answers of tasks, and no model.", "Choose another name."
            )
        return choice.names
    spellings = [[name for name in _spellings(found) if name != REFERENCE] for found in models]
    chosen = [names[0] for names in spellings]
    for longer in range(1, max(map(len, spellings))):
        counts = Counter(chosen)
        chosen = [
            names[min(longer, len(names) - 1)] if counts[name] > 1 else name
            for name, names in zip(chosen, spellings, strict=True)
        ]
    return tuple(_numbered(chosen))


def _spellings(found: FoundModel) -> list[str]:
    """Names of a model, each longer than the one before."""
    if found.form is None:
        return [BASE]
    name, form = one_line(found.model.name, 80), one_line(found.form.label, 80)
    short = one_line(_short_name(found), 80)
    return [short, f"{short}:{form}", f"{name}:{form}", f"{found.backend.name}:{name}:{form}"]


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """Yield the names, those that occur again with a number behind them."""
    taken: set[str] = set()
    for name in names:
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name} ({number})"
        taken.add(free)
        yield free
