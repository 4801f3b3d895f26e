"""`benchtui hybrid defer` and `benchtui hybrid show`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from benchtui.cli.hybrid.defer import command
from benchtui.compare.hybrid.defer import deferred
from benchtui.errors import BenchtuiError, UsageError
from benchtui.results.read import read_run
from benchtui.results.sweeps import find_sweep
from benchtui.routing.sweeps.records import Sweep
from tests.lm_eval_runs import RealRuns
from tests.lm_eval_runs import real_runs as real_runs


def defer(runs: RealRuns, *arguments: str) -> Result:
    return CliRunner().invoke(
        command, [str(runs.first), str(runs.second), *arguments], catch_exceptions=False, standalone_mode=False
    )


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()


def test_it_prints_every_threshold_and_what_follows(real_runs: RealRuns) -> None:
    said = defer(real_runs, "--thresholds", "0.4,p50,0.9", "--margin", "1.5").stdout
    assert "school · acc, by document · 25 documents" in said, "one of each of three tasks is there twice"
    assert "small only" in said
    assert "0.4 " in said
    assert "p50" in said
    assert "A document that stays with the small model is never read by the large one" in said
    assert "say is left out: its answers are texts" in said


def test_json_has_all_of_it(real_runs: RealRuns) -> None:
    found = json.loads(defer(real_runs, "--json", "--thresholds", "0.4,0.9").stdout)
    assert (found["small"], found["large"], found["strategy"]) == ("tiny-first", "tiny-second", "defer")
    school = next(task for task in found["tasks"] if task["task"] == "school")
    assert [place["threshold"]["value"] for place in school["metrics"][0]["places"]] == [0.9, 0.4]
    assert school["metrics"][0]["is_share"] is True


@pytest.mark.parametrize("ending", ["html", "svg", "json"])
def test_files_are_written_by_their_ending(real_runs: RealRuns, tmp_path: Path, ending: str) -> None:
    assert defer(real_runs, "--output", f"c.{ending}").exit_code == 0
    begins = {"html": "<!doctype html>", "svg": "<svg ", "json": "{"}
    assert (tmp_path / f"c.{ending}").read_text().startswith(begins[ending])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output", "c.pdf"), "what is to be written is not known"),
        (("--metric", "f1"), "no task has 'f1'"),
        (("--axis", "flops"), "flops of .* were not counted"),
        (("--output", "none/no/c.svg"), ""),
    ],
)
def test_what_cannot_be_done_is_said(real_runs: RealRuns, arguments: tuple[str, ...], said: str) -> None:
    if not said:
        assert defer(real_runs, *arguments).exit_code == 0, "folders are made"
        return
    with pytest.raises(UsageError, match=said):
        defer(real_runs, *arguments)


@pytest.mark.parametrize("thresholds", ["p7x", "", "0.5,,0.6", "nan", "inf", ",".join(map(str, range(1_001)))])
def test_what_is_no_threshold_is_refused(real_runs: RealRuns, thresholds: str) -> None:
    with pytest.raises(UsageError, match="--thresholds"):
        defer(real_runs, "--thresholds", thresholds)


def test_a_sweep_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="no finished sweep"):
        find_sweep(tmp_path / "outputs", None)


def test_nothing_heavy_is_imported(real_runs: RealRuns) -> None:
    code = (
        "import sys; from benchtui.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "bad = {'torch', 'transformers', 'lm_eval', 'pandas', 'textual'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    arguments = ["hybrid", "defer", str(real_runs.first), str(real_runs.second)]
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "strategy defer" in ran.stdout


def test_names_and_notes_of_a_file_from_somebody_are_text(real_runs: RealRuns) -> None:
    from benchtui.compare.hybrid.conclusions import conclusions
    from benchtui.reports.hybrid.page import sweep_html
    from benchtui.reports.hybrid.svg import main_svg

    found = deferred(read_run(real_runs.first), read_run(real_runs.second), Path("outputs"), ["p50"])
    bad = "<script>alert(1)</script>[red]\x1b[31m"
    task = msgspec.structs.replace(
        found.tasks[0], task=bad, metrics=(msgspec.structs.replace(found.tasks[0].metrics[0], metric=bad),)
    )
    hostile: Sweep = msgspec.structs.replace(found, small=bad, large=bad, tasks=(task,), notes=(bad,))
    concluded = conclusions(hostile, 2.0)
    for text in (sweep_html(concluded), main_svg(concluded)):
        assert "<script" not in text
        assert "\x1b" not in text
        assert "&lt;script&gt;" in text
