"""The header of a plan: read of every kind of run, and of plans of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource, HubSource
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import Plan, read_plan, write_plan

STORED = Path(__file__).with_name("plan-of-version-1.json")
FINGERPRINT = "26ec835dc8bc3ad3"


class OtherPlan(Plan, frozen=True, kw_only=True):
    kind: Literal["other"] = "other"
    text: str


def other(folder: Path) -> Path:
    file = folder / "run" / "plan.json"
    write_plan(file, OtherPlan(model_name="m", bench_id="b", created="2026-11-20T10:30:15+00:00", text="t"))
    return file


def test_plan_of_an_earlier_version_is_a_benchmark_with_the_same_fingerprint() -> None:
    plan = read_plan(STORED, BenchmarkPlan)
    assert plan.kind == "benchmark"
    assert (plan.model_name, plan.role, plan.device, plan.offline) == ("my-llama", "fine-tuned", "cpu", True)
    assert plan.fingerprint == FINGERPRINT


def test_plan_written_again_says_its_kind_and_keeps_its_fingerprint(tmp_path: Path) -> None:
    plan = read_plan(STORED, BenchmarkPlan)
    write_plan(tmp_path / "plan.json", plan)
    there, stored = json.loads((tmp_path / "plan.json").read_text()), json.loads(STORED.read_text())
    assert there.pop("kind") == "benchmark"
    assert there.pop("backend_settings") == {"engine": stored.pop("engine")}
    assert there.pop("backend_identity") == {"transformers": stored.pop("transformers_version")}
    assert there.pop("backend_options") == {}
    assert (there.pop("python"), there.pop("repeats"), there.pop("data")) == (None, 1, [])
    assert (there["source"].pop("type"), there["source"].pop("tokenizer_identity")) == ("folder", "")
    assert there["permissions"].pop("metric_code") is False
    assert (there.pop("schema_version"), stored.pop("schema_version")) == (2, 1)
    assert stored["source"].pop("revision") is None
    assert there == stored
    assert read_plan(tmp_path / "plan.json", BenchmarkPlan) == plan
    assert plan.fingerprint == FINGERPRINT


def test_plan_of_an_earlier_version_says_where_its_model_came_from(tmp_path: Path) -> None:
    assert isinstance(read_plan(STORED, BenchmarkPlan).source, FolderSource)
    document = json.loads(STORED.read_text())
    document["source"] |= {"path": "org/model", "revision": "abc"}
    (tmp_path / "plan.json").write_text(json.dumps(document))
    source = read_plan(tmp_path / "plan.json", BenchmarkPlan).source
    assert source == HubSource(
        "org/model", "sha256:4f1c", "merged_16bit", "sha256:99aa", tokenizer="/models/base", revision="abc"
    )


@pytest.mark.parametrize("source", ["7", "[]", "{}", '{"path": 7}', "null"])
def test_damaged_source_of_an_earlier_version_is_one_line_that_names_the_file(tmp_path: Path, source: str) -> None:
    document = STORED.read_text()
    before = document[document.index('"source": {') : document.index('"tasks"')]
    (tmp_path / "plan.json").write_text(document.replace(before, f'"source": {source},\n'))
    with pytest.raises(BenchtuiError, match=r"plan\.json cannot be read as a run plan"):
        read_plan(tmp_path / "plan.json", BenchmarkPlan)


def test_header_is_read_where_nobody_knows_the_kind(tmp_path: Path) -> None:
    header = read_plan(other(tmp_path), Plan)
    assert (header.kind, header.model_name, header.permissions.pickle) == ("other", "m", False)


def test_plan_of_another_kind_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match=r"is a run of the kind other, not benchmark") as raised:
        read_plan(other(tmp_path), BenchmarkPlan)
    assert raised.value.next_step == "`benchtui runs` lists all runs."
