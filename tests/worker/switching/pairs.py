"""Two tiny real models with one tokenizer, and the per-token rule with two full forward passes a token, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchtui import api
from benchtui.routing.records import Sampling
from benchtui.routing.rules import SwitchRule
from benchtui.routing.uniforms import uniform
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.answering.stepped import SteppedModel
from tests.worker.tiny_models import make_base

END = 1


@dataclass
class Pair:
    """Two loaded models, and the same networks in transformers' own classes."""

    loaded: tuple[LoadedModel, LoadedModel]
    networks: tuple[Any, Any]
    tokenizer: Any

    def stepped(self, known: int | None = None) -> tuple[SteppedModel, SteppedModel]:
        count = known or len(self.tokenizer)
        first, second = (
            SteppedModel(label, model._answering, np.ones(count, np.bool_), Unobserved())
            for label, model in zip("AB", self.loaded, strict=True)
        )
        return first, second

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])


@contextmanager
def opened_pair(folder: Path, noise: float = 0.03, **changes: Any) -> Iterator[Pair]:
    """A random Llama, and the same with noise on its weights; float32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    first = make_base(folder / "first", **changes)
    second = make_base(folder / "second", **changes)
    network = AutoModelForCausalLM.from_pretrained(second)
    torch.manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight += noise * torch.randn_like(weight)
    network.save_pretrained(second)
    settings = {"device": "cpu", "dtype": "float32", "offline": True}
    with api.load(first, **settings) as one, api.load(second, **settings) as other:
        networks = tuple(AutoModelForCausalLM.from_pretrained(path, dtype="float32") for path in (first, second))
        yield Pair((one, other), networks, AutoTokenizer.from_pretrained(first))  # type: ignore[arg-type]


@contextmanager
def counted_calls(pair: Pair) -> Iterator[tuple[list[int], list[int]]]:
    """For each model the positions of every forward pass, counted by a hook on its first layer."""
    seen: tuple[list[int], list[int]] = ([], [])
    hooks = [
        model._answering.lm.model.model.layers[0].register_forward_pre_hook(  # type: ignore[attr-defined]
            lambda _, args, counts=counts: counts.append(args[0].shape[0] * args[0].shape[1])
        )
        for model, counts in zip(pair.loaded, seen, strict=True)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@dataclass
class Naive:
    """What the rule gives token by token."""

    tokens: list[int] = field(default_factory=list)
    switches: list[tuple[int, str, str]] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)
    ended: str = ""


Measure = Callable[[np.ndarray, np.ndarray], float]


def js(first: np.ndarray, second: np.ndarray) -> float:
    """From scipy's relative entropy; its jensenshannon() is NaN where rounding leaves the sum just below zero."""
    from scipy.special import rel_entr

    mean = (first + second) / 2
    return max(0.0, float((rel_entr(first, mean) + rel_entr(second, mean)).sum() / 2))


def naive(
    pair: Pair, prompt: list[int], rule: SwitchRule, sampling: Sampling, *, end: int = END, measure: Measure = js
) -> Naive:
    """Two full forward passes for each token; the token drawn with transformers' processors."""
    found, current = Naive(), rule.start
    since = rule.min_stay
    while True:
        ids = torch.tensor([[*prompt, *found.tokens]])
        with torch.no_grad():
            logits = [network(ids).logits[0, -1].double() for network in pair.networks]
        first, second = (torch.softmax(row, -1).numpy() for row in logits)
        apart = measure(first, second)
        if since >= rule.min_stay and (apart > rule.up if current == "a" else apart < rule.down):
            to = "b" if current == "a" else "a"
            found.switches.append((len(found.tokens), current, to))
            current, since = to, 0
        found.divergences.append(apart)
        token = by_transformers(logits[current == "b"], sampling, uniform(sampling.seed, 3, 0, len(found.tokens)))
        found.tokens.append(token)
        since += 1
        text = pair.tokenizer.decode(found.tokens, skip_special_tokens=True)
        if token == end:
            found.ended = "end"
        elif any(stop in text for stop in sampling.stop):
            found.ended = "stop"
        elif len(found.tokens) == sampling.max_new_tokens:
            found.ended = "length"
        if found.ended:
            return found


def by_transformers(logits: torch.Tensor, sampling: Sampling, number: float) -> int:
    """The token that a uniform number picks from what transformers' processors leave, in the order of ids."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    shares = torch.softmax(transformers_scores(logits, sampling), -1).numpy()
    sums, last = 0.0, 0
    for token in np.flatnonzero(shares):
        sums, last = sums + shares[token], int(token)
        if sums > number:
            break
    return last


def transformers_scores(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    from transformers.generation import logits_process as made

    steps: list[Any] = [made.TemperatureLogitsWarper(sampling.temperature)]
    steps += [made.TopKLogitsWarper(sampling.top_k)] if sampling.top_k else []
    steps += [made.TopPLogitsWarper(sampling.top_p)] if sampling.top_p < 1 else []
    steps += [made.MinPLogitsWarper(sampling.min_p)] if sampling.min_p else []
    scores = logits[None]
    for step in steps:
        scores = step(None, scores)
    return scores[0]
