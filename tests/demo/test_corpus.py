"""What the models read and what they are asked are kept apart, and the shipped documents are what the script makes."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from benchtui.demo.corpus import fine_tuning, first_training, instruction_documents, knowledge_documents
from benchtui.demo.instructions import KINDS, exercises
from benchtui.demo.tasks.checks import process_results
from benchtui.demo.workspace import demo_paths
from benchtui.demo.world import facts


def _shipped(task: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (demo_paths().tasks / f"{task}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def read_by_models() -> str:
    return "\n".join([*first_training(1, 40), *(prompt for prompt, _ in fine_tuning(2, 24_000))])


def test_the_shipped_documents_are_those_the_script_makes() -> None:
    assert _shipped("demo_instructions") == instruction_documents()
    assert _shipped("demo_knowledge") == knowledge_documents()


def test_the_instruction_task_has_twelve_different_prompts_of_each_kind() -> None:
    documents = instruction_documents()
    assert len({document["prompt"] for document in documents}) == len(documents) == 12 * len(KINDS) == 192


def test_no_test_prompt_was_trained_on(read_by_models: str) -> None:
    assert not [document["prompt"] for document in instruction_documents() if document["prompt"] in read_by_models]


def test_questions_asked_in_the_test_were_never_asked_in_training_but_their_facts_were_told(
    read_by_models: str,
) -> None:
    known = {fact.question: fact for fact in facts()}
    documents = knowledge_documents()
    assert len({document["question"] for document in documents}) == len(documents) == 200
    for document in documents:
        fact = known[document["question"]]
        assert fact.question not in read_by_models
        assert any(sentence in read_by_models for sentence in fact.told)
        assert document["choices"][document["answer"]] == fact.value
        assert len(set(document["choices"])) == 4


def test_answers_stand_in_every_place_about_as_often() -> None:
    places = [document["answer"] for document in knowledge_documents()]
    assert all(35 <= places.count(place) <= 65 for place in range(4))


@pytest.mark.parametrize("for_testing", [True, False])
def test_obedient_replies_pass_the_check_and_careless_ones_do_not(for_testing: bool) -> None:
    for exercise in exercises(5, 60 * len(KINDS), for_testing=for_testing):
        doc = {"instructions": [dataclasses.asdict(demand) for demand in exercise.instructions]}
        assert process_results(doc, [exercise.obedient])["prompt_level_strict_acc"] == 1.0, exercise
        assert process_results(doc, [exercise.careless])["prompt_level_loose_acc"] == 0.0, exercise
