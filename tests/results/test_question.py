"""The question of a document is what is asked in the last turn, whatever stands around it in the prompt."""

from __future__ import annotations

import json

import pytest

from benchtui.results.question import question

DOC = {"question": "How many eggs are left?", "answer": "She eats 3.\n#### 13"}
ASKED = "Question: How many eggs are left?\nAnswer:"
EXAMPLES = "Question: How many cows?\nAnswer: 5 cows.\n#### 5\n\nQuestion: How many legs?\nAnswer: 8.\n#### 8\n\n"

PROMPTS = {
    "plain": ASKED,
    "few-shot": EXAMPLES + ASKED,
    "system and few-shot": "You are a careful mathematician.\n\n" + EXAMPLES + ASKED,
    "chatml": f"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n",
    "chatml, examples as turns": (
        "<|im_start|>user\nQuestion: How many cows?\nAnswer:<|im_end|>\n<|im_start|>assistant\n5<|im_end|>\n"
        f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    ),
    "llama 2": f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{EXAMPLES}{ASKED} [/INST]",
    "llama 3": (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
        f"{EXAMPLES}{ASKED}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "gemma": f"<bos><start_of_turn>user\n{EXAMPLES}{ASKED}<end_of_turn>\n<start_of_turn>model\n",
    "deepseek": f"<｜begin▁of▁sentence｜><｜User｜>{EXAMPLES}{ASKED}<｜Assistant｜>",
    "without any markup": f"{EXAMPLES.strip()}\n{ASKED}\n",
    "chat messages": json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED}]),
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_examples_system_message_and_markup_are_left_out(prompt: str) -> None:
    assert question(DOC, prompt) == ASKED


def test_a_question_that_an_example_repeats_is_found_in_the_last_turn() -> None:
    assert question(DOC, f"{ASKED} 13\n\n{ASKED}") == ASKED


def test_the_longest_text_of_the_document_is_where_its_turn_begins() -> None:
    doc = {"passage": "Bees make honey. They live in hives.", "question": "do bees make honey"}
    asked = "Bees make honey. They live in hives.\nQuestion: do bees make honey?\nAnswer:"
    assert question(doc, f"Wasps do not.\nQuestion: do wasps make honey?\nAnswer: no\n\n{asked}") == asked


def test_a_text_that_the_template_rewrites_is_the_documents_own() -> None:
    doc = {"sentence": "Sarah was late, so _ ran.", "option1": "Sarah", "option2": "Maria"}
    assert question(doc, "Some example here.\n\nSarah was late, so Sarah") == "Sarah was late, so _ ran."


@pytest.mark.parametrize("doc", [None, "text", [], {"id": 3, "labels": ["a"]}])
def test_an_unknown_document_is_asked_in_the_last_turn(doc: object) -> None:
    assert question(doc, EXAMPLES + "Name a colour.") == "Name a colour."
    chat = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n"
    )
    assert question(doc, chat) == "Name a colour."
    assert question(doc, "") == ""
