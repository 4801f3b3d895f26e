"""Names, settings and answers that attack a terminal, a browser or a spreadsheet: text in every output, and no more."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchtui.models.source import HubSource, HybridPart, HybridSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.plans.sweep import SweepPlan
from benchtui.routing.sweeps.records import write_sweep
from benchtui.runs.directory import RunDirectory
from benchtui.tasks.suites import TaskPlan
from tests.cli.results_commands import benchtui
from tests.reports.test_hybrid import swept
from tests.synthetic import Task, write_run

EVIL = (
    '=HYPERLINK("http://x") [bold red]evil[/] [/nonsense] \x1b[31mred\x1b]0;title\x07 \x9b2J \u202eabc\u200f\u2028'
    "<script>alert(1)</script> | `x` ![](http://x/y) </pre>"
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
TASKS = (EVIL.replace("/", "·"), "=1+1", "+1", "@SUM(A1)", "-2", "\uff1d1", "\n=1", "a;=1+1", "a\t=1+1")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """One model, its base and two runs, whatever anybody can name named by an attacker."""
    outputs = tmp_path / "outputs"
    model = outputs / "=evil [red]x[/] \x1b[2J\u202e"
    (model / "lora").mkdir(parents=True)
    (model / "lora" / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": EVIL, "peft_type": EVIL})
    )
    (model / "lora" / "training_metrics.json").write_text(json.dumps({"dataset_name": EVIL, "model_name": EVIL}))
    settings = {"system_instruction": EVIL, "config": {"model": EVIL, "model_args": {"pretrained": EVIL}}}
    for number, place in enumerate(("base", "fine-tuned/2026-11-20T10-30-15", "fine-tuned/2026-11-21T10-30-15")):
        right = [(i * (number + 3)) % 4 < 2 for i in range(40)]
        tasks = {
            name: Task({(f"exact_match{EVIL[:30]}", EVIL): right}, prompt=EVIL, answers=[EVIL] * 40) for name in TASKS
        }
        block = {"resolved": {"caveats": [EVIL]}, "version": EVIL, "plan": {EVIL: EVIL, "dtype": f"{EVIL}{number}"}}
        write_run(model / "benchmarks" / place, tasks, model=EVIL, settings=settings, block=block,
                  stamp=f"2026-11-2{number}T10-30-15.000000")  # fmt: skip
    return outputs


def harmless(text: str, where: object) -> None:
    found = UNSAFE.search(text)
    assert found is None, (where, text[max(found.start() - 60, 0) : found.end() + 20])


COMMANDS = (
    ("models",), ("models", "--json"), ("runs",), ("runs", "--all"), ("history",), ("history", "--json"), ("compare",),
    ("summarize",), ("gate",), ("gate", "--json"), ("readme", "--check"), ("readme",), ("suites",),
    *(("compare", "--format", form) for form in ("json", "csv", "markdown", "html")),
)  # fmt: skip


def test_nothing_that_a_command_prints_steers_a_terminal(outputs: Path) -> None:
    for command in COMMANDS:
        done = benchtui(*command, "--outputs", outputs) if command != ("suites",) else benchtui(*command)
        assert "Traceback" not in done.err
        harmless(done.out, command)
        harmless(done.err, command)


def test_nothing_that_is_shown_of_two_models_steers_a_terminal_or_a_page(outputs: Path, tmp_path: Path) -> None:
    (benchmarks,) = outputs.rglob("benchmarks")
    found = swept()
    (task,) = found.tasks
    metric = replace(task.metrics[0], metric=EVIL, filter=EVIL)
    evil = replace(found, small=EVIL, large=EVIL, notes=(EVIL,), tasks=(replace(task, task=EVIL, metrics=(metric,)),))
    part = HybridPart("hf", HubSource(EVIL, "identity"))
    plan = SweepPlan(
        model_name=EVIL, bench_id=EVIL, created="2026-11-22T10:30:15+00:00", role="fine-tuned",
        source=HybridSource(path=EVIL, identity="identity", small=part, large=part), tasks=(TaskPlan(EVIL),),
        prompts=PromptSettings(),
    )  # fmt: skip
    run = RunDirectory(benchmarks.parent / "sweeps" / "2026-11-22T10-30-15")
    run.path.mkdir(parents=True)
    write_plan(run.plan_file, plan)
    write_sweep(run.path, evil)
    sides = [benchmarks / "fine-tuned" / f"2026-11-2{day}T10-30-15" for day in (0, 1)]
    files = [tmp_path / f"curve.{ending}" for ending in ("html", "svg", "json")]
    for command, code in (
        (("runs", "--all"), 0),
        (("hybrid", "show"), 0),
        (("hybrid", "show", "--json"), 0),
        *((("hybrid", "show", "--output", file), 0) for file in files),
        (("hybrid", "show", sides[0]), 1),
        (("hybrid", "defer", *sides), 2),
    ):
        done = benchtui(*command, "--outputs", outputs)
        assert (done.code, "Traceback" in done.err) == (code, False), (command, done.err)
        harmless(done.out, command)
        harmless(done.err, command)
        assert "evil" in done.out + done.err or "--output" in command
    for file in files:
        harmless(file.read_text(), file)
        assert "evil" in file.read_text()
        assert file.suffix == ".json" or "<script>alert(1)" not in file.read_text()


def test_json_says_it_all_the_same(outputs: Path) -> None:
    done = benchtui("compare", "--format", "json", "--outputs", outputs)
    document = json.loads(done.out)
    assert TASKS[0] in {row["task"] for row in document["rows"]}, "escaped, and not changed"


def test_no_cell_of_a_csv_is_a_formula(outputs: Path) -> None:
    done = benchtui("compare", "--format", "csv", "--outputs", outputs)
    rows = list(csv.reader(io.StringIO(done.out)))
    assert len(rows) > len(TASKS)
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(done.out), delimiter=separator):
            for cell in row:
                number = re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", cell)
                assert number or not cell.startswith(("=", "+", "-", "@", "\uff1d")), (separator, cell)


def test_the_pages_and_texts_run_nothing(outputs: Path) -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.scripts: list[str] = []
            self.inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            leading = [value or "" for name, value in attrs if name in ("href", "src", "style", "action", "xlink:href")]
            assert not [name for name, _ in attrs if name.startswith("on")]
            assert not any("http://x" in value for value in leading)
            self.inside = tag == "script"

        def handle_data(self, data: str) -> None:
            if self.inside:
                self.scripts.append(data)

        def handle_endtag(self, _: str) -> None:
            self.inside = False

    page = benchtui("compare", "--format", "html", "--outputs", outputs).out
    tags = Tags()
    tags.feed(page)
    assert not [script for script in tags.scripts if "alert(1)" in script]
    markdown = benchtui("compare", "--format", "markdown", "--outputs", outputs).out
    done = benchtui("readme", "--outputs", outputs)
    readmes = list(outputs.rglob("README.md"))
    assert len(readmes) == 2, done
    for text in (markdown, *(readme.read_text() for readme in readmes)):
        harmless(text, "markdown")
        body = text.split("\n---\n", 1)[1] if text.startswith("---\n") else text  # front matter is YAML: quoted there
        assert not re.search(r"(?<!\\)!\[\]\(http://x", body)
        assert not re.search(r"(?<!\\)<script", body)


def test_what_is_written_to_files_is_as_harmless(outputs: Path) -> None:
    benchtui("summarize", "--outputs", outputs)
    benchtui("readme", "--outputs", outputs)
    written = [*outputs.glob("*/benchmarks/benchmark.json"), *outputs.rglob("README.md")]
    assert len(written) >= 2
    for file in written:
        harmless(file.read_text(), file)
