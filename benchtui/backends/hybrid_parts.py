"""The two models of a hybrid: found, described, and where their weights come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.errors import UsageError
from benchtui.models.base import resolve_base
from benchtui.models.describe import ModelDescription
from benchtui.models.gguf.parts import is_gguf
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.models.selection import choose_format, find_model
from benchtui.models.source import FolderSource, GgufSource, HubSource, HybridPart, HybridSource
from benchtui.text import one_line

SEPARATOR = " + "
"""Between the places of both models, where one text names them."""
BACKENDS: Mapping[str, Backend] = MappingProxyType({backend.name: backend for backend in (HF, GGUF)})
"""The backends whose models can be stepped token by token."""


@dataclass(frozen=True)
class Part:
    """A model that was found: how it is loaded, and the base that it cannot be loaded without."""

    backend: Backend
    model: TrainedModel
    form: ModelFormat
    own: ModelDescription
    base: ModelDescription | None

    def in_plan(self, access: Access) -> HybridPart:
        """Return it as a plan holds it."""
        source = self.backend.source(self.form, self.own, self.base, access)
        assert isinstance(source, FolderSource | HubSource | GgufSource)  # noqa: S101 - those of BACKENDS
        settings = {own.name: self.backend.setting(access.settings, own.name) for own in self.backend.settings}
        return HybridPart(self.backend.name, source, settings, self.backend.identity(access))


def gguf_part(file: Path) -> Part:
    """Describe the model in a GGUF file. Raises BenchtuiError where it is none, or damaged."""
    own = GGUF.describe(str(file), Access())
    form = ModelFormat("gguf", file, bytes=own.weight_bytes)
    return Part(GGUF, TrainedModel(file.name, file.parent, (form,)), form, own, None)


def joined(small: str, large: str) -> str:
    """Return the places of two models as one text. Raises UsageError where one has in it what stands between them."""
    for place in (small, large):
        if SEPARATOR in place:
            raise UsageError(f"{one_line(place, 200)} has {SEPARATOR!r} in its name.", "Rename it.")
    return f"{small}{SEPARATOR}{large}"


def find_part(outputs: Path, name: str, access: Access, wanted: str | None = None) -> Part:
    """Find and describe a model by its name in `outputs`, its path, or its hub id; `wanted` is a format of it.

    Raises UsageError and BenchtuiError as finding, choosing and describing do.
    """
    path = Path(name).expanduser()
    backend = GGUF if path.is_file() and is_gguf(path) else HF
    model = find_model(outputs, name, backend)
    return _described(model, choose_format(model, backend, wanted, allow_pickle=access.pickle), backend, access)


def _described(model: TrainedModel, form: ModelFormat, backend: Backend, access: Access) -> Part:
    backend.check(access)
    own = backend.describe(form.location, access)
    base = None
    if own.adapter or not own.has_tokenizer:
        base = backend.describe(resolve_base(model, form, offline=access.offline).name, access)
    return Part(backend, model, form, own, base)


def both_parts(location: str, access: Access) -> tuple[Part, Part]:
    """Find the models that `joined` has named, by their places."""
    small, _, large = location.partition(SEPARATOR)
    return (find_part(Path(), small, access), find_part(Path(), large, access))


def described_together(location: str, parts: tuple[Part, Part]) -> ModelDescription:
    """Describe both as one model: prompted as the large one, as large as both, and with the shorter window."""
    owns = [part.own for part in parts]
    large = parts[1]
    prompted = large.own if large.own.has_tokenizer or large.base is None else large.base
    windows = [one.architecture.max_positions for one in owns if one.architecture.max_positions]
    counts = [one.parameters for one in owns if one.parameters is not None]
    return dataclasses.replace(
        large.own,
        name=location,
        identity=SEPARATOR.join(part.own.identity for part in parts),
        revision=None,
        weight_bytes=sum(one.weight_bytes for one in owns),
        parameters=sum(counts) if len(counts) == len(owns) else None,
        template=prompted.template,
        special_tokens=prompted.special_tokens,
        has_tokenizer=True,
        adapter=False,
        adapter_base=None,
        architecture=dataclasses.replace(
            large.own.architecture,
            max_positions=min(windows, default=None),
            remote_code=any(one.architecture.remote_code for one in owns),
        ),
        from_cache=any(one.from_cache for one in owns),
        note="; ".join(filter(None, (one.note for one in owns))),
        warnings=tuple(dict.fromkeys(warning for one in owns for warning in one.warnings)),
    )


def source_together(form: ModelFormat | None, location: str, parts: tuple[Part, Part], access: Access) -> HybridSource:
    """Return where the weights of both come from."""
    small, large = (part.in_plan(access) for part in parts)
    return HybridSource(
        path=location,
        identity=SEPARATOR.join((small.source.identity, large.source.identity)),
        format=form.label if form is not None else "base",
        small=small,
        large=large,
    )
