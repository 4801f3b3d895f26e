"""A small and a large model that write together, asked from Python."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from benchtui.backends.hybrid import HYBRID
from benchtui.backends.registry import DEFAULT_BACKEND
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.load import LoadPlan, loading_choice, plan_load
from benchtui.routing.answers import RoutedFacts
from benchtui.routing.names import OWN, STRATEGIES
from benchtui.routing.profiled_text import ProfileResult, TokenProfile
from benchtui.routing.records import Side
from benchtui.routing.signals import SIGNALS
from benchtui.routing.strategies import Strategy, strategy_of
from benchtui.worker.answering.hybrid.answering import HybridAnswering, way_of
from benchtui.worker.answering.hybrid.defer import as_continuation, written_alone
from benchtui.worker.answering.hybrid.measuring import MeasuringPair
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.work import generated_by, tokens_scored_by
from benchtui.worker.answering.loaded_model import LoadedModel, load_model
from benchtui.worker.answering.next_token import Vocabulary
from benchtui.worker.answering.protocol import Answering, Generated, GenerateRequest, Unobserved

MOST = 256
"""Tokens of a text where nobody says."""


class HybridText(NamedTuple):
    """A text without its prompt, and what it took: "slm_tokens", "llm_tokens", "total_tokens" and "decode_steps" as in
    the seed of the idea; calls and positions of both models; drafted and accepted tokens; seconds."""

    text: str
    stats: dict[str, Any]


class HybridGenerator:
    """A small and a large model that are loaded and write together. Close it, or use it in a `with` statement.

    `small` and `large` (or `slm_model_id` and `llm_model_id`) are names in `outputs`, paths or hub ids; both must have
    the same tokens. Without `large` the small model can be profiled. `strategy` is one of `benchtui hybrid run`,
    `threshold` a number from which on the large model writes, or a quantile like "p70" of how unsure the small model is
    along what it writes behind the prompt alone; `num_drafts` tokens are drafted at a time by "speculative". `device`,
    `dtype` and other `settings` are those of `benchtui.api.load`; a dtype of torch is understood too.

    Raises BenchtuiError naming what cannot be loaded and what would help, TypeError for a setting that there is not.
    """

    def __init__(
        self,
        small: str | Path | None = None,
        large: str | Path | None = None,
        *,
        slm_model_id: str | Path | None = None,
        llm_model_id: str | Path | None = None,
        strategy: str = "uncertainty",
        threshold: float | str | None = None,
        num_drafts: int | str = 4,
        outputs: str | Path = "outputs",
        **settings: Any,
    ) -> None:
        small = _one_of(small, slm_model_id, "small", "slm_model_id")
        large = _one_of(large, llm_model_id, "large", "llm_model_id")
        if small is None:
            raise UsageError("HybridGenerator needs a small model.", "Name it: HybridGenerator(small, large).")
        if "dtype" in settings:
            settings["dtype"] = str(settings["dtype"]).removeprefix("torch.")
        self._said = _said(strategy, threshold, num_drafts)
        strategy_of(self._said)  # refuses what means nothing before anything is loaded
        self._loaded: LoadedModel | None = load_model(_plan(small, large, self._said, Path(outputs), settings))

    def __enter__(self) -> HybridGenerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory of both models."""
        if self._loaded is not None:
            self._loaded.close()
        self._loaded = None

    def generate(
        self,
        prompt: str,
        *,
        strategy: str | None = None,
        threshold: float | str | None = None,
        num_drafts: int | str | None = None,
        max_new_tokens: int = MOST,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 1234,
    ) -> HybridText:
        """Write behind a prompt: at most `max_new_tokens` tokens, up to the first of the texts in `stop`.

        `strategy`, `threshold` and `num_drafts` are those of this text; None: those that the generator was made with
        (with another strategy its own threshold). Temperature 0 takes the likeliest token each time. Raises
        BenchtuiError where prompt and text are longer than the models read, or only one model is there.
        """
        chosen = self._strategy(strategy, threshold, num_drafts)
        request = self._request(prompt, max_new_tokens, (temperature, top_k, top_p, min_p), tuple(stop), seed)
        began = time.perf_counter()
        found, at = self._written(request, chosen)
        stats = _stats(found, chosen, at, time.perf_counter() - began)
        return HybridText(_until(found.text, request.stops), stats)

    def generate_with_profile(
        self,
        prompt: str,
        max_new_tokens: int = MOST,
        *,
        enable_routing: bool = False,
        strategy: str | None = None,
        threshold: float | str | None = None,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 1234,
    ) -> ProfileResult:
        """Write behind a prompt, and tell how unsure the small model was before each token.

        The small model writes alone, so that the whole distribution is seen; with `enable_routing` both write by the
        strategy. Signals are those of the small model at temperature 1, whoever wrote the token. Raises what `generate`
        raises.
        """
        chosen = self._strategy(strategy, threshold, None) if enable_routing else strategy_of({"strategy": "small"})
        request = self._request(prompt, max_new_tokens, (temperature, top_k, top_p, min_p), tuple(stop), seed)
        began = time.perf_counter()
        found, at = self._written(request, chosen)
        seconds = time.perf_counter() - began
        name = chosen.name if enable_routing else "profiled_slm_only"
        stats = {**_stats(found, chosen, at, seconds), "enable_routing": enable_routing}
        return ProfileResult(self._whole(request, found), self._profiled(request, found), name, seconds, stats)

    def _strategy(self, name: str | None, threshold: float | str | None, drafts: int | str | None) -> Strategy:
        said = dict(self._said)
        if name is not None and name != said["strategy"]:
            said |= {"strategy": name, "threshold": OWN}
        if threshold is not None:
            said["threshold"] = str(threshold)
        if drafts is not None:
            said["num-drafts"] = str(drafts)
        return strategy_of(said)

    @property
    def _model(self) -> LoadedModel:
        if self._loaded is None:
            raise BenchtuiError("The generator was closed.", "Make another one.")
        return self._loaded

    @property
    def _answering(self) -> Answering:
        return self._model._answering  # noqa: SLF001 - what is loaded is asked in another way

    @property
    def _small(self) -> Answering:
        return self._answering.pair.small if isinstance(self._answering, HybridAnswering) else self._answering

    def _request(
        self,
        prompt: str,
        limit: int,
        sampling: tuple[float, int, float, float],
        stops: tuple[str, ...],
        seed: int,
    ) -> GenerateRequest:
        tokens = self._model.get_tokenizer()
        ids, whole = tokens.encode_prompts([prompt])[prompt]
        ids = ids or [tokens.prefix]
        window = self._answering.facts.context_length
        if whole > len(ids) or (window and len(ids) + limit > window):
            raise BenchtuiError(
                f"The prompt has {whole:,} tokens; with {limit:,} more they do not fit into a window of {window:,}.",
                "Shorten the prompt, or give a smaller max_new_tokens.",
            )
        temperature, top_k, top_p, min_p = sampling
        settings: dict[str, Any] = {"until": list(stops), "max_gen_toks": limit, "do_sample": temperature > 0}
        if temperature > 0:
            settings |= {"temperature": temperature, "top_k": top_k, "top_p": top_p}
            settings |= {"min_p": min_p} if min_p else {}
        number = int.from_bytes(hashlib.sha256(f"{seed}\0{prompt}".encode()).digest())
        return GenerateRequest(ids, prompt, limit, stops, settings, number, (prompt, settings), document=0)

    def _written(self, request: GenerateRequest, strategy: Strategy) -> tuple[Generated, float | None]:
        """Write a text; also the number that the threshold is, None where there is none."""
        answering = self._answering
        if not isinstance(answering, HybridAnswering):
            if strategy.name != "small":
                raise BenchtuiError("There is no large model.", 'Name one, or take the strategy "small".')
            return _alone(answering, request, "a"), None
        pair = dataclasses.replace(answering.pair, strategy=strategy)
        if strategy.name == "small":
            return _alone(pair.small, request, "a"), None
        if strategy.name == "large":
            return _alone(pair.large, request, "b"), None
        at = self._threshold(pair, request)
        found: list[Generated] = []
        try:
            way = way_of(pair, at)
        except ValueError as error:
            raise BenchtuiError(f"The models cannot write together: {error}.", "Give another threshold.") from None
        way.generate([request], lambda _, text: found.append(text), Unobserved())
        return found[0], at

    def _threshold(self, pair: Pair, request: GenerateRequest) -> float | None:
        """The number that the threshold of a strategy is: a quantile of what the small model writes alone."""
        strategy = pair.strategy
        if not strategy.has_threshold:
            return None
        if not isinstance(strategy.threshold, str):
            return strategy.threshold
        measuring = MeasuringPair(self._answering, pair)
        measuring.generate([request], lambda _, __: None, Unobserved())
        return measuring.threshold().value

    def _whole(self, request: GenerateRequest, text: Generated) -> str:
        """A prompt and its text, with the space between them where there is one."""
        decode = self._model.get_tokenizer().decode
        before, whole = decode(request.prompt), decode([*request.prompt, *text.ids])
        rest = whole[len(before) :] if whole.startswith(before) else text.text
        return request.text + _until(rest, request.stops)

    def _profiled(self, request: GenerateRequest, text: Generated) -> tuple[TokenProfile, ...]:
        if not text.ids:
            return ()
        small = self._small
        asked = [as_continuation(request, text, small)]
        signals: dict[Any, list[float]] = {}
        for name in SIGNALS:
            try:
                ((scored, _),) = tokens_scored_by(small, asked, name, Unobserved())
            except BenchtuiError:
                if SIGNALS[name].needs != "raw logits":
                    raise
                signals[name] = [math.nan] * len(text.ids)  # these are log-probabilities: it is not known here
            else:
                assert scored.signal is not None  # noqa: S101 - it was asked for
                signals[name] = scored.signal.tolist()
        writers = [run.side for run in (text.routed.runs if text.routed else ()) for _ in range(run.tokens)]
        return tuple(
            TokenProfile(
                int(token),
                self._token_text(int(token)),
                place,
                {name: values[place] for name, values in signals.items()},
                "llm" if place < len(writers) and writers[place] == "b" else "slm",
            )
            for place, token in enumerate(text.ids)
        )

    def _token_text(self, token: int) -> str:
        """The text of one token; "" of a special one, with a replacement mark for part of a character."""
        assert isinstance(self._small, Vocabulary)  # noqa: S101 - so are all models of the hybrid backend
        known = self._small.token_bytes()
        text, special = known[token] if token < len(known) else (b"", True)
        return "" if special else text.decode("utf-8", "replace")


