"""Models write their own texts: with the settings of the plan alone, and nothing written twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchtui import api
from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import Sampling
from benchtui.runs.events import Event, Warned
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.tokens.events import TextsWritten
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.guard import StopFlag, StopRequested
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.own import write_own_texts
from tests.worker.tiny_models import edit, make_base

DOCUMENTS = [
    TokenDocument(f"made #{n}", prompt, "given", group=str(n), span=(0, 5), scored_from=0)
    for n, prompt in enumerate(("the quick brown", "and counts to ten while a b the cat", "all day", ""))
]
GREEDY = Sampling(max_new_tokens=12)
DRAWN = Sampling(temperature=0.8, top_k=20, top_p=0.9, min_p=0.01, max_new_tokens=12, seed=5)


class StopAfter(StopFlag):
    """As if SIGTERM had come after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def check(self) -> None:
        self._left -= 1
        self.requested = self._left < 0
        super().check()


class Events:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("own") / "tiny")


def opened(folder: Path, **settings: Any) -> Iterator[Answering]:
    with api.load(folder, device="cpu", dtype="float32", offline=True, **settings) as loaded:
        yield loaded._answering


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Answering]:
    yield from opened(folder)


def write(
    model: Answering,
    place: Path,
    sampling: Sampling = GREEDY,
    documents: list[TokenDocument] = DOCUMENTS,
    events: Events | None = None,
    stop: StopFlag | None = None,
) -> list[TokenDocument]:
    place.mkdir(exist_ok=True)
    with Journal(place / "journal.sqlite") as journal:
        reporter = Reporter(events or Events())
        return write_own_texts(documents, 0, "m", sampling, model, journal, reporter, stop or StopFlag())


def by_transformers(folder: Path, prompt: str, limit: int) -> str:
    tokenizer, causal = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"] if prompt else torch.tensor([[0]])
    causal.generation_config.eos_token_id = 1
    row = causal.generate(ids, max_new_tokens=limit, do_sample=False, repetition_penalty=1.0)[0]
    written = row[ids.shape[1] :].tolist()
    return str(tokenizer.decode(written[:-1] if written[-1] == 1 else written))


def test_the_likeliest_text_is_that_of_transformers(model: Answering, folder: Path, tmp_path: Path) -> None:
    events = Events()
    documents = write(model, tmp_path, events=events)
    expected = [by_transformers(folder, document.prompt, 12).rstrip("\ufffd") for document in DOCUMENTS]
    assert [document.answer for document in documents] == expected
    assert {(one.written_by, one.span, one.scored_from, one.change) for one in documents} == {("m", None, None, "")}
    assert [document.group for document in documents] == ["0", "1", "2", "3"]
    assert events.of(TextsWritten)[-1].documents == len(DOCUMENTS)


def test_a_models_own_generation_settings_never_apply(folder: Path, tmp_path: Path) -> None:
    other = make_base(tmp_path / "other")
    edit(other / "generation_config.json", repetition_penalty=9.0, no_repeat_ngram_size=2, temperature=0.1, top_k=1)
    for changed in opened(other):
        assert write(changed, tmp_path / "a") == write(changed, tmp_path / "b")
        expected = [by_transformers(folder, document.prompt, 12).rstrip("\ufffd") for document in DOCUMENTS]
        assert [document.answer for document in write(changed, tmp_path / "a")] == expected
        first, second = (write(changed, tmp_path / f"drawn {seed}", _seeded(seed)) for seed in (1, 2))
        assert [one.answer for one in first] != [one.answer for one in second], "top_k 1 would always draw the same"


def _seeded(seed: int) -> Sampling:
    return Sampling(temperature=1.5, max_new_tokens=12, seed=seed)


def test_a_limit_in_the_models_own_file_is_refused(tmp_path: Path) -> None:
    other = make_base(tmp_path / "other")
    edit(other / "generation_config.json", max_new_tokens=3)
    for changed in opened(other):
        with pytest.raises(BenchtuiError, match=r"after 3 tokens where 12 .* sets max_new_tokens"):
            write(changed, tmp_path)


def test_drawn_texts_depend_on_the_seed_and_the_document_alone(model: Answering, tmp_path: Path) -> None:
    whole = write(model, tmp_path / "a", DRAWN)
    alone = [write(model, tmp_path / f"b{n}", DRAWN, [document])[0] for n, document in enumerate(DOCUMENTS)]
    assert [one.answer for one in alone] == [one.answer for one in whole]
    other = write(model, tmp_path / "c", Sampling(temperature=0.8, max_new_tokens=12, seed=6))
    assert [one.answer for one in other] != [one.answer for one in whole]


def test_what_was_written_is_not_written_again(
    model: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies leaves the first texts in the journal."""
    whole = write(model, tmp_path / "whole", DRAWN)
    write(model, tmp_path, DRAWN, DOCUMENTS[:2])
    with pytest.raises(StopRequested):
        write(model, tmp_path, DRAWN, stop=StopAfter(3))
    asked: list[int] = []
    generate = type(model).generate

    def counted(self: Any, requests: Any, *more: Any) -> None:
        asked.extend(request.args[2] for request in requests)
        generate(self, requests, *more)

    monkeypatch.setattr(type(model), "generate", counted)
    assert write(model, tmp_path, DRAWN) == whole
    assert asked == [2, 3]


def test_other_settings_write_anew(model: Answering, tmp_path: Path) -> None:
    drawn = write(model, tmp_path, DRAWN)
    assert write(model, tmp_path, GREEDY) == write(model, tmp_path / "other", GREEDY) != drawn


def test_a_text_ends_before_a_stop_string(model: Answering, tmp_path: Path) -> None:
    whole = write(model, tmp_path)[0].answer
    stop = next(letter for letter in whole[2:] if letter.isascii() and letter.isalpha())
    (document, *_) = write(model, tmp_path / "b", Sampling(max_new_tokens=12, stop=(stop,)))
    assert document.answer == whole[: whole.index(stop)]
    assert not document.ended


def test_each_prompt_of_a_group_is_answered_once(model: Answering, tmp_path: Path) -> None:
    twice = [TokenDocument("q #1", "all day", answer, "q/1", written_by=by) for answer, by in (("x", "a"), ("y", "b"))]
    assert len(write(model, tmp_path, documents=twice)) == 1


def test_a_window_without_room_is_refused_and_cut_prompts_are_told(folder: Path, tmp_path: Path) -> None:
    for small in opened(folder, max_length=16):
        with pytest.raises(BenchtuiError, match=r"window holds 16 in all"):
            write(small, tmp_path, Sampling(max_new_tokens=16))
        events = Events()
        write(small, tmp_path, Sampling(max_new_tokens=10), events=events)
        assert any("prompts were cut at their start" in warned.message for warned in events.of(Warned))


@pytest.mark.real
def test_a_real_model_ends_by_itself(real_model: Path, tmp_path: Path) -> None:
    prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    documents = [TokenDocument("a", prompt, "", "1"), TokenDocument("b", "Once upon a time", "", "2")]
    for real in opened(real_model / "SmolLM2-135M-Instruct"):
        answer, story = write(real, tmp_path, Sampling(max_new_tokens=40), documents)
    assert (answer.ended, answer.end) == (True, "<|im_end|>")
    assert "<|im_end|>" not in answer.answer
    assert "Paris" in answer.answer
    assert not story.ended
    assert story.answer.startswith(","), json.dumps(story.answer)
