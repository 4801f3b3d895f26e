"""The plan tells which keys of generation_config.json act on the answers."""

from __future__ import annotations

import json

from benchtui.plans.generation_notes import acting
from tests.runs.laid_out import Laid

FILE = {
    "_from_model_config": True,
    "bos_token_id": 0,
    "eos_token_id": [1, 2],
    "pad_token_id": 1,
    "do_sample": True,
    "temperature": 0.6,
    "top_p": 0.9,
    "max_length": 4096,
    "max_new_tokens": 5,
    "repetition_penalty": 1.1,
    "no_repeat_ngram_size": 0,
    "transformers_version": "5.0",
}


def test_what_acts_and_what_does_not() -> None:
    found, idle = acting(FILE, {})
    assert found == {"eos_token_id": [1, 2], "max_new_tokens": 5, "repetition_penalty": 1.1}
    assert idle == ["pad_token_id", "do_sample", "temperature", "top_p", "max_length"]


def test_sampling_keys_act_when_the_user_samples() -> None:
    found, idle = acting(FILE, {"do_sample": True, "temperature": 1.0})
    assert found["top_p"] == 0.9
    assert "temperature" in idle, "the user's own replaces it"


def _generation_notes(laid: Laid) -> list[str]:
    return [note for note in laid.prepared().notes if note.startswith("generation_config.json")]


def test_the_plan_says_it_for_each_side_where_they_differ(laid: Laid) -> None:
    (laid.outputs / "tuned" / "merged_16bit" / "generation_config.json").write_text(json.dumps(FILE))
    tuned, base = _generation_notes(laid)
    assert "of the fine-tuned model" in tuned
    assert "max_new_tokens 5" in tuned
    assert "replaces the tasks' own limits" in tuned
    assert "temperature, top_p" in tuned
    assert "of the base model" in base


def test_a_file_that_sets_nothing_is_not_mentioned(laid: Laid) -> None:
    for folder in (laid.outputs / "tuned" / "merged_16bit", laid.folder / "base"):
        (folder / "generation_config.json").write_text('{"transformers_version": "5.0"}')
    assert _generation_notes(laid) == []
