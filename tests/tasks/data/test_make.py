"""A file of people's data becomes an lm-eval task: a YAML that names columns and a Parquet file of text beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.make import sampled
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.data.trust import why_not_ours
from tests.tasks.data.made import documents_of, make, write

QUESTION = {"question": "q", "answer": "a"}


def test_questions_and_answers_become_a_task(tmp_path: Path) -> None:
    made = make(tmp_path, [{"question": f"{n} + 1?", "answer": f"00{n + 1}"} for n in range(5)], name="trivia")
    assert (made.name, made.kind, made.documents) == ("trivia", "generate", 5)
    assert made.previews[0] == ("0 + 1?", "001")
    assert 'Prompt: "question". Reference: "answer".' in made.said
    assert [one.target for one in documents_of(made)] == [f"00{n + 1}" for n in range(5)]
    assert [one.place for one in documents_of(made)] == [f"line {n + 1}" for n in range(5)]
    assert why_not_ours(made.file) == ""


def test_the_same_content_gives_the_same_files_and_other_content_another_name(tmp_path: Path) -> None:
    first = make(tmp_path, [QUESTION])
    yaml, parquet = first.file.read_bytes(), first.data.read_bytes()
    second = make(tmp_path, [QUESTION])
    assert (second.file.read_bytes(), second.data, second.data.read_bytes()) == (yaml, first.data, parquet)
    assert make(tmp_path, [{"question": "q", "answer": "b"}]).data != first.data
    assert [path.name for path in (tmp_path / "tasks").iterdir() if path.suffix not in (".yaml", ".parquet")] == []


def test_cells_are_the_texts_that_stand_in_the_file(tmp_path: Path) -> None:
    """Row 31 of the cases: the data library reads NA as nothing, 007 as 7, 1.50 as 1.5, True as a truth value."""
    cells = ["NA", "N/A", "None", "null", "02116", "007", "1.50", "1e5", "inf", "True", "2024-05-01", "1_000"]
    made = make(tmp_path, "question,answer\n" + "".join(f"q,{cell}\n" for cell in cells), suffix=".csv")
    assert [one.target for one in documents_of(made)] == cells
    numbers = '{"question": "q", "answer": 1.50}\n{"question": "q", "answer": true}\n{"question": "q", "answer": 1e5}\n'
    assert [one.target for one in documents_of(make(tmp_path, numbers))] == ["1.50", "true", "1e5"]


def test_a_changed_file_with_its_old_time_gives_its_new_rows(tmp_path: Path) -> None:
    """Row 40 of the cases: the data library keys its cache by path and time."""
    first = make(tmp_path, [QUESTION])
    time = (tmp_path / "mine.jsonl").stat().st_mtime_ns
    write(tmp_path / "mine.jsonl", [{"question": "q", "answer": "b"}])
    os.utime(tmp_path / "mine.jsonl", ns=(time, time))
    again = make_task(DataSpec(name="mine", source=str(tmp_path / "mine.jsonl")), tmp_path / "tasks")
    assert (again.data != first.data, documents_of(again)[0].target) == (True, "b")


def test_a_sample_is_drawn_by_the_seed_over_row_numbers(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(100)]
    made = make(tmp_path, rows, sample=5)
    drawn = [one.id for one in documents_of(made)]
    assert drawn == sorted(map(str, sampled(100, 5, 1234) or ()), key=int)
    corrected = [{**row, "answer": "!"} for row in rows]
    assert [one.id for one in documents_of(make(tmp_path, corrected, sample=5))] == drawn
    assert [one.id for one in documents_of(make(tmp_path, rows, sample=5, sample_seed=1))] != drawn
    assert "5 of 100 rows, drawn with the seed 1234." in made.said
    assert make(tmp_path, rows, sample=500).documents == 100


def test_examples_come_from_another_file(tmp_path: Path) -> None:
    other = write(tmp_path / "train.jsonl", [{"question": "e", "answer": "f"}])
    made = make(tmp_path, [QUESTION], fewshot_from=str(other))
    text = made.file.read_text()
    assert "fewshot_split: fewshot" in text
    assert "num_fewshot" not in text
    assert 'until: ["\\n\\n"]' in text
    assert why_not_ours(made.file) == ""
    assert "num_fewshot: 0" in make(tmp_path, [QUESTION], name="alone").file.read_text()


def test_examples_are_not_the_questions_themselves(tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.jsonl", [QUESTION])
    with pytest.raises(UsageError, match="are the questions that are asked"):
        make(tmp_path, [QUESTION], fewshot_from=str(copy))
    other = write(tmp_path / "other.jsonl", [{"question": "q", "answer": "a"}, {"question": "q", "answer": ""}])
    with pytest.raises(UsageError, match=r"--fewshot-from other.jsonl: line 2: the reference"):
        make(tmp_path, [QUESTION], fewshot_from=str(other))


def test_rows_that_are_asked_are_no_examples(tmp_path: Path) -> None:
    asked = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(4)]
    more = [asked[2], {"question": "other", "answer": "b"}, asked[0], asked[3], asked[1]]
    made = make(tmp_path, asked, fewshot_from=str(write(tmp_path / "all.jsonl", more)))
    assert "4 of 5 examples are asked themselves and are left out." in made.said
    assert "Examples for few-shot prompts: 1 documents of all.jsonl." in made.said
    (examples,) = (tmp_path / "tasks").glob("mine-fewshot-*.parquet")
    assert [row["prompt"] for row in pq.read_table(examples).to_pylist()] == ["other"]
    sampled_ones = make(tmp_path, asked, sample=1, fewshot_from=str(tmp_path / "all.jsonl"))
    assert sampled_ones.examples == 4, "only what is asked is left out"


def test_the_same_rows_in_another_file_are_no_examples(tmp_path: Path) -> None:
    asked = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(3)]
    shuffled = write(tmp_path / "shuffled.jsonl", asked[::-1])
    text = "question,answer\n" + "".join(f"{row['question']} ,{row['answer']}\n" for row in asked)
    for copy in (shuffled, write(tmp_path / "copy.csv", text)):
        with pytest.raises(UsageError, match="are the questions that are asked"):
            make(tmp_path, asked, fewshot_from=str(copy))


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        (
            {"question": "q", "choices": ["x", "y"], "answer": "x"},
            {"question": "q", "choices": ["y", "x"], "answer": "x"},
            {"question": "q", "choices": ["x", "z"], "answer": "x"},
        ),
        ({"text": "one"}, {"text": "one"}, {"text": "two"}),
        (
            {"prompt": "p", "chosen": "x", "rejected": "y"},
            {"prompt": "p", "chosen": "x", "rejected": "y"},
            {"prompt": "p", "chosen": "x", "rejected": "z"},
        ),
    ],
)
def test_documents_are_told_apart_by_prompt_and_choices(
    tmp_path: Path, asked: dict[str, object], same: dict[str, object], other: dict[str, object]
) -> None:
    made = make(tmp_path, [asked], fewshot_from=str(write(tmp_path / "all.jsonl", [other, same])))
    assert (made.examples, made.said.count("1 of 2 examples are asked themselves and are left out.")) == (1, 1)


def test_long_references_are_told_where_exact_match_is_the_metric(tmp_path: Path) -> None:
    long = [{"question": "q", "answer": "word " * 40}]
    assert any("hardly any answer" in line for line in make(tmp_path, long).said)
    assert not any("hardly any answer" in line for line in make(tmp_path, long, metrics=("chrf",)).said)


def test_room_for_the_longest_reference(tmp_path: Path) -> None:
    text = make(tmp_path, [{"question": "q", "answer": "word " * 100 + "\n\nmore"}]).file.read_text()
    assert "max_gen_toks: 512" in text
    assert "until: []" in text


def test_a_file_that_benchtui_did_not_make_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    mine = write(tmp_path / "tasks" / "mine.yaml", "task: mine\n")
    with pytest.raises(UsageError, match="not a task that benchtui made"):
        make(tmp_path, [QUESTION])
    assert mine.read_text() == "task: mine\n"


def test_links_in_the_folder_are_not_written_through(tmp_path: Path) -> None:
    kept = write(tmp_path / "kept.txt", "kept")
    first = make(tmp_path, [QUESTION])
    first.data.unlink()
    first.data.symlink_to(kept)
    again = make(tmp_path, [QUESTION])
    assert (kept.read_text(), again.data == first.data, again.data.is_symlink()) == ("kept", True, False)
    again.file.unlink()
    again.file.symlink_to(kept)
    with pytest.raises(UsageError):
        make(tmp_path, [QUESTION])
    assert kept.read_text() == "kept"


def test_nothing_is_left_where_a_row_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='line 2: the reference in "answer" is empty'):
        make(tmp_path, [QUESTION, {"question": "q", "answer": " "}])
    assert list((tmp_path / "tasks").iterdir()) == []


def test_a_folder_that_the_data_library_takes_for_an_address_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a::b").mkdir()
    with pytest.raises(UsageError, match="Use another folder"):
        make(tmp_path / "a::b", [QUESTION])
    assert not (tmp_path / "a::b" / "tasks").exists()


def test_a_metric_of_ones_own_runs_only_where_it_is_allowed(tmp_path: Path) -> None:
    metric = write(
        tmp_path / "mine.py",
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef score(prediction, reference, document):\n"
        "    return float(document['question'] == 'q')\n",
    )
    spec = DataSpec(
        name="own", source=str(write(tmp_path / "own.jsonl", [QUESTION])), metrics=(str(metric), "exact_match")
    )
    with pytest.raises(UsageError, match="is run as it is"):
        make_task(spec, tmp_path / "tasks")
    assert not (tmp_path / "ran").exists()
    made = make_task(spec, tmp_path / "tasks", metric_code=True)
    assert (tmp_path / "ran").exists()
    assert str(tmp_path / "mine.py") not in made.file.read_text()
    assert make_task(spec, tmp_path / "tasks", metric_code=True).data == made.data
