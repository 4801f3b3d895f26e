"""Sources of models in Hugging Face's format, for every backend that loads them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from benchtui.backends.access import Access
from benchtui.models.describe import ModelDescription, describe
from benchtui.models.layout import ModelFormat
from benchtui.models.source import FolderSource, HubSource, Source, hugging_face
from benchtui.models.tokenizer.files import tokenizer_identity

BASE = "base"
"""What the format of a base is called."""


def source_of(form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None) -> Source:
    """Return where the weights come from; `form` None is a base, `base` is given when `own` cannot stand without it."""
    if form is None:
        return _weights(own, own.identity, BASE)
    if form.tokenizer_identity:
        made = source_of(dataclasses.replace(form, tokenizer_identity=""), own, base)
        named = {
            "identity": f"{made.identity}+{form.tokenizer_identity}",
            "tokenizer_identity": form.tokenizer_identity,
        }
        return msgspec.structs.replace(made, **named)
    if own.adapter and base is not None:
        tokenizer = str(form.tokenizer) if form.tokenizer else None
        return _weights(base, f"{base.identity}+{own.identity}", form.label, adapter=own.name, tokenizer=tokenizer)
    beside = form.tokenizer if form.tokenizer not in (None, form.path) else None
    borrowed = base.identity if base and not beside else ""
    identity = f"{own.identity}+{borrowed}" if borrowed else own.identity
    return _weights(own, identity, form.label, tokenizer=str(beside) if beside else (base.name if base else None))


def present_identity(source: Source, access: Access) -> str:
    """Return the identity of a plan's model as `source_of` makes it today: its own, and that of the base it needs."""
    kept = hugging_face(source)
    if kept.tokenizer_identity and kept.tokenizer:
        without = msgspec.structs.replace(kept, tokenizer_identity="", tokenizer=None)
        return f"{present_identity(without, access)}+{tokenizer_identity(Path(kept.tokenizer))}"
    own = describe(kept.path, revision=kept.revision, offline=access.offline, allow_pickle=access.pickle).identity
    if kept.adapter and kept.adapter_on:
        return f"{own}+{describe(kept.adapter, allow_pickle=access.pickle).identity}"
    if kept.tokenizer and kept.tokenizer != kept.path and "+" in kept.identity:
        return f"{own}+{describe(kept.tokenizer, offline=access.offline, allow_pickle=access.pickle).identity}"
    return own


def _weights(
    found: ModelDescription, identity: str, label: str, *, adapter: str | None = None, tokenizer: str | None = None
) -> Source:
    more: dict[str, Any] = {
        "adapter": adapter,
        "tokenizer": tokenizer,
        "load_in_4bit": found.architecture.four_bit,
    }
    if found.local:
        return FolderSource(found.name, identity, label, **more)
    return HubSource(found.name, identity, label, revision=found.revision, **more)
