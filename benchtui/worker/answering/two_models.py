"""Two models in memory at once, with one set of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.machine import free_memory
from benchtui.models.layout import size_text
from benchtui.models.source import ModelSource
from benchtui.routing.records import Sampling
from benchtui.text import one_line
from benchtui.tokens.vocabulary import StoredVocabulary, shown_token
from benchtui.worker.answering.next_token import EndsTexts, OwnSettings, TextGrower, Vocabulary
from benchtui.worker.answering.opening import open_answering, open_beside
from benchtui.worker.answering.protocol import Answering, ModelPlan, Observer, OutOfMemoryError, Tokenizer
from benchtui.worker.answering.stepped import SteppedModel, known_ids
from benchtui.worker.answering.stop_strings import StopStrings
from benchtui.worker.answering.written import Answers
from benchtui.worker.report import Reporter

ROOM_BESIDE = 2
"""Free memory required before a second model is opened, as a multiple of its files."""
_WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth", ".gguf"})


@dataclass(frozen=True)
class TwoModels:
    """Two models that are stepped, and what they have in common: `ends_of` are the tokens at which each of them ends an
    answer, `window` the longest text that both read, in tokens (0: not known), `tokenizer` a digest of their tokens."""

    first: SteppedModel
    second: SteppedModel
    tokens: Tokenizer
    ends_of: tuple[frozenset[int], frozenset[int]]
    window: int
    tokenizer: str

    @property
    def ends(self) -> frozenset[int]:
        """The tokens at which either of them ends an answer."""
        return self.ends_of[0] | self.ends_of[1]

    def prompt_ids(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt, at least one. Raises BenchtuiError where the tokenizer would cut it."""
        ids, whole = self.tokens.encode_prompts([prompt])[prompt]
        if whole > len(ids):
            raise BenchtuiError(
                f"The prompt has {whole:,} tokens, and the tokenizer reads {len(ids):,}.", "Shorten it."
            )
        return ids or [self.tokens.prefix]

    def answers(self, sampling: Sampling, own: tuple[OwnSettings, OwnSettings] | None = None) -> Answers:
        """Return how their answers are written; `own` is how each writes what it writes (None: by the same settings,
        up to tokens of its own)."""
        stopped = StopStrings.by(self.tokens, sampling.stop).found
        first, second = own or (OwnSettings(sampling, ends) for ends in self.ends_of)
        return Answers(sampling, self.ends, self.tokens.decode, self.window, stopped, {"a": first, "b": second})


def two_models(labels: tuple[str, str], answering: tuple[Answering, Answering], observer: Observer) -> TwoModels:
    """Make two open models ready to write together. Raises BenchtuiError where one of them cannot be stepped, or their
    tokens differ, naming the first that does."""
    steppable = [_steppable(label, model) for label, model in zip(labels, answering, strict=True)]
    vocabularies = [model.token_bytes() for _, model in steppable]
    stored = [StoredVocabulary.of(tokens) for tokens in vocabularies]
    check_same_tokens(labels, (stored[0], stored[1]))
    tokens = answering[0].tokens
    if tokens is None:
        raise BenchtuiError(f"{one_line(labels[0], 60)} has no tokenizer here.", "Choose a model on this machine.")
    first, second = (
        SteppedModel(label, grower, known_ids(own), observer)
        for label, (grower, _), own in zip(labels, steppable, vocabularies, strict=True)
    )
    ends = [model.end_tokens() if isinstance(model, EndsTexts) else _eos(model, tokens) for model in answering]
    windows = [model.facts.context_length for model in answering if model.facts.context_length]
    return TwoModels(first, second, tokens, (ends[0], ends[1]), min(windows, default=0), stored[0].digest)