def _one_of(first: str | Path | None, other: str | Path | None, name: str, alias: str) -> str | Path | None:
    if first is not None and other is not None:
        raise UsageError(f"{name} and {alias} are the same.", "Give one of them.")
    return other if first is None else first


def _said(strategy: str, threshold: float | str | None, drafts: int | str) -> dict[str, str]:
    """The settings of a strategy, by their names in the hybrid backend."""
    if strategy not in STRATEGIES:
        raise UsageError(f"There is no strategy {strategy[:60]!r}.", f"There are {', '.join(STRATEGIES)}.")
    said = OWN if threshold is None else str(threshold)
    return {"strategy": strategy, "threshold": said, "num-drafts": str(drafts)}


def _plan(
    small: str | Path, large: str | Path | None, said: dict[str, str], outputs: Path, settings: dict[str, Any]
) -> LoadPlan:
    if large is None:
        return plan_load(loading_choice(small, DEFAULT_BACKEND, outputs, settings))
    own = {name.replace("-", "_"): value for name, value in said.items()}
    return plan_load(loading_choice(small, HYBRID.name, outputs, {**settings, **own, "large": str(large)}))


def _until(text: str, stops: Sequence[str]) -> str:
    """The text before the first of its stop strings."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]


def _alone(model: Answering, request: GenerateRequest, side: Side) -> Generated:
    """Let one model write."""
    ((text, work),) = generated_by(model, [request], Unobserved())
    return written_alone(text, work, side)


def _stats(text: Generated, strategy: Strategy, at: float | None, seconds: float) -> dict[str, Any]:
    facts = text.routed or RoutedFacts()
    stats: dict[str, Any] = {
        "total_tokens": len(text.ids),
        "slm_tokens": len(text.ids) - facts.large.chosen,
        "llm_tokens": facts.large.chosen,
        "decode_steps": max(facts.small.calls, facts.large.calls),
        "elapsed_time": seconds,
        "slm_calls": facts.small.calls,
        "llm_calls": facts.large.calls,
        "slm_positions": facts.small.positions,
        "llm_positions": facts.large.positions,
    }
    if at is not None:
        stats |= {"routing_metric": strategy.name, "threshold": at if math.isfinite(at) else str(at)}
    if facts.drafted:
        stats |= {"draft_generated": facts.drafted, "draft_accepted": facts.accepted}
    return stats
