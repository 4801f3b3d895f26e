"""Which model wrote the answer that is shown: parts that fit its text, also where several answers are one text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchtui.compare.documents import Document, read_document
from benchtui.results.routed import AnswerPart


def document(tmp_path: Path, **line: Any) -> Document:
    file = tmp_path / "samples.jsonl"
    arguments = line.pop("arguments", {"gen_args_0": {"arg_0": "p", "arg_1": {}}})
    file.write_text(json.dumps({"doc_id": 3, "doc": {}, "target": "", "arguments": arguments, **line}) + "\n")
    return read_document(file, 0, "acc")


def by(*runs: tuple[str, int, int]) -> dict[str, Any]:
    return {"small": 5, "large": 2, "runs": [list(run) for run in runs]}


def test_a_stop_string_that_was_cut_off_has_no_part(tmp_path: Path) -> None:
    found = document(tmp_path, resps=[["yes it is"]], routed=[[by(("small", 3, 6), ("large", 2, 9))]])
    assert found.answer == "yes it is"
    assert found.parts == (AnswerPart("small", 6), AnswerPart("large", 3))


def test_parts_of_several_answers_lie_below_their_own_texts(tmp_path: Path) -> None:
    routed = [[by(("small", 1, 3)), by(("large", 1, 1), ("small", 1, 1))]]
    found = document(tmp_path, resps=[["yes", "no"]], filtered_resps=[["yes", "no"]], routed=routed)
    at, wrote = 0, {"small": "", "large": "", "": ""}
    for part in found.parts:
        wrote[part.author] += found.answer[at : at + part.characters]
        at += part.characters
    assert at == len(found.answer)
    assert (wrote["small"], wrote["large"]) == ("yeso", "n")
    assert wrote[""] == "[answer 1 of 2]\n\n\n[answer 2 of 2]\n"


def test_choices_have_one_each_and_no_parts(tmp_path: Path) -> None:
    arguments = {f"gen_args_{n}": {"arg_0": "p", "arg_1": f" {n}"} for n in range(2)}
    found = document(
        tmp_path,
        arguments=arguments,
        resps=[[[-1.0, "False"]], [[-2.0, "False"]]],
        filtered_resps=[[-1.0, "False"], [-2.0, "False"]],
        routed=[[{"small": 1, "large": 0}], [{"small": 0, "large": 2}]],
    )
    assert [(one.small, one.large) for one in found.answered_by if one is not None] == [(1, 0), (0, 2)]
    assert found.parts == ()


def test_answers_of_one_model_say_nothing(tmp_path: Path) -> None:
    found = document(tmp_path, resps=[["yes"]], routed=[[None]])
    assert (found.answered_by, found.parts) == ((), ())
