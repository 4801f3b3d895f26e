"""What is known of a run at any moment, from files that a worker and a supervisor write."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.runs import events as ev
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.follow.view import RowView, RunView
from benchtui.runs.kinds.benchmark.events import Progress, Scores
from benchtui.runs.kinds.benchmark.view import leaf_tasks
from benchtui.runs.live_score import LiveScore, average
from tests.run_stories import LEAVES, SIZES, T0, Story, dead_process, finish, launch, make_run


def row(view: RunView, name: str) -> RowView:
    return next(row for row in view.rows if row.name == name)


def test_before_anything_happened_the_plans_tasks_are_there_and_wait(tmp_path: Path) -> None:
    view = RunFollower(make_run(tmp_path)).update()
    assert (view.model, view.role, view.suite, view.state) == ("my-llama", "fine-tuned", "full", "waiting")
    assert [(row.name, row.state, row.leaves) for row in view.rows] == [
        ("ifeval", "waiting", 1), ("gsm8k", "waiting", 1), ("mmlu", "waiting", 3),
    ]  # fmt: skip


def test_a_base_run_is_called_by_the_base_models_name(tmp_path: Path) -> None:
    assert RunFollower(make_run(tmp_path / "a", "base")).update().weights == "meta-llama/Llama-3.2-1B"
    assert RunFollower(make_run(tmp_path / "b", "base", base="/models/llama-1b")).update().weights == "llama-1b"
    assert RunFollower(make_run(tmp_path / "c")).update().weights == "my-llama"


def test_progress_rate_and_time_left_of_the_task_at_work(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().open_task("ifeval")
    for done in range(10, 210, 10):
        story.progress("ifeval", done, after=5)  # two documents a second
    story.score("ifeval", 0.41, 200)
    view = RunFollower(run).catch_up()
    ifeval = row(view, "ifeval")
    assert view.state == "running"
    assert view.phase is not None
    assert (view.phase.name, view.phase.task) == ("evaluating", "ifeval")
    assert (ifeval.documents, ifeval.documents_total, ifeval.state) == (200, 541, "evaluating")
    assert ifeval.rate == pytest.approx(2.0)
    assert ifeval.remaining == pytest.approx(341 / 2)
    assert ifeval.remaining_at(story.t + 60) == pytest.approx(341 / 2 - 60)
    assert ifeval.remaining_at(story.t + 1e6) == 0
    assert ifeval.score is not None
    assert (ifeval.score.metric, ifeval.score.value) == ("prompt_level_strict_acc", 0.41)
    assert [d.choice for d in view.decisions] == ["cuda:0", "bfloat16", "16"]


def test_answers_restored_from_a_journal_are_not_taken_for_speed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load().open_task("gsm8k", restored=1000)
    assert row(RunFollower(run).catch_up(), "gsm8k").rate is None
    story.progress("gsm8k", 1010, after=10)
    gsm8k = row(RunFollower(run).catch_up(), "gsm8k")
    assert gsm8k.rate == pytest.approx(1.0)
    assert gsm8k.remaining == pytest.approx(309)


def test_half_answered_documents_move_the_bar(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load().open_task("gsm8k")
    story.tell(Progress(task="gsm8k", documents=0, documents_total=1319, requests=2638, requests_total=5276))
    assert row(RunFollower(run).catch_up(), "gsm8k").share == pytest.approx(0.5)


def test_a_bar_is_full_only_when_the_task_is_over(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load().open_task("ifeval").progress("ifeval", 541)
    follower = RunFollower(run)
    assert row(follower.catch_up(), "ifeval").share < 1
    story.score("ifeval", 0.5, 541, final=True)
    ifeval = row(follower.update(), "ifeval")
    assert (ifeval.share, ifeval.state) == (1.0, "done")
    assert ifeval.seconds == pytest.approx(1.5)


def test_leaves_that_take_turns_took_the_time_of_all_of_them_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load()
    leaves = LEAVES["mmlu"]
    for leaf in leaves:
        story.open_task(leaf)
    began = story.t
    for leaf in leaves:
        story.progress(leaf, 8, after=10)
        story.tell(Scores(task=leaf, scores=[LiveScore("acc", "none", 0.5, 0.1, 8)], final=True, early=True))
    mmlu = row(RunFollower(run).catch_up(), "mmlu")
    assert mmlu.seconds == pytest.approx(story.t - began + 1.5)
    assert (mmlu.state, mmlu.documents, mmlu.share) == ("done", 24, 1.0), "decided early, nothing is missing"
    story.start(attempt=2).load()
    assert row(RunFollower(run).catch_up(), "mmlu").state == "waiting", "and yet it can be gone on with"


def test_a_final_score_over_fewer_documents_is_partial(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    Story(run).start().load().open_task("ifeval").progress("ifeval", 400).score("ifeval", 0.5, 400, final=True)
    assert row(RunFollower(run).catch_up(), "ifeval").state == "partial"


def test_a_groups_leaves_are_one_row_weighted_by_documents(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load()
    story.whole_task("mmlu_anatomy", 0.3).whole_task("mmlu_virology", 0.6)
    follower = RunFollower(run)
    mmlu = row(follower.catch_up(), "mmlu")
    assert (mmlu.leaves, mmlu.leaves_over, mmlu.documents, mmlu.documents_total) == (3, 2, 300, 400)
    assert mmlu.state == "evaluating"  # between two of its leaves
    assert mmlu.score is not None
    assert mmlu.score.value == pytest.approx((100 * 0.3 + 200 * 0.6) / 300)
    assert mmlu.score.n == 300
    assert mmlu.remaining == pytest.approx(100 / mmlu.rate) if mmlu.rate else False
    story.whole_task("mmlu_astronomy", 0.9)
    assert row(follower.update(), "mmlu").state == "done"


def test_leaves_belong_to_the_task_they_are_named_after_when_the_plan_does_not_say(tmp_path: Path) -> None:
    run = make_run(tmp_path, leaves={"mmlu": (), "mmlu_stem": ()})
    Story(run).start().load({"mmlu_stem_physics": 10, "mmlu_law": 10, "odd": 10})
    view = RunFollower(run).catch_up()
    assert {task.name: task.group for task in leaf_tasks(view)} == {
        "mmlu_stem_physics": "mmlu_stem", "mmlu_law": "mmlu", "odd": "odd",
    }  # fmt: skip
    assert [row.name for row in view.rows] == ["mmlu", "mmlu_stem", "odd"]


@given(st.lists(st.tuples(st.integers(2, 500), st.floats(0.01, 0.5)), min_size=2, max_size=60))
def test_the_groups_standard_error_is_lm_evals(leaves: list[tuple[int, float]]) -> None:
    from lm_eval.api.metrics import pooled_sample_stderr

    scores = [LiveScore("acc", "none", 0.5, error, n) for n, error in leaves]
    together = average(scores)
    assert together is not None
    assert together.stderr == pytest.approx(pooled_sample_stderr([e for _, e in leaves], [n for n, _ in leaves]))


def test_different_metrics_have_no_average() -> None:
    first = LiveScore("acc", "none", 0.5, 0.1, 10)
    assert average([first, LiveScore("exact_match", "none", 0.5, 0.1, 10)]) is None
    assert average([]) is None
    assert average([first, LiveScore("acc", "none", 0.7, None, 10)]) == LiveScore("acc", "none", 0.6, None, 20)


def test_a_task_of_several_filters_shows_its_first(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    named = [("acc", "none"), ("exact_match", "strict-match"), ("exact_match", "flexible-extract")]
    scores = [LiveScore(metric, filter_name, 0.1, None, 9) for metric, filter_name in named]
    Story(run).start().load().tell(Scores(task="gsm8k", scores=scores))
    (task,) = [task for task in leaf_tasks(RunFollower(run).catch_up()) if task.name == "gsm8k"]
    assert [(score.metric, score.filter) for score in task.scores] == [
        ("exact_match", "strict-match"), ("acc", "none"), ("exact_match", "flexible-extract"),
    ]  # fmt: skip


def test_a_new_worker_leaves_whole_tasks_as_they_are(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load().whole_task("ifeval", 0.4).open_task("gsm8k").progress("gsm8k", 100)
    story.tell(ev.Failed(message="memory ran out", reason="out of memory"))
    story.tell(ev.WorkerEnded(exit_code=1, reason="failed"))
    follower = RunFollower(run)
    assert follower.catch_up().failed is not None
    story.start(attempt=2)
    view = follower.update()
    assert (view.attempt, view.failed) == (2, None)
    assert [row.state for row in view.rows] == ["done", "waiting", "waiting"]
    story.load().open_task("ifeval", restored=541)
    ifeval = row(follower.update(), "ifeval")
    assert (ifeval.state, ifeval.share, ifeval.seconds) == ("done", 1.0, pytest.approx(60.5))
    story.open_task("gsm8k", restored=100)
    assert row(follower.update(), "gsm8k").documents == 100


def test_the_watchdogs_worry_lasts_until_something_moves(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().open_task("ifeval")
    sign = story.t
    in_flight = ev.InFlight(task="ifeval", documents=[ev.InFlightDocument(7, "Write a haiku")])
    story.tell(in_flight, after=1)
    story.tell(ev.Watchdog(state="quiet", silent=60, remaining=1740), after=59)
    follower = RunFollower(run)
    view = follower.catch_up()
    assert view.last_sign == sign  # documents taken in hand are no sign that anything advances
    assert view.watchdog is not None
    assert view.in_flight is not None
    assert view.in_flight.documents[0].doc_id == 7
    story.tokens(100)
    assert follower.update().watchdog is None


def test_download_progress_counts_from_the_beginning_of_its_phase(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().tell(ev.Advance(unit="bytes", done=5_000_000))
    story.tell(ev.Phase(name="loading model")).tell(ev.Advance(unit="bytes", done=2_005_000_000))
    view = RunFollower(run).catch_up()
    assert (view.advanced, view.advanced_unit) == (2_000_000_000, "bytes")


def test_how_it_ended(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    follower = RunFollower(run)
    launch(run)
    story = Story(run).start().load().whole_task("ifeval", 0.4)
    assert follower.catch_up().state == "running"
    story.tell(ev.Done(status="timed out", message="No sign of life for 30min."))
    finish(run, "timed out", "No sign of life for 30min.", t=T0 + 500)
    view = follower.update()
    assert (view.state, view.ended, view.message) == ("timed out", True, "No sign of life for 30min.")
    assert view.elapsed(now=T0 + 9999) == 500


def test_a_resumed_run_is_running_again(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().tell(ev.Done(status="cancelled"))
    finish(run, "cancelled")
    follower = RunFollower(run)
    assert follower.catch_up().state == "cancelled"
    run.done.unlink()
    launch(run, T0 + 1000)
    story.start()
    view = follower.update()
    assert (view.state, view.message, view.started) == ("running", "", T0 + 1000)


def test_a_resumed_run_no_longer_warns_of_what_was_before(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    story = Story(run).start().load().open_task("ifeval").tell(ev.Warned(message="nothing to score"))
    story.start(attempt=2)
    view = RunFollower(run).catch_up()
    assert view.warning is not None, "a second worker of the same run warns of it still"
    story.tell(ev.Done(status="cancelled", message="Stopped by the user."))
    resumed = RunFollower(run)
    assert resumed.catch_up().warning == view.warning
    story.start()
    after = resumed.catch_up()
    assert after.warning is None
    assert after.warnings == view.warnings, "it stays listed"


def test_a_dead_supervisor_means_that_the_run_died(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run, supervisor=dead_process())
    Story(run).start()
    assert RunFollower(run).catch_up().state == "died"


def test_a_run_whose_directory_is_deleted_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.runs.follow.state.RECORDS_EVERY", 0.0)
    run = make_run(tmp_path / "run")
    launch(run)
    Story(run).start().load()
    follower = RunFollower(run)
    assert follower.catch_up().state == "running"
    shutil.rmtree(run.path)
    view = follower.update()
    assert (view.state, view.model) == ("died", "my-llama")
    assert [row.name for row in view.rows] == ["ifeval", "gsm8k", "mmlu"]


def test_what_a_display_sees_is_what_the_documents_say(tmp_path: Path) -> None:
    """Every leaf's documents add up in its row, whatever the order of events."""
    run = make_run(tmp_path)
    story = Story(run).start().load()
    for task in SIZES:
        story.whole_task(task, 0.5)
    view = RunFollower(run).catch_up()
    assert {row.name: row.documents for row in view.rows} == {"ifeval": 541, "gsm8k": 1319, "mmlu": 400}
    assert msgspec.json.encode(view.rows[0].score)  # frozen records, not dictionaries
