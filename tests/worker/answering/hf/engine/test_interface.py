"""What the rest of the worker relies on: what is filed, what is told, adapters, errors that a user can cause."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from peft import LoraConfig, PromptTuningConfig, get_peft_model

from benchtui.errors import BenchtuiError
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Files, Watcher, ask, assert_same_scores, fast_model

KINDS = [exam.knowledge(), exam.endings(), exam.sums(), exam.instructions(), exam.passages()]


def fast(model: Any, tokenizer: Any, **options: Any) -> Any:
    return fast_model(pretrained=model, tokenizer=tokenizer, **{"batch_size": 4} | options)


@pytest.mark.parametrize("family", ["llama", "bloom", "bamba"])
@pytest.mark.parametrize("requests", KINDS, ids=lambda requests: requests[0].task_name)
def test_each_answer_is_filed_once_as_lm_eval_files_it(family: str, requests: list[Instance], tokenizer: Any) -> None:
    model = zoo.make_model(family)
    theirs, ours = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4), fast(model, tokenizer)
    filed = []
    for lm in (theirs, ours):
        lm.set_cache_hook(files := Files())
        answers = ask(lm, requests)
        filed.append(Counter((kind, repr(args)) for kind, args, _ in files.filed))
        kept = {repr(args): answer for _, args, answer in files.filed}
        assert [kept[repr(request.args)] for request in requests] == answers
    assert filed[0] == filed[1]


@pytest.mark.parametrize("requests", KINDS, ids=lambda requests: requests[0].task_name)
def test_a_request_is_announced_before_it_is_answered(requests: list[Instance], llama: Any, tokenizer: Any) -> None:
    lm = fast(llama, tokenizer)
    lm.observer = watcher = Watcher()
    announced: list[int] = []

    class Hook(Files):
        def add_partial(self, attr: str, req: tuple[Any, ...], res: Any) -> None:
            announced.append(any(req == args for args in watcher.batches[-1]) or req == ("",))
            super().add_partial(attr, req, res)

    lm.set_cache_hook(Hook())
    ask(lm, requests)
    assert len(announced) == len(requests)
    # A context that is scored while its few-shot block is read belongs to an earlier announcement.
    assert sum(announced) >= 0.9 * len(announced)
    assert len(watcher.counts) >= len(watcher.batches)
    assert all(count > 0 for count in watcher.counts)


def test_answers_are_filed_while_others_are_still_computed(llama: Any, tokenizer: Any) -> None:
    lm = fast(llama, tokenizer, batch_size=1)
    lm.observer = watcher = Watcher()
    done: list[int] = []

    class Hook(Files):
        def add_partial(self, attr: str, req: tuple[Any, ...], res: Any) -> None:
            done.append(len(watcher.counts))

    lm.set_cache_hook(Hook())
    for requests in (exam.endings(20), exam.sums(8)):
        watcher.counts.clear()
        done.clear()
        ask(lm, requests)
        assert min(done) < len(watcher.counts) / 2


def test_an_adapter_is_switched_off_and_on_between_calls(tokenizer: Any) -> None:
    base = zoo.make_model("llama")
    expected = {kind: [ask(HFLM(pretrained=base, tokenizer=tokenizer), part) for part in KINDS] for kind in ("base",)}
    torch.manual_seed(5)
    tuned = get_peft_model(
        zoo.make_model("llama"), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    )
    expected["tuned"] = [ask(HFLM(pretrained=tuned, tokenizer=tokenizer), part) for part in KINDS]
    assert expected["base"] != expected["tuned"]
    lm = fast(tuned, tokenizer)
    for state in ("tuned", "base", "tuned"):
        if state == "base":
            with tuned.disable_adapter():
                answers = [ask(lm, part) for part in KINDS]
        else:
            answers = [ask(lm, part) for part in KINDS]
        for given, wanted in zip(answers, expected[state], strict=True):
            if isinstance(wanted[0], tuple):
                assert_same_scores(given, wanted, 1e-4)
            else:
                assert given == wanted or given == pytest.approx(wanted, abs=1e-4)


def test_virtual_tokens_of_an_adapter_are_left_to_lm_eval(tokenizer: Any) -> None:
    model = get_peft_model(zoo.make_model("llama"), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    lm = fast(model, tokenizer)
    lm.observer = watcher = Watcher()
    requests = exam.knowledge(1)
    assert_same_scores(ask(lm, requests), ask(HFLM(pretrained=model, tokenizer=tokenizer), requests), 1e-4)
    assert any("virtual tokens" in why for _, _, why in watcher.decisions)


@pytest.mark.parametrize(
    "options",
    [
        {"add_bos_token": True},
        {"add_bos_token": False},
        {"max_length": 64},
        {"prefix_token_id": 7},
        {"softmax_dtype": "float64"},
        {"logits_cache": False},
        {"truncation": True},
        {"mixed_precision_dtype": "bfloat16"},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.parametrize("bos", [True, False], ids=["bos added", "no bos"])
def test_model_arguments_mean_what_they_mean_in_lm_eval(options: dict[str, Any], bos: bool, llama: Any) -> None:
    tokenizer = exam.make_tokenizer(bos)
    theirs, ours = (make(pretrained=llama, tokenizer=tokenizer, batch_size=3, **options) for make in (HFLM, fast_model))
    within = 1.0 if "mixed_precision_dtype" in options else 1e-4
    for requests in ([*exam.knowledge(2), *exam.endings()], exam.passages(), exam.sums()):
        given, wanted = ask(ours, requests), ask(theirs, requests)
        if isinstance(wanted[0], tuple) and within == 1e-4:
            assert_same_scores(given, wanted, within)
        elif isinstance(wanted[0], float):
            assert given == pytest.approx(wanted, abs=within * 10)
        elif isinstance(wanted[0], str) and within == 1e-4:
            assert given == wanted


def test_texts_that_bring_their_own_bos_are_not_given_another(llama: Any, tokenizer: Any) -> None:
    texts = ["<s>the river", "<s>[INST] the small lamp opens [/INST]"]
    scored = exam.instances("chat", [("loglikelihood", (text, " the stone."), n) for n, text in enumerate(texts)])
    settings = {"until": [], "max_gen_toks": 12}
    written = exam.instances("chat", [("generate_until", (text, settings), n) for n, text in enumerate(texts)])
    theirs, ours = HFLM(pretrained=llama, tokenizer=tokenizer), fast(llama, tokenizer)
    assert_same_scores(ask(ours, scored), ask(theirs, scored), 1e-4)
    assert ask(ours, written) == ask(theirs, written)


def test_a_continuation_without_tokens_is_certain(llama: Any, tokenizer: Any) -> None:
    requests = exam.instances(
        "empty", [("loglikelihood", pair, 0) for pair in [("the lamp", ""), ("the lamp", " opens")]]
    )
    empty, opens = ask(fast(llama, tokenizer), requests)
    assert empty == (0.0, True)
    assert opens[0] < 0


def test_a_continuation_longer_than_the_window_is_named(llama: Any, tokenizer: Any) -> None:
    requests = exam.instances("long", [("loglikelihood", ("the", " small lamp opens" * 200), 0)])
    with pytest.raises(BenchtuiError, match=r"longer than the model's window of 256") as caught:
        ask(fast(llama, tokenizer), requests)
    assert "max_length" in caught.value.next_step


@pytest.mark.parametrize("family", ["llama", "bamba"])
def test_more_tokens_than_the_window_holds_are_named(family: str, tokenizer: Any) -> None:
    requests = exam.instances("long", [("generate_until", ("the", {"until": [], "max_gen_toks": 300}), 0)])
    with pytest.raises(BenchtuiError, match="generates up to 300 tokens, and the model's window holds 256"):
        ask(fast(zoo.make_model(family), tokenizer), requests)


def test_no_requests_have_no_answers(llama: Any, tokenizer: Any) -> None:
    lm = fast(llama, tokenizer)
    assert lm.loglikelihood([]) == lm.loglikelihood_rolling([]) == lm.generate_until([]) == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    engine = "benchtui.worker.answering.hf.engine"
    code = f"import sys, {engine}; print({{'torch', 'transformers', 'lm_eval'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
