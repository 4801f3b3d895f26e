"""The live screen of a run that two models answer: who wrote the newest answers, and the share so far."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchtui.routing.answers import RoutedFacts, Work
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, encode
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.kinds.benchmark.events import Routed, RoutedAnswer, RoutedDocuments
from tests.screens.conftest import MODEL, NOW, Open, press, settle, shown
from tests.screens.test_pictures import half_done

TASK = "demo_instructions"


def routed(*answers: RoutedAnswer, small: int = 81, large: int = 19) -> Routed:
    work = RoutedFacts(Work(100, 200, small), Work(17, 210, large))
    return Routed(t=NOW - 15, task=TASK, work=work, documents=RoutedDocuments(both=30), answers=list(answers))


def tell(run: RunDirectory, events: Iterable[Event]) -> None:
    with run.events.open("ab") as file:
        file.write(b"".join(encode(event) + b"\n" for event in events))


def going(models: Path) -> RunDirectory:
    run = half_done(models / MODEL / "benchmarks")
    tell(run, [routed(RoutedAnswer(7, 3, 1, "0008"), RoutedAnswer(8, 5, 3, "00048880"))])
    return run


async def test_the_share_and_a_bar_for_the_newest_answer(open_app: Open, models: Path) -> None:
    run, app = going(models), open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        screen = shown(pilot)
        assert "large 19 of 100 tokens (19% of tokens, not of compute)" in screen
        assert f"{TASK} #8 ░░░▒███░  ░ small 5 · █ large 3 tokens (38%)" in screen
        assert "#7 " not in screen, "a small screen has room for the newest alone"
        tell(run, [routed(RoutedAnswer(9, 0, 4, "8888"), small=81, large=23)])
        await pilot.pause(0.5)
        assert f"{TASK} #9 ████  ░ small 0 · █ large 4 tokens (100%)" in shown(pilot)


async def test_a_larger_screen_shows_several_and_what_the_signs_mean(open_app: Open, models: Path) -> None:
    run, app = going(models), open_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        screen = shown(pilot)
        assert "#7 ░░░█  ░ small 3 · █ large 1 tokens (25%)" in screen
        assert "(38%) ▒ both" in screen


async def test_answers_have_their_bars(open_app: Open, models: Path) -> None:
    run, app = going(models), open_app()
    with Journal(run.journal) as journal:
        for doc_id in (7, 8):
            journal.record(RequestKey(TASK, doc_id, 0), "digest", f"[b]answer {doc_id}")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        await press(pilot, "a")
        await pilot.pause(0.5)
        lines = [line.strip() for line in shown(pilot).splitlines()]
        assert lines[lines.index("[b]answer 8") + 1].startswith("░░░▒███░  ░ small 5 · █ large 3 tokens")
        assert lines[lines.index("[b]answer 7") + 1].startswith("░░░█  ░ small 3 · █ large 1 tokens")


async def test_a_run_of_one_model_has_no_such_line(open_app: Open, models: Path) -> None:
    run, app = half_done(models / MODEL / "benchmarks"), open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        assert "compute" not in shown(pilot)


async def test_of_many_answers_at_once_the_newest_is_shown(open_app: Open, models: Path) -> None:
    """Ten seconds of a fast worker's events."""
    run, app = going(models), open_app()
    many = [routed(*(RoutedAnswer(20 * n + k, 30, 10, "0480" * 10) for k in range(20))) for n in range(20)]
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        for _ in range(9):
            tell(run, many)
        await settle(pilot)
        await pilot.pause(1.0)
        assert "#399 " in shown(pilot)
