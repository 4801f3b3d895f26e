"""A real llama-server's model against transformers, and what of a server must not go unnoticed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.openai import llama_answering
from benchtui.worker.answering.openai.llama_answering import LlamaServerAnswering
from benchtui.worker.answering.protocol import GenerateRequest, ModelChangedError, ScoreRequest
from benchtui.worker.not_a_number import NotANumberError
from tests.conftest import absent
from tests.llama_server import LlamaServer, free_port, llama_server
from tests.worker.answering.openai.llama_asking import FOLDER, S260, Told, edited, opened, scores, texts

pytestmark = [pytest.mark.llama_server, pytest.mark.hub]

PROMPTS = ["Once upon a time", "The dog", "Lily 🙂", "Tom and Sue went to the park. They saw"]
BEGINNING = [1, 403, 407, 261, 378]
ENDINGS = [[432, 406, 286], [410, 243, 162, 156, 133, 410], [432, 406, 286, 261], [2], [432, 2], [432, 261], [410, 243]]
PAIRS = [(BEGINNING, ending) for ending in ENDINGS] + [([1], [403]), (BEGINNING[:3], [261, 378])]


@pytest.fixture(scope="module", autouse=True)
def _here() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")
    if not S260.is_file():
        absent("hub", "no hub beside the checkout")


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with llama_server(S260) as found:
        yield found


@pytest.fixture
def answering(server: LlamaServer) -> Iterator[LlamaServerAnswering]:
    found = opened(server.url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def reference() -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(FOLDER)


def logprobs(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1).numpy()


def test_log_likelihoods_are_those_of_transformers(answering: LlamaServerAnswering, reference: Any) -> None:
    told = Told()
    for (context, ending), found in zip(PAIRS, scores(answering, PAIRS, told), strict=True):
        places = logprobs(reference[0], context + ending[:-1])[len(context) - 1 :]
        right = sum(place[token] for place, token in zip(places, ending, strict=True))
        assert found.loglikelihood == pytest.approx(right, abs=1e-4)
        assert found.greedy == all(place.argmax() == token for place, token in zip(places, ending, strict=True))
    assert told.counted >= 14  # every place where a token was told of, and the contexts
    assert told.decisions["parts of characters"].startswith("1:")  # the first byte of the emoji, once for both endings
    assert told.decisions["log-likelihoods"].endswith("for 9 continuations")
    assert [tokens for tokens, _ in told.read] == [4, 2]  # contexts but for their last tokens


def test_a_score_depends_on_nothing_that_was_asked_before(server: LlamaServer, answering: LlamaServerAnswering) -> None:
    forwards = scores(answering, PAIRS)
    server.post("/completion", {"prompt": [*BEGINNING, 432], "n_predict": 20})
    assert scores(answering, PAIRS[::-1])[::-1] == forwards
    assert [scores(answering, [pair])[0] for pair in PAIRS] == forwards


def test_what_somebody_else_makes_the_server_forget_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt of which the slot has nothing any more would be computed in one batch, with other last digits."""
    long = [([*BEGINNING * 12], ending) for ending in ENDINGS]
    requests = [ScoreRequest(context, ending, ("", str(ending))) for context, ending in long]
    with llama_server(S260, cache_ram_mib=0) as server:
        answering = opened(server.url)
        alone = scores(answering, long)
        post, computed, every = answering._server.post, list[int](), 9

        async def disturbed(path: str, body: Any) -> Any:
            if len(computed) % every == every - 1:
                server.post("/completion", {"prompt": [1, 410, 243, 410], "n_predict": 2, "id_slot": 0})
            answer = await post(path, body)
            computed.append(answer["timings"]["prompt_n"])
            return answer

        monkeypatch.setattr(answering._server, "post", disturbed)
        assert scores(answering, long) == alone
        lost, read = sum(count > 59 for count in computed), computed.count(59)
        assert lost >= 1
        assert read == 1 + lost, "the context is read again as it was, whenever it was lost"
        every, told = 1, Told()
        answering.score(requests, lambda *_: None, told)  # type: ignore[arg-type]
        assert len(told.without) == len(requests)
        assert all("lost what it had read, 3 times" in why for _, why in told.without)
        answering.close()


