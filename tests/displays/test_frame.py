"""The live table as text: what stands where, at every size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.displays.frame import current_view, draw
from benchtui.reports.wording.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from benchtui.reports.wording.states import left_words, run_left_words
from benchtui.runs import events as ev
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.benchmark.events import Progress, Scores
from benchtui.runs.live_score import LiveScore
from tests.run_stories import T0, Story, finish, launch, make_bench, make_run

HINT = "Ctrl+C stops and keeps what was answered"


def halfway(outputs: Path, *extra: ev.Event) -> list[RunView]:
    """A finished base, and a fine-tuned run in the middle of GSM8K."""
    base, tuned = make_bench(outputs)
    for run in (base, tuned):
        launch(run)
    story = Story(base).start().load()
    for task in ("ifeval", "gsm8k", "mmlu_anatomy", "mmlu_virology", "mmlu_astronomy"):
        story.whole_task(task, 0.35)
    story.end()
    finish(base, t=story.t)
    story = Story(tuned, story.t).start().load().whole_task("ifeval", 0.42, seconds=200).open_task("gsm8k")
    for done in range(16, 337, 16):
        story.tokens(8000, after=0).progress("gsm8k", done, after=5)
    story.score("gsm8k", 0.381, 336)
    story.tell(*extra)
    return [RunFollower(run).catch_up() for run in (base, tuned)]


def text(views: list[RunView], width: int, height: int, glyphs: Glyphs = UNICODE, *, after: float = 1) -> list[str]:
    """The lines on a terminal of that size, `after` seconds from the last sign of life."""
    now = max((view.last_sign or T0 for view in views), default=T0) + after
    lines = draw(views, width=width - 1, height=height, glyphs=glyphs, now=now, hint=HINT)
    return [line.plain.rstrip() for line in lines]


def test_eighty_columns(tmp_path: Path) -> None:
    assert (
        text(halfway(tmp_path), 80, 24)
        == """\
my-llama · suite full                                                 10min 30s

✓ Base meta-llama/Llama-3.2-1B  finished           cuda:0 · bfloat16 · batch 16
  ✓ ifeval ━━━━━━━━━━━━━━━━━━━    541/541      took 1min   35.0% ± 2.1   n=541
  ✓ gsm8k  ━━━━━━━━━━━━━━━━━━━  1319/1319      took 1min   35.0% ± 1.3   n=1319
  ✓ mmlu   ━━━━━━━━━━━━━━━━━━━    400/400      took 3min   35.0% ± 2.4   n=400

▸ Fine-tuned my-llama  evaluating gsm8k, 2 of 5
  ✓ ifeval ━━━━━━━━━━━━━━━━━━━    541/541  took 3min 20s   42.0% ± 2.1   n=541
  ▸ gsm8k  ━━━━━──────────────   336/1319      5min left   38.1% ± 2.7   n=336
  · mmlu   waiting                  0/400

