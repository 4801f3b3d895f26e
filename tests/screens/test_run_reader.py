"""What the Run screen knows of its runs."""

from __future__ import annotations

from pathlib import Path

from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.kinds.benchmark.events import Mark, Marked
from screens.run.reader import RunReader
from screens.run.status import status_text
from tests.run_stories import Story, launch, make_bench, make_run


def test_an_answer_has_the_mark_of_its_own_run(tmp_path: Path) -> None:
    base, tuned = make_bench(tmp_path / "outputs")
    for run, answer, right in ((base, "wrong", False), (tuned, "right", True)):
        launch(run)
        told(run, answer, right=right, t=2_000_000_000.0 + right)
    reader = RunReader((base, tuned))
    reader.read()
    assert [found.answer for found in reader.snapshot.newest] == ["right"], "of the run that was heard of last"
    assert reader.snapshot.marks == {("ifeval", 7): True}
    assert reader.snapshot.questions == {("ifeval", 7): "the right one's prompt"}


def told(run: RunDirectory, answer: str, *, right: bool, t: float) -> None:
    with Journal(run.journal) as journal:
        journal.bind({"fingerprint": run.plan().fingerprint})
        journal.record(RequestKey("ifeval", 7, 0), "digest", answer)
    story = Story(run, t).start().open_task("ifeval")
    story.tell(ev.InFlight(task="ifeval", documents=[ev.InFlightDocument(7, f"the {answer} one's prompt")]))
    story.tell(Marked(task="ifeval", marks=[Mark(7, right)]), after=0.1)


def test_a_long_warning_hides_neither_what_is_done_nor_the_sign_of_life(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    launch(run)
    story = Story(run).start().load().open_task("ifeval").tell(ev.Warned(message="a long warning " * 20))
    doing, life = status_text([RunFollower(run).catch_up()], story.t).plain.splitlines()
    assert "evaluating ifeval" in doing
    assert "warning" not in doing
    assert life.startswith("active   ▲ a long warning")
