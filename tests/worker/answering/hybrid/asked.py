"""Hybrids of two tiny real models, asked as lm-eval asks a model."""

from __future__ import annotations

from typing import Any

from benchtui.routing.strategies import strategy_of
from benchtui.worker.answering.hybrid.answering import way_of
from benchtui.worker.answering.hybrid.pair import Pair, Way
from benchtui.worker.answering.protocol import Generated, GenerateRequest, Observer, Score, ScoreRequest, Unobserved
from tests.worker.switching import pairs


def together(pair: pairs.Pair, **settings: str) -> Pair:
    """The pair by the settings of `--backend hybrid`."""
    small, large = (model._answering for model in pair.loaded)
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    return Pair(small, large, strategy_of(named))


def way(pair: pairs.Pair, **settings: str) -> Way:
    """How the pair answers by the settings of `--backend hybrid`."""
    return way_of(together(pair, **settings))


def written(
    asked: Way, pair: pairs.Pair, prompts: list[str], *, most: int = 20, observer: Observer | None = None, **more: Any
) -> list[Generated]:
    """The answers to prompts, in their order; `more` are `stops`, or settings of the task."""
    stops = tuple(more.pop("stops", ()))
    more |= {"max_gen_toks": most, "until": list(stops)}
    requests = [
        GenerateRequest(pair.ids(prompt), prompt, most, stops, more, 7, (prompt, more), document=number)
        for number, prompt in enumerate(prompts)
    ]
    found: dict[int, Generated] = {}
    asked.generate(requests, found.__setitem__, observer or Unobserved())
    return [found[number] for number in range(len(prompts))]


def scored(asked: Any, pair: pairs.Pair, texts: list[tuple[str, str]]) -> list[Score]:
    """The scores of (context, continuation), in their order."""
    requests = [
        ScoreRequest(pair.ids(context), pair.ids(text), (context, text), document=number)
        for number, (context, text) in enumerate(texts)
    ]
    found: dict[int, Score] = {}
    asked.score(requests, found.__setitem__, Unobserved())
    return [found[number] for number in range(len(texts))]
