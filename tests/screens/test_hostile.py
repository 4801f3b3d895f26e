"""Markup, escape codes, right-to-left text and emoji in names, answers and logs: shown as they are, and harmless."""

from __future__ import annotations

import json
import shutil
import time
import unicodedata
from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Failed, Log, Warned, WorkerStarted, encode
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask
from benchtui.runs.records import LaunchRecord, this_process, write_record
from tests.screens.conftest import MODEL, NOW, Open, press, settle, shown

EVIL = (
    "[bold red]evil[/] [@click=app.quit]x[/] \x1b[31mred\x1b[0m \x1b]0;title\x07 "
    "مرحبا \u202eabc 🔥👩‍👩‍👧 \x00\x9b2J [/nonsense]"
)
MARKUP = "[bold red]evil[/]"


def harmless(screen: str) -> None:
    """No control character reached the screen, and nothing reorders what stands beside it."""
    bad = {c for c in screen if unicodedata.category(c) == "Cc" and c != "\n"} | (set(screen) & {"\u202e", "\u2066"})
    assert not bad, f"control characters on the screen: {bad!r}"


@pytest.fixture
def hostile(models: Path) -> Path:
    """A model folder with a hostile name whose answers, errors and results are hostile too."""
    folder = models / "[bold red]evil 🔥 مرحبا \x1b[2J"
    shutil.copytree(models / MODEL, folder)
    for file in folder.rglob("samples_*.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line["resps"] = [[EVIL]] if len(line["resps"]) == 1 else line["resps"]
            line["target"] = EVIL
            line["doc"]["prompt"] = EVIL
            next(iter(line["arguments"].values()))["arg_0"] = EVIL
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = folder / "benchmarks" / "benchmark.json"
    content = json.loads(summary.read_text())
    content["verdict"] = EVIL
    summary.write_text(json.dumps(content))
    (folder / "lora" / "training_metrics.json").write_text(json.dumps({"dataset_name": EVIL, "model_name": "a/b"}))
    return folder


async def test_names_and_answers(open_app: Open, hostile: Path) -> None:
    app = open_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        names = [item.listed.model.name for item in app.screen._shown]  # type: ignore[attr-defined]
        await press(pilot, *["down"] * names.index(hostile.name))
        screen = shown(pilot)
        harmless(screen)
        assert "● [bold red]evil" in screen
        await press(pilot, "enter")
        harmless(shown(pilot))
        await press(pilot, "enter")
        screen = shown(pilot)
        harmless(screen)
        assert MARKUP in screen, "an answer is shown as the model wrote it"
        assert "🔥" in screen
        await press(pilot, "escape", "h")
        harmless(shown(pilot))
        await press(pilot, "escape", "escape", "b", "escape")
        screen = shown(pilot)
        harmless(screen)
        assert "[bold red]evil" in screen


async def test_live_run(open_app: Open, models: Path) -> None:
    run = RunDirectory(models / MODEL / "benchmarks" / "fine-tuned" / "2026-11-21T00-00-00")
    shutil.copytree(models / MODEL / "benchmarks" / "base" / "run", run.records)
    run.done.unlink()
    write_record(run.launch, LaunchRecord(this_process(), NOW, "hostile"))
    task = PlannedTask("[red]task[/] \x1b[5m", 10, 10, 0, "generate_until")
    events = [WorkerStarted(t=NOW, pid=1), Planned(t=NOW, tasks=[task]), Log(t=NOW, level="info", message=EVIL)]
    events += [Warned(t=NOW, message=EVIL, next_step=EVIL), Failed(t=NOW, message=EVIL)]
    run.events.write_bytes(b"".join(encode(event) + b"\n" for event in events) + b'{"event": "log", torn')
    run.worker_log.write_bytes(
        b"\xff\xfe garbage \x1b[2J\r" + EVIL.encode() + b"\n" + b"x" * 3_000_000 + b"\nlast line\n"
    )
    with Journal(run.journal) as journal:
        journal.record(RequestKey("t", 0, 0), "d", EVIL)
    app = open_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.6)
        screen = shown(pilot)
        harmless(screen)
        assert MARKUP in screen, "in the log"
        assert "last line" in screen
        for key in ("a", "i"):
            await press(pilot, key)
            await pilot.pause(0.3)
            harmless(shown(pilot))
            assert MARKUP in shown(pilot)


async def test_a_mistake_of_the_engine_is_told_and_the_screen_lives(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise ZeroDivisionError("[bold]engine[/] fell over")

    monkeypatch.setattr("screens.compare.compare._compare_model", broken)
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "ZeroDivisionError: [bold]engine[/] fell over" in screen
        await press(pilot, "escape")
        assert "Last result" in shown(pilot)


async def test_damaged_samples_are_told(open_app: Open, models: Path) -> None:
    for file in (models / MODEL / "benchmarks").rglob("samples_demo_instructions*.jsonl"):
        lines = file.read_text().splitlines()
        lines[3] = lines[3][:50]
        file.write_text("\n".join(lines) + "\n")
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        assert "is damaged in line 4" in " ".join(shown(pilot).split())


async def test_fourteen_thousand_samples_stay_smooth(open_app: Open, models: Path) -> None:
    """As many as MMLU has: opening, moving and searching."""
    file = next((models / MODEL / "benchmarks" / "base" / "lm-eval").glob("samples_demo_knowledge*.jsonl"))
    newest = sorted((models / MODEL / "benchmarks" / "fine-tuned").iterdir())[-1]
    other = next((newest / "lm-eval").glob("samples_demo_knowledge*.jsonl"))
    for place in (file, other):
        lines = [json.loads(line) for line in place.read_text().splitlines()]
        with place.open("w") as out:
            for number in range(14_000):
                line = dict(lines[number % len(lines)])
                line["doc_id"], line["doc_hash"] = number, f"{number:064x}"
                out.write(json.dumps(line) + "\n")
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        await settle(pilot, 60)
        await press(pilot, "down", "down", "enter")
        await settle(pilot, 60)
        assert "all 14,000" in shown(pilot)
        slowest = 0.0
        for key in ["down"] * 20 + ["pagedown"] * 20 + ["end", "home", "end"]:
            began = time.monotonic()
            await pilot.press(key)
            slowest = max(slowest, time.monotonic() - began)
        await settle(pilot)
        assert "13999" in shown(pilot)
        assert slowest < 0.5, f"a key press took {slowest:.2f} s"
