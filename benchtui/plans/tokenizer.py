"""The tokenizer that --tokenizer names, for the model that is evaluated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchtui.backends.backend import Backend
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import absolute
from benchtui.models.formats import NO_TOKENIZER
from benchtui.models.layout import TOKENIZER_FILES, ModelFormat, TrainedModel
from benchtui.models.reading import Unreadable
from benchtui.models.selection import choose_format
from benchtui.models.tokenizer.check import TOKENIZER, broken_tokenizer
from benchtui.models.tokenizer.files import tokenizer_identity
from benchtui.models.tokenizer.vocabulary import first_difference, tokens_of_json, tokens_of_model
from benchtui.plans.choice import Choice
from benchtui.settings.other_tools import TORCHTUNE_TOKENIZERS
from benchtui.text import one_line

_OWN = "none"
_CONFIG = "tokenizer_config.json"


def choose_form(choice: Choice, model: TrainedModel, backend: Backend) -> ModelFormat:
    """Choose the format to evaluate, with the tokenizer that --tokenizer names: a folder, a tokenizer.json, or a
    tokenizer.model that has the tokens of the model's own.

    Raises UsageError where it names none, and as `choose_format` does.
    """
    named, pickles = str(choice.more.get("tokenizer", _OWN)), choice.permissions.pickle
    if named == _OWN or "full" not in backend.takes:
        return choose_format(model, backend, choice.format, allow_pickle=pickles)
    path = absolute(Path(named).expanduser())
    if path.is_file() and path.suffix == ".model":
        form = choose_format(model, backend, choice.format, allow_pickle=pickles)
        return dataclasses.replace(form, note="; ".join(filter(None, (form.note, _the_same(path, form)))))
    folder = _folder(path, named)
    try:
        identity = tokenizer_identity(folder)
    except Unreadable as error:
        raise BenchtuiError(f"The tokenizer in {one_line(str(folder), 300)} {error}.", "Save it again.") from None
    formats = tuple(_with(form, folder, identity) for form in model.formats)
    return choose_format(dataclasses.replace(model, formats=formats), backend, choice.format, allow_pickle=pickles)


def _folder(path: Path, named: str) -> Path:
    """Return the folder that transformers loads the tokenizer from. Raises UsageError where there is none."""
    shown = one_line(str(path), 300)
    if not path.exists():
        what = "is torchtune's name of a kind of tokenizer" if named in TORCHTUNE_TOKENIZERS else "is not there"
        raise UsageError(
            f"--tokenizer: {one_line(named, 120)} {what}.",
            "Give a folder, a tokenizer.json or a tokenizer.model (--tokenizer-checkpoint); without it the model's own "
            "or its base's is used.",
        )
    if path.is_file():
        if path.name != TOKENIZER:
            raise UsageError(
                f"--tokenizer: {shown} is neither a tokenizer.json nor a tokenizer.model.",
                "Give the tokenizer's folder.",
            )
        if not (path.parent / _CONFIG).is_file():
            raise UsageError(
                f"--tokenizer: beside {shown} there is no {_CONFIG}, which says what begins and ends a text.",
                f"Copy the {_CONFIG} of the model's base beside it.",
            )
        path = path.parent
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise UsageError(f"--tokenizer: {shown} holds no tokenizer.", "Give a folder with tokenizer.json.")
    if broken := broken_tokenizer(path):
        raise BenchtuiError(f"--tokenizer: {one_line(str(path), 300)}: {broken}.", "Save it again.")
    return path


def _with(form: ModelFormat, folder: Path, identity: str) -> ModelFormat:
    if folder == form.path:
        return form
    problem = "" if form.problem == NO_TOKENIZER else form.problem
    return dataclasses.replace(form, tokenizer=folder, tokenizer_identity=identity, problem=problem)


def _the_same(path: Path, form: ModelFormat) -> str:
    """Return that the tokens of a tokenizer.model are those of the model's own tokenizer, in words.

    Raises UsageError where they are not, or cannot be compared: it is not converted here.
    """
    shown, convert = (
        one_line(str(path), 300),
        (
            "Convert it: python -m pip install sentencepiece protobuf tiktoken, then "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) with transformers; then --tokenizer FOLDER."
        ),
    )
    place = form.tokenizer / TOKENIZER if form.tokenizer else None
    if place is None or not place.is_file():
        raise UsageError(f"--tokenizer: {shown} cannot be compared with a tokenizer.json of the model's.", convert)
    try:
        tokens, own = tokens_of_model(path), tokens_of_json(place)
    except (Unreadable, FileNotFoundError) as error:
        raise BenchtuiError(f"--tokenizer: {shown} or {one_line(str(place), 300)} {error}.", convert) from None
    differs = first_difference(tokens, own) or first_difference(own, tokens)
    if differs is not None:
        raise UsageError(
            f"--tokenizer: {shown} and {one_line(str(place), 300)} differ, first in {one_line(differs, 40)!r}.", convert
        )
    return f"{path.name} has the {len(tokens):,} tokens of {one_line(str(place), 300)}, which is used"
