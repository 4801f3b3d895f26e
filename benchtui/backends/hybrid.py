"""The hybrid backend: a small and a large model that answer as one (BENCHMARKING.md, "A small and a large model")."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Machine, OwnSetting
from benchtui.backends.gguf import GGUF
from benchtui.backends.hf import HF
from benchtui.errors import UsageError
from benchtui.routing.names import FIRST_DRAFT, OWN, STRATEGIES, VERSION, DeferScore
from benchtui.text import one_line
from benchtui.tokens.modes import DivergenceKind

if TYPE_CHECKING:
    from benchtui.models.describe import ModelDescription
    from benchtui.models.layout import ModelFormat, TrainedModel
    from benchtui.models.source import Source

LARGE = "large"
"""The setting that names the large model; --model names the small one."""
NONE = "none"


class _Hybrid(Backend):
    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        from benchtui.backends.hybrid_parts import find_part, joined
        from benchtui.models.discovery import absolute
        from benchtui.models.layout import ModelFormat, TrainedModel
        from benchtui.routing.strategies import strategy_of

        named = self.setting(access.settings, LARGE)
        if selector is None or named == NONE:
            raise UsageError(
                "The hybrid backend needs two models.",
                "Name the small one with --model and the large one with --large.",
            )
        strategy_of(access.settings)
        small, large = find_part(outputs, selector, access), find_part(outputs, named, access)
        name = "+".join(one.model.name.replace("/", "--") for one in (small, large))
        path = absolute(outputs) / name
        form = ModelFormat(
            "pair",
            path,
            bytes=small.form.bytes + large.form.bytes,
            note="; ".join(filter(None, (small.form.note, large.form.note))),
            served_name=joined(small.form.location, large.form.location),
            warnings=tuple(dict.fromkeys((*small.form.warnings, *large.form.warnings))),
        )
        return TrainedModel(name, path, (form,))

    def describe(self, location: str, access: Access) -> ModelDescription:
        from benchtui.backends.hybrid_parts import SEPARATOR, both_parts, described_together

        if SEPARATOR not in location:
            raise UsageError(
                f"{one_line(location, 200)} is one model, and the hybrid backend has two.",
                "Run it by itself, with its own backend, and compare both runs: benchtui compare RUN RUN",
            )
        return described_together(location, both_parts(location, access))

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        from benchtui.backends.hybrid_parts import both_parts, source_together

        del base
        return source_together(form, own.name, both_parts(own.name, access), access)

    def identify(self, source: Source, access: Access) -> str:
        from benchtui.backends.hybrid_parts import BACKENDS, SEPARATOR
        from benchtui.models.source import hybrid

        parts = hybrid(source).parts
        return SEPARATOR.join(BACKENDS[part.backend].identify(part.source, access) for part in parts)

    def memory_note(
        self, model: ModelDescription, access: Access, device: str, dtype: str, max_length: int | None
    ) -> str:
        from benchtui.backends.hybrid_parts import both_parts
        from benchtui.backends.hybrid_room import Asked, check_room

        machine = Machine.of(device)
        if machine is None:
            return ""
        return check_room(both_parts(model.name, access), machine, Asked(dtype, max_length))

    def identity(self, access: Access) -> dict[str, str]:
        return {**HF.identity(access), "routing": VERSION}


OF_TWO: tuple[OwnSetting, ...] = (
    OwnSetting(LARGE, "The large model; --model is the small one.", (), NONE, scores=False),
    OwnSetting("strategy", f"Who answers what: {', '.join(STRATEGIES)}.", STRATEGIES, "uncertainty"),
    OwnSetting(
        "threshold",
        "From there on the large model answers; a number, or p70: the 70 % quantile of what is "
        "measured first. Higher leaves more to the small one.  auto: the strategy's own.",
        (), OWN, metavar="X|pN",
    ),
    OwnSetting(
        "hold", "With a --strategy that goes by a signal (uncertainty, margin …): tokens in a row that the large "
        "model then writes.", (), "1", metavar="N",
    ),
    OwnSetting(
        "num-drafts", "With --strategy speculative: tokens drafted at a time, or auto.", (), str(FIRST_DRAFT),
        metavar="N",
    ),
    OwnSetting("divergence", "With --strategy switch: how far apart both are.", get_args(DivergenceKind), "js"),
    OwnSetting(
        "back", "With --strategy switch: below it the small one writes again.  auto: half of --threshold.", (), OWN,
        metavar="X",
    ),
    OwnSetting("min-stay", "With --strategy switch: tokens written after a switch before the next.", (), "1", "N"),
    OwnSetting(
        "defer-by", "With --strategy defer: what is measured of an answer.  auto: margin of choices, mean-logprob "
        "of texts.", (OWN, *get_args(DeferScore)), OWN,
    ),
)  # fmt: skip
"""How two models answer as one."""

HYBRID = _Hybrid(
    name="hybrid",
    title="a small and a large model together",
    takes=("pair",),
    gives=dataclasses.replace(HF.gives, adapters=False, distributions="none"),
    costs="memory: what both models take",
    answering="benchtui.worker.answering.hybrid.open",
    settings=(
        *OF_TWO,
        *HF.settings,
        *GGUF.settings,
    ),
    reserved_arguments={**HF.reserved_arguments, **GGUF.reserved_arguments},
    harmless_arguments=HF.harmless_arguments,
)  # fmt: skip