def test_the_tokens_are_those_of_transformers(answering: LlamaServerAnswering, reference: Any) -> None:
    tokenizer = reference[1]
    asked = [*PROMPTS, "", " ", "  two\n\nnew", "½ 12 ２", "x</s>y", "<s>begins", "a\x00b", "日本"]
    found = answering.tokens.encode(asked)
    for text in asked:
        assert found[text] == tokenizer(text, add_special_tokens=not text.startswith("<s>"))["input_ids"], text
        assert answering.tokens.decode(found[text]) == tokenizer.decode(found[text], skip_special_tokens=True)
    assert (answering.tokens.bos, answering.tokens.eos, answering.tokens.prefix) == (1, 2, 1)


@pytest.mark.parametrize("special", [False, True])
def test_greedy_texts_are_those_of_transformers(reference: Any, special: bool) -> None:
    model, tokenizer = reference
    with llama_server(S260, special=special) as server:
        answering = opened(server.url)
        for prompt, found in zip(PROMPTS, texts(answering, PROMPTS, do_sample=False), strict=True):
            ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
            right = model.generate(ids, max_new_tokens=24, do_sample=False)[0][ids.shape[1] :].tolist()
            assert (list(found.ids), found.finish) == (right, "length")
            assert found.text == tokenizer.decode(right, skip_special_tokens=True)
            assert (found.read, found.read_whole, found.window_full) == (ids.shape[1], True, False)
        (stopped,) = texts(answering, ["Once upon a time"], stops=("girl",), do_sample=False)
        assert stopped.finish == "stop"
        assert stopped.text.split("girl")[0] == ", there was a little "
        (none,) = texts(answering, ["Once upon a time"], limit=0)
        assert (none.text, list(none.ids)) == ("", [])
        answering.close()


def test_drawn_texts_are_repeated_by_their_seed_and_follow_their_settings(answering: LlamaServerAnswering) -> None:
    drawn = [texts(answering, PROMPTS, do_sample=True, temperature=1.5) for _ in range(2)]
    assert drawn[0] == drawn[1]
    greedy = texts(answering, PROMPTS, do_sample=False)
    assert [one.ids for one in drawn[0]] != [one.ids for one in greedy]
    assert [one.ids for one in texts(answering, PROMPTS, do_sample=True, temperature=1.5, top_k=1)] == [
        one.ids for one in greedy
    ]
    with pytest.raises(BenchtuiError, match="num_beams"):
        texts(answering, PROMPTS, num_beams=3)


def test_a_penalty_is_that_of_transformers(answering: LlamaServerAnswering, reference: Any) -> None:
    model, tokenizer = reference
    for prompt, found in zip(PROMPTS, texts(answering, PROMPTS, do_sample=False, repetition_penalty=1.3), strict=True):
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        right = model.generate(ids, max_new_tokens=24, do_sample=False, repetition_penalty=1.3)[0][ids.shape[1] :]
        assert list(found.ids) == right.tolist()


def test_whole_distributions(answering: LlamaServerAnswering, reference: Any) -> None:
    found = list(answering.distributions(BEGINNING, 2, Told()))
    assert [one.first for one in found] == [2, 3, 4, 5]
    right = logprobs(reference[0], BEGINNING)[1:]
    assert np.abs(np.concatenate([one.logprobs for one in found]) - right).max() < 1e-4


def test_slots_divide_the_context_and_answer_side_by_side(reference: Any) -> None:
    with llama_server(S260, slots=2, context=1024) as server:
        told = Told()
        answering = opened(server.url, PromptSettings(max_length=1024), told, batch_size=4)
        assert answering.facts.context_length == 511
        assert "not 1024" in " ".join(answering.facts.caveats)
        assert told.decisions["batch size"].startswith("2:")
        pairs = [*PAIRS, ([1, 410], [243]), ([1, 261], [432, 261])]
        for (context, ending), found in zip(pairs, scores(answering, pairs), strict=True):
            places = logprobs(reference[0], context + ending[:-1])[len(context) - 1 :]
            right = sum(place[token] for place, token in zip(places, ending, strict=True))
            assert found.loglikelihood == pytest.approx(right, abs=1e-4)
        told = Told()
        answering.score([ScoreRequest([1] * 601, [2], ("long",))], lambda *_: None, told)  # type: ignore[arg-type]
        ((args, why),) = told.without
        assert args == ("long",)
        assert "request (600 tokens) exceeds the available context size (512 tokens)" in why
        (cut,) = texts(answering, ["Once upon a time"], limit=600, do_sample=False)
        assert (cut.finish, cut.window_full, len(cut.ids) < 600) == ("length", True, True)
        answering.close()


