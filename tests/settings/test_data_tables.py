"""[tasks.NAME] of benchtui.toml: data of one's own under a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.settings.config import load_config
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.metrics.registry import choose
from tests.settings.test_config import load, refused

WHOLE = """
[tasks.support]
data = "data/support.csv"
prompt = "{{question}} {{context}}"
answer = "reply"
choices = "a,b"
kind = "choices"
count-from = 1
metric = ["f1", "exact_match:normalise=lower"]
split = "test"
sample = 200
sample-seed = 7
fewshot-from = "train"
[tasks.music]
data = "hub:m-a-p/MusicTheoryBench"
"""


def test_every_key_arrives_as_its_flag_would_read_it(tmp_path: Path) -> None:
    assert load(tmp_path, WHOLE).data == (
        DataSpec(
            name="support",
            source=str(tmp_path / "data" / "support.csv"),
            prompt="{{question}} {{context}}",
            answer="reply",
            choices="a,b",
            kind="choices",
            count_from="1",
            metrics=("f1", "exact_match:normalise=lower"),
            split="test",
            sample=200,
            sample_seed=7,
            fewshot_from="train",
        ),
        DataSpec(name="music", source="hub:m-a-p/MusicTheoryBench"),
    )


def test_examples_from_a_file_lie_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("{}\n")
    (spec,) = load(tmp_path, '[tasks.a]\ndata = "a.jsonl"\nfewshot-from = "train.jsonl"\n').data
    assert spec.fewshot_from == str(tmp_path / "train.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tasks.a]\ndata = "a"\npromt = "q"', "tasks.a.promt. Did you mean prompt?"),
        ('[tasks.a]\ndata = "a"\nnum_shots = 1', "tasks.a.num_shots. It may hold data, prompt, answer"),
        ("[tasks.a]\nprompt = 'q'", "tasks.a names no data"),
        ("[tasks.a]\ndata = 3", "tasks.a.data must be text in quotes, not 3"),
        ('[tasks.a]\ndata = "a"\nsample = 0', "tasks.a.sample must be a whole number, 1 or more"),
        ('[tasks.a]\ndata = "a"\nkind = "essay"', "tasks.a.kind must be"),
        ('[tasks.a]\ndata = "a"\ncount-from = 2', "tasks.a.count-from must be"),
        ('[tasks."a/b"]\ndata = "a"', "'a/b' is no name for a task"),
        ('[tasks."../a"]\ndata = "a"', "no name for a task"),
        ("[tasks]\na = 3", "tasks must be tables"),
        ('tasks = ["a"]', "tasks stands outside a table"),
        ('[run]\ndata = "a.jsonl"', "data says something of one data set"),
        ('[run]\nprompt = "q"', "Write [tasks.NAME] with data ="),
        ('[suites.none]\ntasks = ["a"]', "cannot be called none"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_a_metric_that_is_code_counts_in_the_users_own_file_alone(tmp_path: Path) -> None:
    text = '[tasks.a]\ndata = "a.jsonl"\nmetric = "mine.py"\n'
    said = refused(tmp_path, text)
    assert "the metric mine.py is code" in said
    assert "--metric" in said
    (tmp_path / "benchtui.toml").unlink()
    (there,) = load(tmp_path, user=text).data[0].metrics
    assert there.endswith("/mine.py")


def test_files_of_metrics_lie_beside_the_settings(tmp_path: Path) -> None:
    text = '[tasks.a]\ndata = "a"\nmetric = ["near.py:better=lower", "json_schema:schema=s.json,fence=no", "f1"]\n'
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "benchtui.toml").write_text(text)
    (tmp_path / "here").mkdir()
    found = load_config(tmp_path / "here", user_file=tmp_path / "user" / "benchtui.toml").data[0].metrics
    folder = tmp_path / "user"
    near, schema, plain = map(choose, found)
    assert near.metric.name == str(folder / "near.py")
    assert near.options["better"] == "lower"
    assert schema.options["schema"] == str(folder / "s.json")
    assert plain.written == "f1"


def test_data_of_the_hub_in_a_suite_are_no_task_file(tmp_path: Path) -> None:
    (suite,) = load(tmp_path, '[suites.a]\ntasks = ["m-a-p/MusicTheoryBench"]').suites
    assert suite.tasks[0].name == "m-a-p/MusicTheoryBench"
    assert "can run code" in refused(tmp_path, '[suites.a]\ntasks = ["some/where/task.yaml"]')