def check_same_tokens(labels: tuple[str, str], vocabularies: tuple[StoredVocabulary, StoredVocabulary]) -> None:
    """Raise BenchtuiError where an id is not the same token in both, naming the first."""
    first, second = vocabularies
    different = None if first.digest == second.digest else first.first_difference(second)
    if different is None:
        return
    said = [
        f"{shown_token(own.text(different))!r}" + (" (special)" if _special(own, different) else "")
        if different < len(own)
        else "nothing"
        for own in vocabularies
    ]
    one, other = (one_line(label, 60) for label in labels)
    raise BenchtuiError(
        f"The models do not share tokens: id {different} is {said[0]} in {one} and {said[1]} in {other}.",
        "Choose two models with the same tokenizer, such as a base and what was trained from it.",
    )


def _special(vocabulary: StoredVocabulary, token: int) -> bool:
    return bool(vocabulary.special[token])


def _eos(model: Answering, tokens: Tokenizer) -> frozenset[int]:
    try:
        return frozenset({(model.tokens or tokens).eos})
    except BenchtuiError:  # no such token: the text ends by its length
        return frozenset()


def _steppable(label: str, model: Answering) -> tuple[TextGrower, Vocabulary]:
    if isinstance(model, TextGrower) and isinstance(model, Vocabulary):
        return model, model
    raise BenchtuiError(
        f"{one_line(label, 60)}: the {model.facts.backend} backend cannot be asked token by token.",
        "Use --backend hf, or the model's GGUF file.",
    )


# Opening.


@dataclass(frozen=True)
class Opened:
    """Two open models, in the order of their plans."""

    models: tuple[Answering, Answering]

    def close(self) -> None:
        """Free both."""
        for model in self.models:
            model.close()


def open_two(
    plans: tuple[ModelPlan, ModelPlan], reporter: Reporter, memory_share: float, begin: Callable[[int], None]
) -> Opened:
    """Open both models: on one set of weights where they are a base and its adapter, else each by itself. `begin` is
    told which one is loaded.

    Raises OutOfMemoryError where they do not fit into memory together, and what opening one raises.
    """
    order = (1, 0) if _adapter(plans[0]) and not _adapter(plans[1]) else (0, 1)
    begin(order[0])
    loaded = open_answering(plans[order[0]], reporter, memory_share)
    try:
        second = _second(loaded, plans[order[0]], plans[order[1]], reporter, memory_share, lambda: begin(order[1]))
    except BaseException:
        loaded.close()
        raise
    if second is None:  # the attempt may have left the adapter on the first one's weights
        loaded.close()
        begin(order[0])
        loaded = open_answering(plans[order[0]], reporter, memory_share)
        try:
            check_room(plans[order[1]].source)
            begin(order[1])
            second = open_answering(plans[order[1]], reporter, memory_share)
        except BaseException:
            loaded.close()
            raise
    opened = (loaded, second)
    return Opened((opened[order.index(0)], opened[order.index(1)]))


def _second(
    loaded: Answering,
    first: ModelPlan,
    plan: ModelPlan,
    reporter: Reporter,
    memory_share: float,
    begin: Callable[[], None],
) -> Answering | None:
    begin()
    if first.backend == plan.backend:
        return open_beside(loaded, plan, reporter, memory_share)
    check_room(plan.source)
    return open_answering(plan, reporter, memory_share)


def check_room(source: ModelSource) -> None:
    """Raise OutOfMemoryError where the free memory is less than ROOM_BESIDE times the files of a local model."""
    needed, free = ROOM_BESIDE * weight_bytes(source), free_memory()
    if needed > free:
        raise OutOfMemoryError(
            f"The two models do not fit into memory together: {size_text(needed)} needed for the second one, "
            f"{size_text(free)} free.",
            "Use a smaller or quantised model, or a larger machine.",
        )


def weight_bytes(source: ModelSource) -> int:
    """Return the bytes of the local files that hold weights; 0 where none are on this machine."""
    found = 0
    for place in map(Path, source.places):
        if place.is_file():
            found += place.stat().st_size
        elif place.is_absolute() and place.is_dir():
            found += sum(file.stat().st_size for file in place.iterdir() if file.suffix in _WEIGHTS and file.is_file())
    return found


def _adapter(plan: ModelPlan) -> bool:
    return bool(getattr(plan.source, "adapter", None))