def test_a_server_that_drafts_tells_log_likelihoods_one_token_a_request(server: LlamaServer) -> None:
    right, told = opened(server.url), Told()
    with llama_server(S260, draft=str(S260)) as drafting:
        together = drafting.post("/completion", {"prompt": BEGINNING, "n_predict": 8, "n_probs": 1, "temperature": 0})
        zeros = [place["logprob"] for place in together["completion_probabilities"]]
        assert zeros[1:] == [0.0] * 7 != zeros[:1]  # what must not be believed (llama.cpp#27972)
        answering = opened(drafting.url, told=told)
        for one, other in zip(scores(answering, PAIRS), scores(right, PAIRS), strict=True):
            assert one.loglikelihood == pytest.approx(other.loglikelihood, abs=1e-4)
        assert [one.ids for one in texts(answering, PROMPTS)] == [one.ids for one in texts(right, PROMPTS)]
        answering.close()
    assert "speculatively" in told.decisions["drafts"]
    right.close()


def lora(path: Path) -> Path:
    """A LoRA adapter for stories260K of rank 2, large enough to change what the model says."""
    from gguf import GGUFReader, GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    draw = np.random.default_rng(5)
    for tensor in GGUFReader(S260).tensors:
        if "attn_q" in tensor.name or "ffn_down" in tensor.name:
            inputs, outputs = (int(size) for size in tensor.shape)
            writer.add_tensor(tensor.name + ".lora_a", draw.normal(0, 0.2, (2, inputs)).astype(np.float32))
            writer.add_tensor(tensor.name + ".lora_b", draw.normal(0, 0.2, (outputs, 2)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_adapter_is_never_read_from_another_ones_prompts(tmp_path: Path, server: LlamaServer) -> None:
    """Base, tuned, base again (llama.cpp#26207): equal to a fresh server each time."""
    adapter = lora(tmp_path / "lora.gguf")
    long = [([*BEGINNING * 12], [432, 261])]

    def asked(url: str, scale: float, told: Told | None = None) -> Any:
        llama.post("/lora-adapters", [{"id": 0, "scale": scale}])  # type: ignore[arg-type]
        answering = opened(url, told=told)
        try:
            return scores(answering, long), [one.ids for one in texts(answering, PROMPTS)]
        finally:
            answering.close()

    with llama_server(S260, lora=str(adapter)) as llama:
        told = Told()
        base, tuned, again = asked(llama.url, 0.0), asked(llama.url, 1.0, told), asked(llama.url, 0.0)
        held = opened(llama.url)
        llama.post("/lora-adapters", [{"id": 0, "scale": 0.5}])  # type: ignore[arg-type]
        with pytest.raises(ModelChangedError, match=r"lora.gguf@0.5"):
            held.check_same()
        held.close()
    with llama_server(S260, lora=str(adapter)) as llama:
        assert asked(llama.url, 1.0) == tuned
    plain = opened(server.url)
    assert base == again
    assert abs(base[0][0].loglikelihood - scores(plain, long)[0].loglikelihood) < 1e-4
    assert abs(base[0][0].loglikelihood - tuned[0][0].loglikelihood) > 0.1
    assert "lora.gguf at 1" in told.decisions["adapters"]
    plain.close()


@pytest.mark.parametrize("alias", ["", "the-model"])
def test_another_model_on_the_same_port_voids_what_it_answered(tmp_path: Path, alias: str) -> None:
    other = edited(S260, tmp_path / "other.gguf", lambda tensors: tensors["output_norm.weight"].__imul__(1.1))
    port = free_port()
    named = {"model_alias": alias} if alias else {}
    with llama_server(S260, port=port, **named) as first:
        answering = opened(first.url)
        assert scores(answering, PAIRS[:1])
    with (
        llama_server(other, port=port, **named),
        pytest.raises(ModelChangedError, match=r"other\.gguf|no model 'stories260K-F32\.gguf'"),
    ):
        answering.check_same()
    answering.close()


def requests(answering: LlamaServerAnswering) -> list[Any]:
    ids = answering.tokens.encode_prompts(PROMPTS)
    return [GenerateRequest(ids[text][0], text, 24, (), {}, 1, (text, {})) for text in PROMPTS]


def test_a_server_that_is_killed_and_started_again_loses_nothing(server: LlamaServer) -> None:
    right = opened(server.url)
    wanted = [one.ids for one in texts(right, PROMPTS)]
    right.close()
    port, found = free_port(), dict[int, Any]()
    restarted = threading.Event()
    with llama_server(S260, port=port) as first:
        answering = opened(first.url)

        def answered(index: int, generated: Any) -> None:
            found[index] = generated.ids
            if index == 1 and not restarted.is_set():
                restarted.set()
                first.process.kill()
                first.process.wait()
                threading.Thread(target=again.enter).start()

        again = Again(port)
        try:
            answering.generate(requests(answering), answered, Told())
        finally:
            again.exit()
    assert [found[index] for index in range(len(PROMPTS))] == wanted
    answering.close()


class Again:
    """A server that is started later on a port."""

    def __init__(self, port: int) -> None:
        self._context = llama_server(S260, port=port)
        self._entered = threading.Event()

    def enter(self) -> None:
        self._context.__enter__()
        self._entered.set()

    def exit(self) -> None:
        assert self._entered.wait(60)
        self._context.__exit__(None, None, None)


def test_a_server_that_hangs_gives_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the watchdog looks for does not come while it hangs; what it was asked is answered when it goes on."""
    monkeypatch.setattr(llama_answering, "_LOOK_SECONDS", 0.1)
    with llama_server(S260) as server:
        answering = opened(server.url)
        asked, found, told = requests(answering)[:1], dict[int, Any](), Told()
        os.kill(server.process.pid, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (server.process.pid, signal.SIGCONT)).start()
        began = threading.Timer(1.0, lambda: while_stopped.append(told.counted))
        while_stopped: list[int] = []
        began.start()
        answering.generate(asked, found.__setitem__, told)  # type: ignore[arg-type]
        assert while_stopped == [0]
        assert len(found) == 1
        assert told.counted > 0
        answering.close()


def test_what_a_model_cannot_say_is_no_score(tmp_path: Path) -> None:
    loud = edited(S260, tmp_path / "loud.gguf", lambda tensors: tensors["output_norm.weight"].__imul__(40))
    with llama_server(loud) as server:
        answering = opened(server.url)
        found: dict[int, Any] = {}
        asked = [ScoreRequest(BEGINNING, ending, ("a", str(ending))) for ending in ([432], [2], [432, 2])]
        told = Told()
        answering.score(asked, found.__setitem__, told)  # type: ignore[arg-type]
        assert sorted(args for args, _ in told.without) == [("a", "[2]"), ("a", "[432, 2]")]
        assert all("token 2 is too improbable" in why for _, why in told.without)
        assert sorted(found) == [0]
        answering.close()

    def broken(tensors: dict[str, Any]) -> None:
        tensors["output_norm.weight"][:] = np.nan

    with llama_server(edited(S260, tmp_path / "nan.gguf", broken)) as server:
        answering = opened(server.url)
        with pytest.raises(NotANumberError):
            scores(answering, PAIRS)
        answering.close()


def test_echo_is_ignored_by_the_standard_route(server: LlamaServer) -> None:
    """Why there is a way of its own: HTTP 200, and nothing about the prompt."""
    answer = server.post("/v1/completions", {"prompt": "Once upon", "max_tokens": 1, "echo": True, "logprobs": 1})
    (choice,) = answer["choices"]
    assert not choice["text"].startswith("Once upon")
    assert "token_logprobs" not in json.dumps(choice)
