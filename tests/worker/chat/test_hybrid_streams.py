"""A pair of models that answers in a chat writes what it writes in a benchmark, token by token, and stops when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.routing.records import Sampling
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.runs.kinds.chat.events import ChatReady
from benchtui.worker.answering.hybrid.answering import HybridAnswering, way_of
from benchtui.worker.answering.protocol import Generated, GenerateRequest, Unobserved
from benchtui.worker.answering.streaming import Ended, Part
from benchtui.worker.chat.generation_settings import generation_settings
from benchtui.worker.chat.hybrid_streams import HybridStreams
from benchtui.worker.chat.models import Loader
from benchtui.worker.chat.speaker import Cancellation, Over, Piece, Prompted
from benchtui.worker.report import Reporter
from tests.e2e.tiny import make_tiny_model
from tests.worker.answering.hybrid.asked import together
from tests.worker.chat.talks import chat_plan
from tests.worker.switching.pairs import Pair, opened_pair

STRATEGIES = {
    "routed": {"strategy": "uncertainty", "threshold": "1.0"},
    "quantile": {"strategy": "margin", "threshold": "p50"},
    "switch": {"strategy": "switch", "threshold": "0.05"},
    "speculative": {"strategy": "speculative"},
    "defer": {"strategy": "defer", "threshold": "p50"},
    "large": {"strategy": "large"},
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


def streams(pair: Pair, strategy: str) -> HybridStreams:
    return HybridStreams(HybridAnswering(together(pair, **STRATEGIES[strategy]), None))  # type: ignore[arg-type]


def request(found: HybridStreams, sampling: Sampling) -> GenerateRequest:
    prompt = "the quick brown fox"
    settings = {**generation_settings(sampling), "max_gen_toks": sampling.max_new_tokens}
    ids = found.encoded(prompt)
    return GenerateRequest(ids, prompt, sampling.max_new_tokens, (), settings, sampling.seed, (prompt, {}), document=0)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_what_is_streamed_is_what_the_pair_writes(pair: Pair, strategy: str, temperature: float) -> None:
    found = streams(pair, strategy)
    asked = request(found, Sampling(temperature=temperature, seed=7, max_new_tokens=20))
    parts, ended = [], None
    for one in found.stream(asked):
        if isinstance(one, Part):
            parts.append(one)
        elif isinstance(one, Ended):
            ended = one
    whole: list[Generated] = []
    both = together(pair, **STRATEGIES[strategy])
    if "p50" not in STRATEGIES[strategy].values():  # another test has how such a threshold is measured
        way_of(both).generate([asked], lambda _, answer: whole.append(answer), Unobserved())
        assert [token.id for part in parts for token in part.tokens] == list(whole[0].ids)
        assert "".join(part.text for part in parts) == whole[0].text
    assert ended is not None
    assert ended.tokens == sum(len(part.tokens) for part in parts) > 0
    if strategy in ("routed", "quantile", "switch", "speculative"):
        assert len(parts) > 5


@pytest.mark.parametrize("strategy", ["routed", "switch", "speculative"])
def test_a_stream_that_is_closed_writes_no_more(pair: Pair, strategy: str) -> None:
    found = streams(pair, strategy)
    asked = request(found, Sampling(temperature=1.0, seed=2, max_new_tokens=400))
    stream = found.stream(asked)
    seen = [next(one for one in stream if isinstance(one, Part)) for _ in range(3)]
    began, before = time.monotonic(), threading.active_count()
    stream.close()
    assert time.monotonic() - began < 0.2
    assert threading.active_count() == before - 1
    again = [one for one in found.stream(asked) if isinstance(one, Part)]
    assert again[: len(seen)] == seen
    assert len(again) > len(seen) + 10


def test_an_answer_that_waits_for_another_one_is_cancelled_at_once(pair: Pair) -> None:
    found = streams(pair, "routed")
    with found._lock:  # as while another answer is written
        waiting = found.stream(request(found, Sampling(max_new_tokens=8)))
        assert next(waiting) is None
        closing = threading.Thread(target=waiting.close)
        closing.start()
        closing.join(0.2)
        assert not closing.is_alive()


def test_a_pair_is_one_of_the_models_of_a_chat(tmp_path: Path) -> None:
    models = [
        make_tiny_model(tmp_path / name, seed=seed, chat_template=True) for seed, name in enumerate(("one", "two"))
    ]
    plan = chat_plan(
        tmp_path / "outputs", {"pair": models[0]}, backend="hybrid", large=str(models[1]), strategy="switch",
        threshold="0.001",
    )  # fmt: skip
    (loaded,) = Loader(plan, Reporter(EventWriter(tmp_path / "events.jsonl")), 1.0).load()
    assert isinstance(loaded.told, ChatReady)
    assert "Two models" in loaded.told.why_not
    assert loaded.speaker is not None
    write = Write(
        number=1, turn=1, model=0, messages=(Message("user", "the cat"),), sampling=Sampling(max_new_tokens=12)
    )
    told = list(loaded.speaker.answer(write, (), (), Cancellation()))
    assert isinstance(told[0], Prompted)
    assert told[0].text == "the cat\n"
    over = told[-1]
    assert isinstance(over, Over)
    assert (over.finish, over.tokens) == ("length", 12)
    tokens = [token for one in told if isinstance(one, Piece) for token in one.tokens]
    assert len(tokens) == 12
    assert tokens[0].logprob is None
