"""What the user chose of two models that write by turns, and the plan that is made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal

import msgspec

from benchtui.errors import UsageError
from benchtui.plans.prepare_tokens import prepare_tokens
from benchtui.plans.switching import SwitchingPlan
from benchtui.plans.token_choice import TokensChoice, sampling_arguments
from benchtui.plans.token_models import FoundModels
from benchtui.plans.tokens import TextSource, TextsPlan
from benchtui.routing.records import Side
from benchtui.routing.rules import percent_of
from benchtui.settings.rows import ISOLATED
from benchtui.settings.values import number_words
from benchtui.text import one_line
from benchtui.tokens.modes import GREATEST, DivergenceKind

DEFAULT_THRESHOLD = "p95"


@dataclass(frozen=True)
class SwitchChoice:
    """One `benchtui tokens switch`. `tokens` says which models, which texts, and how they write; the rest is the rule,
    as in `SwitchingPlan`."""

    tokens: TokensChoice
    divergence: DivergenceKind = "js"
    threshold: float | str = DEFAULT_THRESHOLD
    back: float | None = None
    min_stay: int = 1
    start: Side = "a"
    block: int | Literal["auto"] = "auto"

    @property
    def command(self) -> tuple[str, ...]:
        """What does the same when typed, whatever benchtui.toml and the environment say."""
        words = (*self.tokens.shared_arguments(), *sampling_arguments(self.tokens.sampling), *self._rule())
        return ("benchtui", "tokens", "switch", ISOLATED, *words, "--", *self.tokens.models)

    def _rule(self) -> Iterator[str]:
        plain = SwitchChoice(self.tokens)
        for name in ("divergence", "threshold", "back", "min_stay", "start", "block"):
            if (value := getattr(self, name)) != getattr(plain, name):
                words = value if isinstance(value, str) else number_words(value)
                yield from (f"--{name.replace('_', '-')}", words)


def check_choice(choice: SwitchChoice) -> None:
    """Raise UsageError where there are not two models, or the thresholds are the wrong way round."""
    models = len(choice.tokens.models)
    if models != 2:
        raise UsageError(
            f"Two models write by turns, and {models} {'is' if models == 1 else 'are'} named.",
            "Name two: benchtui tokens switch base my-model",
        )
    try:
        percent = percent_of(choice.threshold)
    except ValueError as error:
        raise UsageError(f"--threshold: {one_line(str(error))}.", "Give a number, or for example p95.") from None
    if percent is None:
        up, most = float(choice.threshold), GREATEST.get(choice.divergence, inf)
        if up >= most:
            raise UsageError(
                f"--threshold {up:g}: {choice.divergence.upper()} is never above {most:.4g}, so the second "
                "model would write nothing.",
                "Give a smaller number, or for example p95.",
            )
        if choice.back is not None and choice.back > up:
            raise UsageError(
                f"--back {choice.back:g} is greater than --threshold {up:g}: at a divergence between them each model "
                "would leave the text to the other.",
                "Give --back a smaller number.",
            )


def prepare_switching(
    choice: SwitchChoice, found: FoundModels, texts: TextSource | None
) -> tuple[SwitchingPlan, list[str]]:
    """Make the plan of letting the models that were `found` write behind the prompts of `texts` (None: benchtui's own),
    and the notes that the user should know of. Raises what `prepare_tokens` raises, and UsageError where a model cannot
    be asked token by token."""
    for label, one in zip(found.labels, found.models, strict=True):
        if one.backend.gives_of(one.own, one.access).distributions != "full":
            raise UsageError(
                f"{one_line(label, 100)}: the {one.backend.name} backend does not tell whole distributions, by which "
                "the models switch.",
                "Use --backend hf, or a GGUF file.",
            )
    plan, notes = prepare_tokens(dataclasses.replace(choice.tokens, mode="own"), found, texts)
    shared = {field.name: getattr(plan, field.name) for field in msgspec.structs.fields(TextsPlan)}
    switching = SwitchingPlan(
        **shared | {"kind": "switching", "command": choice.command},
        divergence=choice.divergence,
        threshold=choice.threshold,
        back=choice.back,
        min_stay=choice.min_stay,
        start=choice.start,
        block=choice.block,
    )
    return switching, notes
