"""Files of a run that are missing, torn, odd or enormous: what is known stays bounded and no display stops."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchtui.displays.frame import draw
from benchtui.displays.narrator import Narrator
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import NEWEST_LOG_LINES, NEWEST_WARNINGS, RunFollower
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Scores
from benchtui.runs.kinds.benchmark.view import leaf_tasks
from benchtui.runs.live_score import LiveScore
from tests.run_stories import T0, Story, launch, make_run


@pytest.mark.parametrize("place", ["nowhere", "file", "file/below"])
def test_places_that_are_no_run_say_nothing_and_raise_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    view = RunFollower(RunDirectory(tmp_path / place)).catch_up()
    assert (view.state, view.rows, leaf_tasks(view)) == ("waiting", (), ())


def test_an_events_file_that_is_a_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.events.mkdir()
    assert leaf_tasks(RunFollower(run).catch_up()) == ()


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    Story(run).start()
    line = ev.encode(ev.Phase(t=T0 + 9, name="scoring", task="ifeval"))
    with run.events.open("ab") as file:
        file.write(line[:20])
    follower = RunFollower(run)
    assert follower.catch_up().phase == ev.Phase(t=T0 + 3, name="loading task")
    with run.events.open("ab") as file:
        file.write(line[20:])
    view = follower.update()
    assert view.phase == ev.Phase(t=T0 + 9, name="scoring", task="ifeval")
    assert view.damaged_lines == 0


def test_memory_stays_bounded_whatever_is_written(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load()
    with run.events.open("ab") as file:
        for number in range(3000):
            file.write(ev.encode(ev.Log(t=story.t, level="warning", message=f"{number} {'x' * 10_000}")))
            file.write(ev.encode(ev.Warned(t=story.t, message=f"{number} {'y' * 5_000}")))
            file.write(ev.encode(ev.Decision(t=story.t, what=f"{number}", choice="z" * 1000)))
        for number in range(30_000):
            file.write(ev.encode(Progress(t=story.t, task=f"t{number}", documents=1, documents_total=2,
                                             requests=1, requests_total=2)))  # fmt: skip
    tracemalloc.start()
    follower = RunFollower(run)
    view = follower.catch_up(60)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(view.log) == NEWEST_LOG_LINES
    assert view.log[-1].message.startswith("2999 ")
    assert len(view.warnings) == NEWEST_WARNINGS
    assert peak < 60_000_000


EXTREME = st.sampled_from([0, -1, 1, 7, 10**9, 2**62, -(2**62)])
TIMES = st.sampled_from([0.0, -1e300, 1e300, T0, T0 + 5, -5.0, 1e18])
NAMES = st.sampled_from(["ifeval", "mmlu_anatomy", "", "[bold]x[/bold]", "\x1b[2Jgone", "名前", "a\nb", "x" * 500])
FLOATS = st.sampled_from([0.0, 1.0, 0.5, -3.0, 1e308, -1e308, 5e-324])
SCORE = st.builds(LiveScore, metric=NAMES, filter=NAMES, value=FLOATS, stderr=st.none() | FLOATS, n=EXTREME)
ANY_EVENT = st.one_of(
    st.builds(ev.Phase, t=TIMES, name=st.sampled_from(["starting", "loading model", "evaluating", "scoring"]),
              task=NAMES, detail=NAMES),
    st.builds(ev.Advance, t=TIMES, unit=st.sampled_from(["bytes", "tokens", "files"]), done=EXTREME, task=NAMES),
    st.builds(Planned, t=TIMES, tasks=st.lists(st.builds(
        PlannedTask, task=NAMES, documents=EXTREME, requests=EXTREME, answered=EXTREME, kind=st.just("mixed")))),
    st.builds(Progress, t=TIMES, task=NAMES, documents=EXTREME, documents_total=EXTREME, requests=EXTREME,
              requests_total=EXTREME, documents_per_second=FLOATS, tokens_per_second=FLOATS),
    st.builds(Scores, t=TIMES, task=NAMES, scores=st.lists(SCORE, max_size=4), final=st.booleans()),
    st.builds(ev.InFlight, t=TIMES, task=NAMES, documents=st.lists(st.builds(
        ev.InFlightDocument, doc_id=EXTREME, first_line=NAMES), max_size=3)),
    st.builds(ev.Watchdog, t=TIMES, state=st.sampled_from(["quiet", "stacks", "alive again"]), silent=FLOATS,
              remaining=st.none() | FLOATS),
    st.builds(ev.Decision, t=TIMES, what=NAMES, choice=NAMES, why=NAMES),
    st.builds(ev.Warned, t=TIMES, message=NAMES, next_step=NAMES),
    st.builds(ev.Failed, t=TIMES, message=NAMES),
    st.builds(ev.Results, t=TIMES, file=NAMES),
    st.builds(ev.WorkerStarted, t=TIMES, pid=EXTREME, attempt=EXTREME),
    st.builds(ev.WorkerEnded, t=TIMES, exit_code=EXTREME, reason=NAMES),
    st.builds(ev.Done, t=TIMES, status=st.just("partial"), message=NAMES),
)  # fmt: skip

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def show(run: RunDirectory) -> list[str]:
    """Take a run in and draw it in both ways, as a display would."""
    follower, narrator = RunFollower(run), Narrator(UNICODE)
    view = follower.update()
    told = narrator.tell(view, follower.new) + narrator.standing(view)
    lines = draw([view], width=79, height=24, glyphs=UNICODE, now=T0)
    assert all(line.cell_len <= 79 for line in lines)
    return [line.plain for line in lines] + [line.worded() for line in told]


@QUICK
@given(st.lists(ANY_EVENT, max_size=30))
def test_no_events_however_odd_stop_a_display_or_reach_the_terminal_raw(
    tmp_path_factory: pytest.TempPathFactory, events: list[ev.Event]
) -> None:
    run = make_run(tmp_path_factory.mktemp("run"))
    launch(run)
    run.events.write_bytes(b"".join(ev.encode(event) for event in events))
    shown = "".join(show(run))
    assert not any(character in shown for character in "\x1b\r\n\x07")


@QUICK
@given(st.binary(max_size=3000))
@example(b'{"event":"phase","name":"evaluating","t":1e999}\n')
@example(b'{"event":"progress","task":"a","documents":' + b"9" * 400 + b"}\n")
@example(b"[" * 100_000 + b"\n")
@example(b'{"event":"log","level":"info","message":"\\ud800"}\n')
@example(b"\x00" * 200_000)
def test_no_bytes_in_the_events_file_stop_a_display(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    run = make_run(tmp_path_factory.mktemp("run"))
    run.events.write_bytes(data)
    show(run)


@QUICK
@given(st.data())
def test_no_damage_in_the_middle_of_a_real_file_stops_a_display(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = make_run(tmp_path_factory.mktemp("run"))
    Story(run).start().load().whole_task("ifeval", 0.4).open_task("gsm8k").progress("gsm8k", 9).end()
    whole = bytearray(run.events.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    run.events.write_bytes(bytes(whole))
    show(run)


@QUICK
@given(st.binary(max_size=300))
def test_damaged_records_stop_nothing(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    run = make_run(tmp_path_factory.mktemp("run"))
    for file in (run.plan_file, run.launch, run.done):
        file.write_bytes(data)
    assert RunFollower(run).update().state in ("waiting", "died", "running")
