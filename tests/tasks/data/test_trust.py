"""A task is trusted by its content: whatever could run code, reach a network or read another file is refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataKind, DataSpec, MadeTask
from benchtui.tasks.data.trust import is_made, is_ours, why_not_ours
from benchtui.tasks.data.write_task import DIGITS, schema
from tests.tasks.data.made import Rows, make, write

QUESTION: Rows = [{"question": "q", "answer": "a"}]


@pytest.fixture
def made(tmp_path: Path) -> MadeTask:
    return make(tmp_path, QUESTION)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (QUESTION, "generate"),
        (QUESTION, "loglikelihood"),
        ([{"question": "q", "choices": ["x", "y"], "answer": "B"}], "choices"),
        ([{"prompt": "p", "chosen": "x", "rejected": "y"}], "preference"),
        ([{"text": "t"}], "perplexity"),
        ([{"messages": [{"role": r, "content": r} for r in ("system", "user", "assistant")]}], "generate"),
    ],
)
def test_what_is_made_is_ours(tmp_path: Path, rows: Rows, kind: DataKind) -> None:
    odd = tmp_path / "we[1]rd *dir {{7*7}} é😀 \"q\" 'x' \\ %s"
    odd.mkdir()
    made = make(odd, rows, kind=kind, name="mine")
    assert why_not_ours(made.file) == ""
    assert is_made(made.file)


def test_every_metric_that_needs_nothing_else_is_ours(tmp_path: Path) -> None:
    names = (
        "exact_match:normalise=lower",
        "contains",
        "f1",
        "bleu:tokenize=char",
        "chrf",
        "rougeL",
        "length",
        "refusal",
    )
    assert why_not_ours(make(tmp_path, [{"question": "q", "answer": "a word"}], metrics=names).file) == ""


ATTACKS: dict[str, Callable[[str], str]] = {
    "another key": lambda text: text + "include: other.yaml\n",
    "a class": lambda text: text + "class: !function evil.Task\n",
    "a key before": lambda text: "unsafe_code: true\n" + text,
    "a key twice": lambda text: text.replace("dataset_path: parquet\n", "dataset_path: parquet\ndataset_path: json\n"),
    "a script": lambda text: text.replace("dataset_path: parquet", "dataset_path: evil/script"),
    "a data set of the hub": lambda text: text.replace("dataset_path: parquet", 'dataset_path: "org/name"'),
    "jinja": lambda text: text.replace("doc_to_text: prompt", 'doc_to_text: "{{7*7}}"'),
    "jinja as description": lambda text: text.replace("doc_to_target", 'description: "{{lipsum()}}"\ndoc_to_target'),
    "a function beside": lambda text: text.replace("benchtui.tasks.metrics.scoring.written", "evil.written"),
    "a function of ours that is none of these": lambda text: text.replace("scoring.written", "own_file.score_own"),
    "a function of Python": lambda text: text.replace("aggregation: mean", "aggregation: !function os.system"),
    "a longer name": lambda text: text.replace("scoring.written", "scoring.written.evil"),
    "no function, so that a metric is loaded": lambda text: re.sub(r"process_results.*\n", "", text),
    "a Python object": lambda text: text.replace("metadata:", "metadata: !!python/object/apply:os.system"),
    "keyword arguments": lambda text: text.replace("  data_files:", "  trust_remote_code: true\n  data_files:"),
    "other data": lambda text: re.sub(r'test: "[^"]*"', 'test: "/etc/passwd"', text),
    "data elsewhere": lambda text: re.sub(r'test: "([^"]*)/tasks/', r'test: "\1/', text),
    "data up and down": lambda text: re.sub(r'test: "([^"]*)/tasks/', r'test: "\1/tasks/../tasks/', text),
    "data by a pattern": lambda text: re.sub(r"-[0-9a-f]{16}\.parquet", "-*.parquet", text),
    "data from the network": lambda text: re.sub(r'test: "', 'test: "https://', text),
    "escaped": lambda text: text.replace("parquet\n", '"par\\u0071uet"\n', 1),
    "a comment": lambda text: text + "# {{7*7}}\n",
    "two documents": lambda text: text + "---\ntask: x\n",
    "another task's name": lambda text: text.replace('task: "mine"', 'task: "gsm8k"'),
    "a group": lambda text: text.replace('task: "mine"', 'group: "mine"'),
    "no end": lambda text: text[:-10],
    "an empty file": lambda text: "",
    "not ASCII": lambda text: text.replace("description: ", "description: é"),
    "another line end": lambda text: text.replace("\n", "\r\n"),
    "a line separator": lambda text: text.replace("metadata", "\u2028metadata"),
    "a filter": lambda text: text.replace("metric_list:", "filter_list: []\nmetric_list:"),
    "another file as examples": lambda text: text.replace(
        "test_split: test\n", '    fewshot: "/x"\ntest_split: test\n'
    ),
    "other documents before": lambda text: text.replace("test_split", "process_docs: !function a.b\ntest_split"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_yaml_that_says_anything_else_is_not_ours(made: MadeTask, attack: str) -> None:
    text = made.file.read_text()
    changed = ATTACKS[attack](text)
    assert changed != text
    made.file.write_text(changed)
    assert why_not_ours(made.file) != ""
    made.file.write_text(text)
    assert why_not_ours(made.file) == ""


@given(place=st.integers(0, 10_000), new=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_anywhere_is_text_between_quotes_or_refused(made: MadeTask, place: int, new: str) -> None:
    text = made.file.read_text()
    place %= len(text) + 1
    changed = text[:place] + new + text[place:]
    made.file.write_bytes(changed.encode())
    try:
        if is_ours(made.file):  # it was put into the description, the name of a metric, or the length of answers
            import yaml

            loader = type("Loader", (yaml.SafeLoader,), {})
            loader.add_constructor("!function", lambda loader, node: node.value)  # type: ignore[attr-defined]
            before, after = (yaml.load(each, Loader=loader) for each in (text, changed))  # noqa: S506 - a safe one
            for config in (before, after):
                config["metadata"].pop("description")
                config["generation_kwargs"].pop("max_gen_toks")
                config["generation_kwargs"].pop("until")
                config["metric_list"][0].pop("metric")
            assert before == after
    finally:
        made.file.write_text(text)


def test_python_beside_the_task_that_lm_eval_would_take_for_ours(made: MadeTask) -> None:
    """lm-eval looks for benchtui/tasks/metrics/scoring.py beside the YAML before it imports the installed one."""
    evil = made.file.parent / "benchtui" / "tasks" / "metrics" / "scoring.py"
    evil.parent.mkdir(parents=True)
    evil.write_text("raise SystemExit")
    assert "a file or folder called benchtui" in why_not_ours(made.file)


def test_links_are_not_ours(made: MadeTask, tmp_path: Path) -> None:
    moved = made.file.rename(tmp_path / "mine.yaml")
    made.file.symlink_to(moved)
    assert not is_ours(made.file)
    made.file.unlink()
    moved.rename(made.file)
    assert is_ours(made.file)
    away = made.data.rename(tmp_path / made.data.name)
    made.data.symlink_to(away)
    assert "is a link" in why_not_ours(made.file)
    made.data.unlink()
    assert why_not_ours(made.file) != ""
    made.data.mkdir()
    assert why_not_ours(made.file) != ""


def test_data_that_were_changed_are_not_ours(made: MadeTask) -> None:
    made.data.write_bytes(made.data.read_bytes() + b" ")
    assert "is not the file that it was" in why_not_ours(made.file)
    assert why_not_ours(made.file, check_data=False) == ""


def put(made: MadeTask, table: pa.Table, metadata: dict[str, str] | None = None) -> str:
    """Put another Parquet file in place of the data, with the digest that it has; returns why it is not ours."""
    with pq.ParquetWriter(made.data, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        if metadata:
            writer.add_key_value_metadata(metadata)
    digest = hashlib.sha256(made.data.read_bytes()).hexdigest()[:DIGITS]
    other = made.data.rename(made.data.with_name(f"mine-{digest}.parquet"))
    made.file.write_text(made.file.read_text().replace(made.data.name, other.name))
    return why_not_ours(made.file)


def test_data_whose_columns_the_data_library_would_decode_are_not_ours(made: MadeTask) -> None:
    """With features in its metadata a Parquet file has columns read as pictures, from any path or address."""
    features = '{"info": {"features": {"prompt": {"_type": "Image"}}}}'
    assert "does not have the columns" in put(made, pq.read_table(made.data), {"huggingface": features})


def test_data_of_other_columns_are_not_ours(made: MadeTask) -> None:
    table = pq.read_table(made.data)
    assert "does not have the columns" in put(made, table.append_column("more", pa.array(["x"])))


def test_the_same_data_again_are_ours(made: MadeTask) -> None:
    assert put(made, pq.read_table(made.data).cast(schema())) == ""


def test_what_is_no_parquet_is_not_ours(made: MadeTask) -> None:
    write(made.data, b"PAR1 no")
    digest = hashlib.sha256(b"PAR1 no").hexdigest()[:DIGITS]
    made.data.rename(made.data.with_name(f"mine-{digest}.parquet"))
    made.file.write_text(re.sub("[0-9a-f]{16}", digest, made.file.read_text()))
    assert "is no Parquet file" in why_not_ours(made.file)


def test_another_name_or_place_is_not_ours(made: MadeTask, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "mine.yaml"
    copy.parent.mkdir()
    copy.write_text(made.file.read_text())
    assert "not a Parquet file beside it" in why_not_ours(copy)
    other = made.file.rename(made.file.with_name("other.yaml"))
    assert not is_made(other)
    assert not is_ours(tmp_path / "nowhere.yaml")
    assert not is_ours(Path())


@pytest.mark.parametrize(
    ("scoring", "said"),
    [
        ('{"metrics": ["exact_match", "/tmp/evil.py:sha256=00"]}', "names a Python file as a metric"),
        ('{"metrics": ["evil.py"]}', "names a Python file as a metric"),
        ("[]", "does not say how it is scored"),
        ("{", "does not say how it is scored"),
        (None, "does not say how it is scored"),
    ],
)
def test_documents_that_name_python_where_the_task_does_not(made: MadeTask, scoring: str | None, said: str) -> None:
    """The permission that a run has for one metric of one's own must not reach the file of another task."""
    table = pq.read_table(made.data)
    table = table.set_column(table.schema.get_field_index("scoring"), "scoring", pa.array([scoring], pa.string()))
    assert said in put(made, table.cast(schema()))


