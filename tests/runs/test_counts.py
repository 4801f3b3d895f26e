"""How many documents are answered: the same number in the record of a run, in lists and on every screen."""

from __future__ import annotations

from click.testing import CliRunner

from benchtui.cli.runs import command
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.listing import list_runs
from screens.run.status import ending_words
from tests.run_stories import make_bench
from tests.runs.scripted import SCORE, Script, run, supervise, worker

__all__ = ["run", "worker"]

TWO_OF_EIGHTEEN = """
say(run, Planned(tasks=[PlannedTask("arc", 10, 0, 0, "multiple_choice"),
                           PlannedTask("ifeval", 8, 0, 0, "generate_until")]))
say(run, Progress(task="arc", documents=2, documents_total=10, requests=9, requests_total=40))
run.cancel.write_text("")
time.sleep(1000)
"""


def test_a_stopped_run_counts_alike_everywhere(worker: Script, run: RunDirectory) -> None:
    """Two of eighteen samples: the task that was not begun counts too, so this is neither 100 % nor 9 of 40."""
    worker.install(SCORE, TWO_OF_EIGHTEEN)
    (done,) = supervise(run)
    assert (done.status, done.documents, done.documents_total) == ("cancelled", 2, 18)
    assert done.message == "Stopped by the user. 2 of 18 answered."
    view = RunFollower(run).catch_up()
    assert (view.counts.documents, view.counts.total) == (2, 18)
    assert ending_words([view]) == "You stopped it: 2 of 18 answered."
    outputs = run.path.parents[2]
    (listed,) = list_runs(outputs)
    assert (listed.documents, listed.documents_total) == (2, 18)
    printed = CliRunner().invoke(command, ["--outputs", str(outputs)]).stdout
    assert "2/18" in printed
    assert "%" not in printed


def test_a_run_that_was_not_begun_says_so(worker: Script, run: RunDirectory) -> None:
    base, tuned = make_bench(run.path.parents[2] / "two")
    worker.install("if score_only: sys.exit(0)\n", TWO_OF_EIGHTEEN)
    first, second = supervise(base, tuned)
    assert first.message == "Stopped by the user. 2 of 18 answered."
    assert second.message == "Not started."
    views = [RunFollower(each).catch_up() for each in (base, tuned)]
    assert ending_words(views) == "You stopped it: 2 of 18 answered, fine-tuned not started."


def test_a_resume_that_fails_early_forgets_nothing(worker: Script, run: RunDirectory) -> None:
    worker.install(SCORE, TWO_OF_EIGHTEEN)
    supervise(run)
    worker.install(SCORE, "sys.exit(3)")
    (done,) = supervise(run)
    assert done.status == "failed"
    assert (done.documents, done.documents_total) == (2, 18)
