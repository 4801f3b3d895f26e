"""What one model answers in a chat, asked directly: its own settings, what stops it, and what it does about trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui import api
from benchtui.errors import BenchtuiError
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.protocol import OutOfMemoryError
from benchtui.worker.chat.speaker import AnswerCancelled, Cancellation, Over, Piece, Prompted
from benchtui.worker.chat.stepped_speaker import SteppedSpeaker
from tests.e2e.tiny import TEXT
from tests.worker.tiny_models import make_base, rewrite

LONG = " ".join([TEXT] * 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_base(tmp_path_factory.mktemp("models") / "one")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    return folder


def opened(folder: Path) -> Iterator[SteppedSpeaker]:
    with api.load(folder, device="cpu", dtype="float32", offline=True) as loaded:
        yield SteppedSpeaker(0, "one", loaded._answering, threading.Lock())


@pytest.fixture
def speaker(folder: Path) -> Iterator[SteppedSpeaker]:
    yield from opened(folder)


def ask(text: str, **sampling: Any) -> Write:
    settings = Sampling(**{"max_new_tokens": 12, **sampling})
    return Write(number=1, turn=1, model=0, messages=(Message("user", text),), sampling=settings)


def told(speaker: SteppedSpeaker, asked: Write, cancellation: Cancellation | None = None) -> list[Any]:
    return list(speaker.answer(asked, (), (), cancellation or Cancellation()))


def ids(found: list[Any]) -> list[int]:
    return [token.id for one in found if isinstance(one, Piece) for token in one.tokens]


def at_layer(speaker: SteppedSpeaker, number: int, call: Callable[[], None]) -> Any:
    assert isinstance(speaker.model, HFAnswering)
    layer = speaker.model.lm.model.model.layers[number]
    return layer.register_forward_hook(lambda *_: call())


def test_an_answer_is_cancelled_in_the_middle_of_a_forward_pass(speaker: SteppedSpeaker) -> None:
    cancellation, passed = Cancellation(), []
    hooks = [at_layer(speaker, 0, cancellation.cancel), at_layer(speaker, 1, lambda: passed.append(1))]
    with pytest.raises(AnswerCancelled):
        told(speaker, ask(LONG), cancellation)
    assert passed == []
    for hook in hooks:
        hook.remove()
    expected = ids(told(speaker, ask(LONG)))
    assert len(expected) == 12
    assert ids(told(speaker, ask(LONG))) == expected


def test_what_was_read_is_not_read_again_and_changes_nothing(folder: Path) -> None:
    for speaker in opened(folder):
        first, second = (told(speaker, ask(LONG)) for _ in range(2))
    prompted = second[0]
    assert isinstance(prompted, Prompted)
    assert first[0].cached == 0
    assert prompted.cached == prompted.tokens - 1
    assert ids(first) == ids(second)


def test_an_answer_that_is_cancelled_before_its_first_token_costs_nothing_of_what_was_read(
    speaker: SteppedSpeaker,
) -> None:
    told(speaker, ask(LONG))
    cancelled = speaker.answer(ask(f"{LONG} the cat"), (), (), Cancellation())
    assert isinstance(next(cancelled), Prompted)
    cancelled.close()
    (prompted, *_) = told(speaker, ask(LONG))
    assert prompted.cached == prompted.tokens - 1


def test_texts_in_memory_make_way_for_one_that_does_not_fit(
    speaker: SteppedSpeaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchtui.worker.answering.hf.growing_text import CachedText

    expected = ids(told(speaker, ask(LONG)))
    told(speaker, ask("the cat"))
    held: list[int] = []
    whole = CachedText.step

    def step(self: CachedText, tokens: Any, last: int | None = None) -> Any:
        if speaker.memory.held:
            held.append(speaker.memory.held)
            raise OutOfMemoryError("no memory")
        return whole(self, tokens, last)

    monkeypatch.setattr(CachedText, "step", step)
    assert ids(told(speaker, ask(LONG))) == expected
    assert held == [1]
    monkeypatch.setattr(CachedText, "step", lambda *_: (_ for _ in ()).throw(OutOfMemoryError("no memory")))
    with pytest.raises(OutOfMemoryError):
        told(speaker, ask("a b"))


def test_a_model_that_computes_nothing_says_so(folder: Path, tmp_path: Path) -> None:
    import shutil

    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    rewrite(broken, lambda tensors: {name: tensor * float("nan") for name, tensor in tensors.items()})
    for speaker in opened(broken):
        with pytest.raises(BenchtuiError, match="NaN"):
            told(speaker, ask("the cat"))


def test_a_full_window_ends_an_answer_and_refuses_a_prompt(speaker: SteppedSpeaker) -> None:
    text = LONG
    prompt = speaker.prompt(ask(text))[1]
    while len(prompt) < 500:
        text += " the"
        prompt = speaker.prompt(ask(text))[1]
    over = told(speaker, ask(text, max_new_tokens=400, temperature=1.0))[-1]
    assert over == Over("window", 512 - len(prompt), len(prompt), 0)
    with pytest.raises(BenchtuiError, match="leaves no room"):
        told(speaker, ask(text + LONG))


def test_a_drawn_answer_is_the_same_again_and_another_with_another_seed(speaker: SteppedSpeaker) -> None:
    one, again, other = (
        ids(told(speaker, ask("the lazy dog", temperature=1.0, seed=seed, max_new_tokens=30))) for seed in (5, 5, 6)
    )
    assert one == again != other


def test_what_a_generation_config_says_is_done_as_generate_does_it(folder: Path, tmp_path: Path) -> None:
    import shutil

    from transformers import AutoModelForCausalLM, AutoTokenizer

    own = Path(shutil.copytree(folder, tmp_path / "own"))
    config = json.loads((own / "generation_config.json").read_text())
    config |= {"repetition_penalty": 1.8, "no_repeat_ngram_size": 2, "do_sample": True, "temperature": 0.7, "top_k": 3}
    (own / "generation_config.json").write_text(json.dumps(config))
    tokenizer, model = AutoTokenizer.from_pretrained(own), AutoModelForCausalLM.from_pretrained(own)
    prompt = tokenizer("the lazy dog\n", return_tensors="pt", add_special_tokens=False)
    whole = model.generate(**prompt, do_sample=False, max_new_tokens=30, temperature=None, top_k=None)
    expected = [int(one) for one in whole[0, prompt["input_ids"].shape[1] :]]
    for speaker in opened(own):
        assert ids(told(speaker, ask("the lazy dog", max_new_tokens=30))) == expected
        drawn = [told(speaker, ask("the lazy dog", temperature=1.5, seed=seed)) for seed in range(8)]
    for speaker in opened(folder):
        assert ids(told(speaker, ask("the lazy dog", max_new_tokens=30))) != expected
    assert len({tuple(ids(one)) for one in drawn}) > 4, "the person's temperature counts, and no top-k"


def test_what_is_told_of_a_token_is_its_distribution(speaker: SteppedSpeaker) -> None:
    for one in told(speaker, ask("the lazy dog")):
        if isinstance(one, Piece):
            for token in one.tokens:
                best = [candidate.logprob for candidate in token.top]
                assert len(best) == 5
                assert best == sorted(best, reverse=True)
                assert token.logprob == best[0]
                assert token.entropy is not None
                assert 0 < token.entropy < np.log(300)


def test_a_long_prompt_is_told_while_it_is_read(speaker: SteppedSpeaker) -> None:
    text = " ".join([LONG] * 2)
    prompted = [one for one in told(speaker, ask(text)) if isinstance(one, Prompted)]
    whole = prompted[0].tokens
    assert whole is not None
    assert whole > 256
    assert [one.read for one in prompted] == [None, *range(128, whole, 128)]
    assert {one.tokens for one in prompted} == {whole}


def test_a_character_that_two_answers_have_written_is_whole(speaker: SteppedSpeaker) -> None:
    """The tiny tokenizer spells an emoji in four tokens of one byte each."""
    tokens = speaker.model.tokens
    assert tokens is not None
    spelled = tokens.encode(["a \U0001f600 b"], special=False)["a \U0001f600 b"]
    place = next(place for place in range(len(spelled)) if tokens.decode(spelled[:place]).endswith("\ufffd"))
    drawn = iter(spelled[place:])
    speaker._drawn = lambda *_: next(drawn)  # type: ignore[method-assign]
    begin = tokens.decode(spelled[: place - 1])
    asked = ask("the cat", max_new_tokens=len(spelled) - place)
    found = speaker.answer(asked, (), spelled[:place], Cancellation())
    assert begin + "".join(one.text for one in found if isinstance(one, Piece)) == "a \U0001f600 b"