@pytest.mark.parametrize("named", ["foo", "evil", "f1"])
def test_a_name_in_the_metric_list_does_not_let_documents_name_python(made: MadeTask, named: str) -> None:
    entry = f'  - metric: "{named}"\n    aggregation: mean\n    higher_is_better: true\n'
    text = made.file.read_text()
    made.file.write_text(text.replace("metadata:", f"{entry}metadata:"))
    assert "names other metrics than the task" in why_not_ours(made.file)
    made.file.write_text(text)
    table = pq.read_table(made.data)
    scoring = pa.array([json.dumps({"metrics": ["exact_match", "/x/evil.py"]})], pa.string())
    table = table.set_column(table.schema.get_field_index("scoring"), "scoring", scoring)
    put(made, table.cast(schema()))
    made.file.write_text(made.file.read_text().replace("metadata:", f"{entry}metadata:"))
    assert "names a Python file as a metric" in why_not_ours(made.file)
    assert "names a Python file as a metric" in why_not_ours(made.file, ["near.py"])


def test_a_metric_of_ones_own_is_trusted_where_the_data_set_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("near.py").write_text("def score(prediction, reference, document):\n    return {'a': 1, 'b': 0}\n")
    write(tmp_path / "d.jsonl", QUESTION)
    spec = DataSpec(name="mine", source=str(tmp_path / "d.jsonl"), metrics=("near.py", "exact_match"))
    made = make_task(spec, tmp_path / "tasks", metric_code=True)
    assert why_not_ours(made.file, spec.metrics) == ""
    assert why_not_ours(made.file, [str(tmp_path / "near.py")]) == ""
    for others in ((), ("f1",), ("ear.py",), (str(tmp_path / "other" / "near.py"),)):
        assert "names a Python file as a metric" in why_not_ours(made.file, others)
