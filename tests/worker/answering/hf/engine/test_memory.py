"""When memory runs out: smaller batches, nothing asked twice, and words for what does not fit at all."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from benchtui.out_of_memory import is_out_of_memory
from benchtui.worker.answering.protocol import OutOfMemoryError
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Files, Watcher, ask, fast_model

KINDS = [exam.knowledge(), exam.endings(30), exam.sums(), exam.instructions(), exam.passages()]


@contextlib.contextmanager
def room_for(model: Any, tokens: int, error: type[Exception] | Exception = torch.OutOfMemoryError) -> Iterator[None]:
    """The model's memory holds so many positions: those of the forward, and those of the cache that it brings."""

    def check(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        ids, cache = kwargs["input_ids"], kwargs.get("past_key_values")
        held = cache.get_seq_length() if cache is not None else 0
        if ids.shape[0] * (ids.shape[1] + held) > tokens:
            raise error

    with model.model.register_forward_pre_hook(check, with_kwargs=True):
        yield


@pytest.mark.parametrize("requests", KINDS, ids=lambda requests: requests[0].task_name)
def test_batches_shrink_until_they_fit_and_nothing_is_answered_twice(requests: list[Instance], tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    expected = ask(fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8), requests)
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    lm.observer = watcher = Watcher()
    lm.set_cache_hook(files := Files())
    longest = max(len(tokenizer("".join(request.args[:1]))["input_ids"]) for request in requests)
    with room_for(model, min(longest + 60, zoo.WINDOW)):
        answers = ask(lm, requests)
    assert Counter(repr(args) for _, args, _ in files.filed) == Counter(repr(request.args) for request in requests)
    assert any("memory ran out" in why for _, _, why in watcher.decisions)
    for given, wanted in zip(answers, expected, strict=True):
        assert given == (wanted if isinstance(wanted, str) else pytest.approx(wanted, abs=1e-4))


@pytest.mark.parametrize("requests", [exam.endings(), exam.sums()], ids=lambda requests: requests[0].task_name)
def test_a_model_left_to_lm_eval_shrinks_its_batches_too(requests: list[Instance], tokenizer: Any) -> None:
    model = zoo.make_model("bamba")
    expected = ask(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4), requests)
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    lm.set_cache_hook(files := Files())
    with room_for(model, 600):
        answers = ask(lm, requests)
    assert len(files.filed) == len(requests)
    for given, wanted in zip(answers, expected, strict=True):
        assert given == (wanted if isinstance(wanted, str) else pytest.approx(wanted, abs=1e-4))


@pytest.mark.parametrize("family", ["llama", "bamba"])
@pytest.mark.parametrize("requests", KINDS[:4], ids=lambda requests: requests[0].task_name)
def test_what_does_not_fit_alone_is_named(family: str, requests: list[Instance], tokenizer: Any) -> None:
    model = zoo.make_model(family)
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    ask(lm, exam.knowledge(1))  # what the model can do is found out while there is room
    with (
        room_for(model, 10),
        pytest.raises(OutOfMemoryError, match=r"of \d+ tokens does not fit into the memory of cpu"),
    ):
        ask(lm, requests)


@pytest.mark.parametrize("batch_size", [8, "auto"])
@pytest.mark.parametrize("requests", [exam.endings(), exam.sums()], ids=lambda requests: requests[0].task_name)
def test_with_less_of_the_memory_batches_are_smaller_and_answers_the_same(
    requests: list[Instance], batch_size: int | str, tokenizer: Any
) -> None:
    model = zoo.make_model("llama")
    answers, sizes = [], []
    for share in (1.0, 0.25):
        lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
        lm.answering.lm.memory_share = share
        lm.observer = watcher = Watcher()
        answers.append(ask(lm, requests))
        sizes.append([int(choice.split()[0]) for what, choice, _ in watcher.decisions if what != "engine"])
    assert [size // 4 for size in sizes[0]] == sizes[1]
    for given, wanted in zip(*answers, strict=True):
        assert given == (wanted if isinstance(wanted, str) else pytest.approx(wanted, abs=1e-4))


def test_other_errors_are_not_taken_for_lack_of_memory(tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    ask(lm, exam.knowledge(1))
    with (
        room_for(model, 10, RuntimeError("CUDA error: an illegal memory access")),
        pytest.raises(RuntimeError, match="illegal"),
    ):
        ask(lm, exam.knowledge())


def test_torch_s_own_failures_are_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.float32)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


_PEAK = """
import sys, threading, time
import psutil
import torch
torch.set_num_threads(1)
from lm_eval.models.huggingface import HFLM
from tests.worker.answering.hf.engine import exam
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import ask, fast_model
model = zoo.make_model("llama", vocab_size=128_000, initializer_range=0.02)
lm = {"ours": fast_model, "theirs": HFLM}[sys.argv[1]](pretrained=model, tokenizer=exam.make_tokenizer(), batch_size=8)
ask(lm, exam.endings(1)[2:4])
process = psutil.Process()
before, peak, asking = process.memory_info().rss, 0, True
def watch():  # the process's own high-water mark would be that of its imports
    global peak
    while asking:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.001)
watcher = threading.Thread(target=watch)
watcher.start()
ask(lm, [r for r in exam.endings(14) if r.doc_id not in (1, 90, 91)][:32])
asking = False
watcher.join()
print("peak", (peak - before) // 1024)
"""


@pytest.mark.long
def test_with_a_large_vocabulary_a_batch_takes_a_quarter_of_lm_eval_s_memory() -> None:
    peaks = {}
    for engine in ("ours", "theirs"):
        run = subprocess.run([sys.executable, "-c", _PEAK, engine], capture_output=True, text=True, check=True)
        peaks[engine] = int(run.stdout.split()[-1])
    assert peaks["theirs"] > 50_000, "the comparison needs a batch that takes memory"
    assert peaks["ours"] <= peaks["theirs"] / 4
