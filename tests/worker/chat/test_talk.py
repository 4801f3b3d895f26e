"""Chats with tiny models, by their worker: cancelled, struck, continued, and two models on one set of weights."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from benchtui.reports.wording.chat import written_rate
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import WorkerStarted
from benchtui.runs.kinds.chat.asked import Look, Write
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from tests.e2e.tiny import make_tiny_model
from tests.worker.chat.talks import GREEDY, Talk, chat_plan

LONG = Sampling(temperature=1.0, seed=3, max_new_tokens=400)
"""An answer of many tokens: that of the first tiny model does not end by itself before."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models, an adapter on the first, and one that is broken."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one", "two")):
        make_tiny_model(folder / name, seed=seed, chat_template=True)
    base = AutoModelForCausalLM.from_pretrained(folder / "one")
    adapted = get_peft_model(base, LoraConfig(target_modules=["q_proj", "v_proj"], r=4, init_lora_weights=False))
    adapted.save_pretrained(folder / "adapter")
    for file in (folder / "one").glob("*token*"):
        shutil.copy(file, folder / "adapter")
    config = folder / "adapter" / "adapter_config.json"
    config.write_text(
        config.read_text().replace('"base_model_name_or_path": null', f'"base_model_name_or_path": "{folder / "one"}"')
    )
    del torch
    return folder


def a_run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "m" / "chats" / "one")


def workers(run: RunDirectory) -> list[psutil.Process]:
    return [one for one in psutil.Process().children(recursive=True) if str(run.path) in " ".join(one.cmdline())]


def test_two_models_answer_side_by_side_and_one_that_is_broken_says_why(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "one", tmp_path / "broken")
    plan = chat_plan(tmp_path, {"one": models / "one", "broken": tmp_path / "broken", "two": models / "two"})
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"no weights")  # since it was chosen
    with Talk(a_run(tmp_path), plan) as talk:
        turn = talk.say("the quick brown fox")
        asked = [talk.ask(turn, model) for model in range(3)]
        found = [talk.answer(number) for number in asked]
        assert [one.state for one in found] == ["length", "failed", "length"]
        assert [len(one.tokens) for one in found] == [16, 0, 16]
        assert found[0].text != found[2].text
        why = talk.conversation.ready[1]
        assert isinstance(why, ChatUnready)
        assert found[1].ended is not None
        assert found[1].ended.what == why.what != ""
        assert (talk.run.path / "chat" / "prompts" / "1.txt").read_text() == "the quick brown fox\n"
        for token in found[0].tokens:
            assert token.logprob is not None
            assert token.entropy is not None
            assert 0 < token.entropy <= np.log(300)
            assert [one.logprob for one in token.top] == sorted((one.logprob for one in token.top), reverse=True)
            assert (token.text, token.logprob) == tuple(msg for msg in (token.top[0].text, token.top[0].logprob))
    assert talk.run.done.exists()
    assert workers(talk.run) == []


def test_cancelling_stops_within_200_ms_and_keeps_what_is_written(models: Path, tmp_path: Path) -> None:
    with Talk(a_run(tmp_path), chat_plan(tmp_path, {"one": models / "one"})) as talk:
        turn = talk.say("the lazy dog")
        number = talk.ask(turn, sampling=LONG)
        talk.until(lambda: len(talk.conversation.answers[number].tokens) > 5)
        began = time.monotonic()
        talk.cancel(number)
        found = talk.answer(number)
        assert time.monotonic() - began < 0.2
        assert found.state == "cancelled"
        assert 5 < len(found.tokens) < LONG.max_new_tokens
        again = talk.answer(talk.ask(talk.say("the cat", turn)))
        assert again.state == "length"


def test_a_worker_that_is_killed_goes_on_from_the_last_token(models: Path, tmp_path: Path) -> None:
    plan = chat_plan(tmp_path, {"one": models / "one"})
    with Talk(a_run(tmp_path), plan) as talk:
        turn = talk.say("the lazy dog")
        whole = talk.answer(talk.ask(turn, sampling=LONG))
        number = talk.ask(turn, sampling=LONG)
        talk.until(lambda: len(talk.conversation.answers[number].tokens) > 20)
        for process in workers(talk.run):
            os.kill(process.pid, signal.SIGKILL)
        while not talk.run.done.exists():
            time.sleep(0.01)
    with Talk(a_run(tmp_path), plan) as talk:
        known = len(talk.conversation.answers[number].tokens)
        assert 20 < known < len(whole.tokens)
        struck = talk.answer(number)
        assert [one.id for one in struck.tokens] == [one.id for one in whole.tokens]
        assert struck.text == whole.text
        assert struck.ended is not None
        assert struck.ended.tokens == len(struck.tokens)
        assert written_rate(struck.ended) is None, "most of its tokens were not written in these seconds"


