"""Checks whether a fine-tuned model and its base fit each other, before either is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.describe import ModelDescription
from benchtui.models.tokenizer.check import check_tokenizer
from benchtui.models.weights.adapter_check import check_on_base, own_embedding_rows, own_vocabulary
from benchtui.models.weights.full_check import embedding_rows
from benchtui.text import one_line


@dataclass(frozen=True)
class Fit:
    """Notes and warnings for the user about an adapter and its base."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_fit(own: ModelDescription, base: ModelDescription | None, tokenizer: Path | None) -> Fit:
    """Compare an adapter with its base; for a whole model there is nothing to compare.

    `tokenizer` is the folder of the tokenizer that will be used, None for the base's. Raises BenchtuiError naming the
    adapter when it certainly does not fit.
    """
    if not own.adapter or base is None:
        return Fit()
    shown = one_line(own.name, 300)
    found = check_on_base(own.config, own.tensors, base.architecture, base.tensors, base.name)
    if found.problem:
        raise BenchtuiError(
            f"{shown} cannot be used: {found.problem}.",
            "Name the base it was trained on with --base, or save the adapter again.",
        )
    rows = own_embedding_rows(own.tensors) or embedding_rows(base.tensors) or base.architecture.vocab_size
    fit = check_tokenizer(tokenizer, rows) if tokenizer else None
    if fit and fit.problem:
        raise BenchtuiError(
            f"{shown} cannot be used: {fit.problem}.", "Save the adapter with its embedding, or its base's tokenizer."
        )
    own_words = own_vocabulary(own.tensors, base.architecture, base.tensors)
    warnings = (*found.warnings, *(fit.warnings if fit else ()), _other_revision(own, base))
    return Fit(tuple(filter(None, (own_words,))), tuple(filter(None, warnings)))


def _other_revision(own: ModelDescription, base: ModelDescription) -> str:
    """Warn when the adapter names another revision of its base than the one it is put on."""
    wanted = own.config.get("revision")
    if not isinstance(wanted, str) or wanted in ("", "main") or base.revision is None:
        return ""
    if base.revision.startswith(wanted):
        return ""
    return (
        f"The adapter names revision {one_line(wanted, 60)} of {one_line(base.name, 120)}; "
        f"{base.revision[:8]} is used: part of a difference may come from that."
    )