1,600 tokens/s
Ctrl+C stops and keeps what was answered""".splitlines()
    )


def test_sixty_columns_leave_out_what_matters_least(tmp_path: Path) -> None:
    lines = text(halfway(tmp_path), 60, 24)
    assert lines[9] == "  ▸ gsm8k  ━━━╸──────────   336/1319      5min left   38.1%"
    assert max(map(len, lines)) <= 59
    assert text(halfway(tmp_path / "again"), 50, 24)[9] == "  ▸ gsm8k  ━━━━━──────────────   336/1319   38.1%"


def test_a_hundred_and_twenty_columns_name_the_metrics(tmp_path: Path) -> None:
    lines = text(halfway(tmp_path), 120, 36)
    assert lines[7].endswith("cuda:0 · bfloat16 · batch 16")
    assert lines[8].endswith("42.0% ± 2.1   n=541   prompt_level_strict_acc")
    assert lines[9].endswith("3.2/s      5min left   38.1% ± 2.7   n=336   exact_match")


def test_ascii_where_the_terminal_has_nothing_else(tmp_path: Path) -> None:
    lines = text(halfway(tmp_path), 80, 24, ASCII)
    assert "".join(lines).isascii()
    assert lines[9] == "  > gsm8k  #####-------------   336/1319      5min left   38.1% +- 2.7   n=336"
    assert glyphs_for("ascii") is ASCII
    assert glyphs_for("latin-1") is ASCII
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("no-such-encoding") is ASCII


def test_a_silent_worker_gets_the_watchdogs_words_and_no_estimate(tmp_path: Path) -> None:
    stalled = ev.InFlight(task="gsm8k", documents=[ev.InFlightDocument(17, "A [bold]robe[/bold] takes 2 bolts")])
    views = halfway(tmp_path, stalled, ev.Watchdog(state="waiting", silent=90, remaining=1710))
    lines = text(views, 80, 24)
    assert lines[9] == "  ▸ gsm8k  ━━━━━──────────────   336/1319                  38.1% ± 2.7   n=336"
    assert lines[-3:] == [
        "▲ no sign of life for 1min 31s; ending the worker in 28min 29s unless it moves",
        "  working on gsm8k sample 17 (A [bold]robe[/bold] takes 2 bolts)",
        HINT,
    ]


def test_silence_without_a_watchdog_is_told_too(tmp_path: Path) -> None:
    views = halfway(tmp_path)
    assert "last sign of life 45s ago" in text(views, 80, 24, after=45)
    assert "left" not in text(views, 80, 24, after=90)[9]  # a minute and a half without progress: no estimate holds


def test_the_last_warning_and_its_next_step(tmp_path: Path) -> None:
    views = halfway(tmp_path, ev.Warned(message="first"), ev.Warned(message="\x1b[31mGave up", next_step="Resume"))
    assert text(views, 80, 24)[-3:] == ["▲ Gave up", "  → Resume", HINT]


def test_a_failure_is_told_where_it_happened(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)
    launch(base)
    Story(base).start().load().open_task("ifeval").progress("ifeval", 100)
    finish(base, "failed", "Task gsm8k cannot be loaded: no such dataset", t=T0 + 60)
    views = [RunFollower(run).catch_up() for run in (base, tuned)]
    lines = text(views, 80, 24)
    assert lines[2] == "✗ Base meta-llama/Llama-3.2-1B  failed             cuda:0 · bfloat16 · batch 16"
    assert lines[3].startswith("  ◐ ifeval ━━━╸────")
    assert lines[4].startswith("  · gsm8k  not run")
    assert lines[6] == "  Task gsm8k cannot be loaded: no such dataset"
    assert lines[8] == "· Fine-tuned my-llama  waiting for its turn"
    assert HINT not in lines  # nothing is running that could be stopped


def test_of_two_runs_that_share_a_worker_one_waits_for_its_turn(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path)
    for run in (base, tuned):
        launch(run)
    Story(tuned).tell(ev.WorkerStarted(pid=1))
    story = Story(base).start()
    views = [RunFollower(run).catch_up() for run in (base, tuned)]
    assert current_view(views) is views[0]
    heads = [line for line in text(views, 80, 24) if "Base" in line or "Fine-tuned" in line]
    assert heads == [
        "▸ Base meta-llama/Llama-3.2-1B  loading tasks and their data",
        "· Fine-tuned my-llama  waiting for its turn",
    ]
    story.end()
    views = [RunFollower(run).catch_up() for run in (base, tuned)]
    assert current_view(views) is views[1]


@pytest.mark.parametrize(
    ("name", "task", "advance", "words"),
    [
        ("loading model", "", ev.Advance(unit="bytes", done=2_400_000_000), "loading the model, 2.4 GB so far"),
        ("loading task", "", ev.Advance(unit="tasks", done=12), "loading tasks and their data, 12 tasks so far"),
        ("loading task", "", ev.Advance(unit="modules", done=381), "loading tasks and their data"),
        ("building prompts", "ifeval", ev.Advance(unit="tokens", done=3), "building prompts for ifeval"),
        ("writing", "", ev.Advance(unit="tokens", done=3), "writing results"),
    ],
)
def test_phases_in_words(tmp_path: Path, name: Any, task: str, advance: ev.Advance, words: str) -> None:
    run = make_run(tmp_path)
    launch(run)
    Story(run).tell(ev.Phase(name=name, task=task), advance)
    assert f"▸ Fine-tuned my-llama  {words}" in text([RunFollower(run).catch_up()], 80, 24)


def many_tasks(outputs: Path) -> list[RunView]:
    """Two runs of sixty tasks each, the second in the middle of its thirtieth."""
    names = [f"task_{number:02}" for number in range(60)]
    views = []
    for role, finished in (("base", 60), ("fine-tuned", 30)):
        run = make_run(outputs / role, "base" if role == "base" else "fine-tuned", leaves={n: (n,) for n in names})
        launch(run)
        story = Story(run).start().load(dict.fromkeys(names, 10))
        for name in names[:finished]:
            story.open_task(name, 10).progress(name, 10, 10).score(name, 0.5, 10, final=True)
        if finished < 60:
            story.open_task(names[finished], 10).progress(names[finished], 5, 10)
        else:
            story.end()
            finish(run, t=story.t)
        views.append(RunFollower(run).catch_up())
    return views


def test_more_tasks_than_lines_keep_the_one_at_work_in_sight(tmp_path: Path) -> None:
    lines = text(many_tasks(tmp_path), 80, 24)
    assert len(lines) < 24
    assert any(line.startswith("  ▸ task_30") for line in lines)
    assert "✓ Base meta-llama/Llama-3.2-1B  finished" in lines[1]
    assert any("more tasks" in line for line in lines)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=st.integers(1, 250), height=st.integers(1, 60), glyphs=st.sampled_from([UNICODE, ASCII]))
def test_it_fits_every_terminal(views: list[RunView], width: int, height: int, glyphs: Glyphs) -> None:
    lines = draw(views, width=width, height=height, glyphs=glyphs, now=T0, hint=HINT)
    assert all(line.cell_len <= width for line in lines)
    assert len(lines) < max(height, 5)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[RunView]:
    return many_tasks(tmp_path_factory.mktemp("many"))


def test_wide_characters_are_counted_as_two_cells(tmp_path: Path) -> None:
    run = make_run(tmp_path, model="模型" * 40, leaves={"任务" * 20: (), "plain": ()})
    launch(run)
    Story(run).start().load({"任务" * 20: 10, "plain": 10})
    lines = draw([RunFollower(run).catch_up()], width=79, height=24, glyphs=UNICODE, now=T0)
    assert all(line.cell_len <= 79 for line in lines)
    bars = [line.plain for line in lines if "waiting" in line.plain]
    assert len(bars) == 2


def test_markup_in_names_is_only_text(tmp_path: Path) -> None:
    run = make_run(tmp_path, model="[red]bold[/red]\x1b[2J", leaves={"[link=x]": ()})
    lines = draw([RunFollower(run).catch_up()], width=79, height=24, glyphs=UNICODE, now=T0)
    assert "[red]bold[/red]" in lines[0].plain
    assert "[link=x]" in "".join(line.plain for line in lines)
    assert "\x1b" not in "".join(line.plain for line in lines)


@pytest.mark.parametrize("state", ["cancelled", "partial", "timed out", "failed"])
def test_a_task_that_was_stopped_shows_what_was_done_of_it(tmp_path: Path, state: Any) -> None:
    """Neither all nor nothing, though its score is final."""
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().open_task("ifeval").progress("ifeval", 135)
    score = LiveScore("prompt_level_strict_acc", "none", 0.4, 0.04, 135)
    story.tell(Scores(task="ifeval", scores=[score], final=True))
    story.tell(Progress(task="ifeval", documents=135, documents_total=541, requests=135, requests_total=541))
    finish(run, state, "Stopped.", t=story.t)
    view = RunFollower(run).catch_up()
    assert view.rows[0].share == pytest.approx(135 / 541)
    line = next(line for line in text([view], 80, 24) if "ifeval" in line)
    bar = line.split("━", 1)[1].split(" ")[0]
    assert 0.2 < (1 + bar.count("━") + bar.count("╸") / 2) / (1 + len(bar)) < 0.3
    assert "135/541" in line
    assert "n=135" in line


def test_an_estimate_that_has_run_out_is_unknown(tmp_path: Path) -> None:
    """Never 0s and never negative, however long it has been over."""
    views = halfway(tmp_path)
    (row,) = (row for row in views[1].rows if row.active)
    assert row.remaining is not None
    assert row.remaining > 0
    for over in (0.0, 1.0, 1e4, 1e8):
        assert left_words(row, row.at + row.remaining + over) == "time unknown"
        assert run_left_words(views[1], row.at + row.remaining + over) == "time unknown"
    assert left_words(row, row.at + row.remaining - 30) == "30s left"
    assert run_left_words(views[1], row.at + row.remaining - 30) == "over 30s left", "mmlu has not begun"


def test_what_is_wrong_with_answers_stands_below_their_task(tmp_path: Path) -> None:
    health = TaskHealth(answers=336, cut=300, cut_at=(256, 256), looping=12, tokens=9, mean_tokens=0.03)
    scores = [LiveScore("exact_match", "none", None, None, 336)]
    views = halfway(tmp_path, Scores(task="gsm8k", scores=scores, health=health))
    lines = text(views, 200, 30)
    (place,) = [n for n, line in enumerate(lines) if "gsm8k" in line and "NaN" in line]
    assert (
        lines[place + 1].strip().startswith("▲ 300 of 336 answers were cut at 256 tokens, so the score does not show")
    )
    assert lines[place + 1].endswith("12 of 336 answers repeat themselves at the end")
    assert len([line for line in lines if "answers" in line]) == 1


def test_an_estimate_from_few_answers_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().open_task("ifeval").progress("ifeval", 4)
    (row,) = (row for row in RunFollower(run).catch_up().rows if row.active)
    assert left_words(row, story.t).endswith("left?")
    story.progress("ifeval", 40)
    (row,) = (row for row in RunFollower(run).catch_up().rows if row.active)
    assert left_words(row, story.t).endswith("left")