def test_an_adapter_shares_the_weights_of_its_base(models: Path, tmp_path: Path) -> None:
    plan = chat_plan(tmp_path, {"tuned": models / "adapter", "base": models / "one"})
    with Talk(a_run(tmp_path), plan) as talk:
        turn = talk.say("the quick brown fox")
        asked = [talk.ask(turn, model) for model in range(2)]
        found = [talk.answer(number) for number in asked]
        ready = [talk.conversation.ready[model] for model in range(2)]
        assert all(isinstance(one, ChatReady) for one in ready)
        assert [getattr(one, "shares", None) for one in ready] == [1, None]
        assert found[0].text != found[1].text
        assert [one.id for one in found[1].tokens] == greedy(models / "one", "the quick brown fox\n", 16)


def greedy(folder: Path, prompt: str, tokens: int) -> list[int]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
    found = model.generate(ids, do_sample=False, max_new_tokens=tokens)
    return [int(one) for one in found[0, ids.shape[1] :]]


def test_what_another_model_makes_of_an_answer_is_what_it_computes_itself(models: Path, tmp_path: Path) -> None:
    from scipy.special import rel_entr

    with Talk(a_run(tmp_path), chat_plan(tmp_path, {name: models / name for name in ("one", "two")})) as talk:
        turn = talk.say("the quick brown fox")
        answer = talk.answer(talk.ask(turn, sampling=Sampling(max_new_tokens=70)))
        talk.write(Look(number=1, answer=answer.number))
        talk.until(lambda: any(one.last for one in talk.conversation.looked.get(1, [])))
        found = talk.conversation.looked[1]
    assert [one.start for one in found] == [0, 32, 64]
    ids = [token.id for token in answer.tokens]
    rows = [shares(models / name, "the quick brown fox\n", ids) for name in ("one", "two")]
    mean = (rows[0] + rows[1]) / 2
    js = (rel_entr(rows[0], mean) + rel_entr(rows[1], mean)).sum(-1) / 2
    np.testing.assert_allclose([one for event in found for one in event.divergence], js, atol=1e-5)
    own = np.log(rows[1][np.arange(len(ids)), ids])
    np.testing.assert_allclose([one for event in found for one in event.logprob], own, atol=1e-4)
    np.testing.assert_allclose([token.logprob for token in answer.tokens], np.log(rows[0].max(-1)), atol=1e-4)


def shares(folder: Path, prompt: str, ids: list[int]) -> np.ndarray[Any, Any]:
    """The probabilities [n, vocabulary] before each token of an answer, by transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[*before, *ids]])).logits[0, len(before) - 1 : -1].double()
    found: np.ndarray[Any, Any] = torch.softmax(logits, -1).numpy()
    return found


def test_an_answer_is_continued_by_its_own_model_and_by_another(models: Path, tmp_path: Path) -> None:
    with Talk(a_run(tmp_path), chat_plan(tmp_path, {name: models / name for name in ("one", "two")})) as talk:
        turn = talk.say("the quick brown fox")
        whole = talk.answer(talk.ask(turn, sampling=Sampling(max_new_tokens=24)))
        begun = talk.answer(talk.ask(turn, sampling=Sampling(max_new_tokens=10)))
        more = talk.answer(talk.ask(turn, sampling=Sampling(max_new_tokens=14), begin=begun.text, goes_on=begun.number))
        assert [one.id for one in (*begun.tokens, *more.tokens)] == [one.id for one in whole.tokens]
        other = talk.answer(talk.ask(turn, 1, begin=begun.text, goes_on=begun.number))
        assert other.text.startswith(begun.text)
        assert len(other.tokens) == 16


def test_a_line_that_makes_no_sense_keeps_nobody_from_answering(models: Path, tmp_path: Path) -> None:
    with Talk(a_run(tmp_path), chat_plan(tmp_path, {"one": models / "one"})) as talk:
        talk.write(Write(number=7, turn=3, model=0, messages=(), sampling=GREEDY))  # a turn that nobody said
        assert talk.answer(talk.ask(talk.say("the quick brown fox"))).state == "length"
        assert sum(isinstance(event, WorkerStarted) for event in read_events(talk.run.events)) == 1


def test_a_stop_string_ends_an_answer_and_is_not_shown(models: Path, tmp_path: Path) -> None:
    with Talk(a_run(tmp_path), chat_plan(tmp_path, {"one": models / "one"})) as talk:
        turn = talk.say("the quick brown fox")
        whole = talk.answer(talk.ask(turn)).text
        stop = whole[4:7]
        found = talk.answer(talk.ask(turn, sampling=Sampling(max_new_tokens=16, stop=(stop,))))
        assert (found.state, found.text) == ("stop", whole[: whole.index(stop)])
