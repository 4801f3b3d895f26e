"""Greedy answers of a real model are those of `generate` of transformers, token by token.

In float32 whatever is in memory. In bfloat16 a text that is read in other pieces is rounded in other places: there the
first answer is compared, for which nothing is in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from tests.worker.chat.talks import Talk, chat_plan

pytestmark = [pytest.mark.real, pytest.mark.slow]

LONG = Sampling(max_new_tokens=24)


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reference(real_model: Path, dtype: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = real_model / "SmolLM2-135M-Instruct"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    return AutoTokenizer.from_pretrained(folder), model


def generated(reference: tuple[Any, Any], messages: list[dict[str, str]]) -> list[int]:
    tokenizer, model = reference
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    found = model.generate(**ids, do_sample=False, max_new_tokens=LONG.max_new_tokens)
    return [int(one) for one in found[0, ids["input_ids"].shape[1] :]]


def test_answers_are_those_of_generate_also_after_an_edit_and_in_a_branch(
    real_model: Path, dtype: str, reference: tuple[Any, Any], tmp_path: Path
) -> None:
    plan = chat_plan(tmp_path, {"m": real_model / "SmolLM2-135M-Instruct"}, dtype=dtype)
    with Talk(RunDirectory(tmp_path / "m" / "chats" / "one"), plan) as talk:

        def check(turn: int) -> int | None:
            answer = talk.answer(talk.ask(turn, sampling=LONG))
            messages = [{"role": one.role, "content": one.content} for one in answer.asked.messages]
            assert [token.id for token in answer.tokens] == generated(reference, messages)
            assert answer.ended is not None
            return answer.ended.cached

        first = talk.say("What is the capital of France?")
        check(first)
        if dtype == "bfloat16":
            return
        second = talk.say("And of Italy?", first)
        assert (check(second) or 0) > 40
        third = talk.say("Write a line about it.", second)
        assert (check(third) or 0) > 60
        edited = talk.say("And of Spain?", first)
        assert (check(edited) or 0) > 40
        fourth = talk.say("Thank you.", third)  # back in the first branch
        assert (check(fourth) or 0) > 90
        check(talk.say("How many people live there?", edited))
