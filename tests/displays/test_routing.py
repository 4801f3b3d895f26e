"""What a terminal shows of two models that answer as one while they do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchtui.displays.frame import draw
from benchtui.displays.narrator import Narrator
from benchtui.reports.wording.glyphs import ASCII, UNICODE, Glyphs
from benchtui.routing.answers import RoutedFacts, Work
from benchtui.runs.event_reader import decode
from benchtui.runs.events import encode
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.kinds.benchmark.events import (
    Marked,
    Planned,
    Progress,
    Routed,
    RoutedAnswer,
    RoutedDocuments,
    Scores,
)
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.kinds.benchmark.view import newest_routed, routing_of
from tests.run_stories import Story, launch, make_run


def routed(task: str, small: int, large: int, *answers: RoutedAnswer, drafted: int = 0, accepted: int = 0) -> Routed:
    work = RoutedFacts(Work(50, 90, small), Work(17, 95, large), (), drafted, accepted)
    return Routed(task=task, work=work, documents=RoutedDocuments(1, 2, 3), answers=list(answers))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    run = make_run(tmp_path)
    launch(run)
    return Story(run).start().load().open_task("ifeval")


def shown(story: Story, width: int = 80, height: int = 24, glyphs: Glyphs = UNICODE) -> str:
    view = RunFollower(story.run).catch_up()
    lines = draw([view], width=width, height=height, glyphs=glyphs, now=story.t + 1, hint="Ctrl+C stops")
    assert len(lines) < height
    assert all(line.cell_len <= width for line in lines)
    return "\n".join(line.plain for line in lines)


def test_the_live_table_has_the_share_and_a_bar_of_each_newest_answer(story: Story) -> None:
    story.tell(routed("ifeval", 81, 19, RoutedAnswer(3, 3, 1, "0008"), RoutedAnswer(4, 6, 2, "00440")))
    screen = shown(story, 100)
    assert "large 19 of 100 tokens (19% of tokens, not of compute) · calls: small 50, large 17" in screen
    assert "#4 ░░▒▒░  ░ small 6 · █ large 2 tokens (25%)" in screen
    assert "#3 ░░░█  ░ small 3 · █ large 1 tokens (25%)" in screen
    assert "(25%) ▒ both" in screen, "what the third sign means, where it is"
    assert screen.index("#4") < screen.index("#3"), "the newest first"
    assert "#4 ..++.  . small 6, # large 2" in shown(story, 100, glyphs=ASCII)


def test_the_sums_stay_when_the_run_has_ended(story: Story) -> None:
    story.tell(routed("ifeval", 81, 19, RoutedAnswer(3, 3, 1, "0008")))
    story.whole_task("gsm8k", 0.5)
    story.tell(routed("gsm8k", 100, 0)).end()
    assert "large 19 of 200 tokens (10%" in shown(story, 100)


def test_a_share_that_is_not_nothing_is_not_shown_as_nothing(story: Story) -> None:
    assert "(<1% of tokens, not of compute)" in shown(story.tell(routed("ifeval", 9_999, 1)))
    assert "(>99% of tokens, not of compute)" in shown(story.tell(routed("ifeval", 1, 9_999)))


def test_drafts_that_were_accepted_are_told(story: Story) -> None:
    story.tell(routed("ifeval", 97, 57, drafted=120, accepted=97))
    assert "drafts accepted 97 of 120 (81%)" in shown(story, 120)


def test_a_run_that_one_model_answers_shows_nothing_of_it(story: Story) -> None:
    assert "compute" not in shown(story)


@pytest.mark.parametrize("size", [(20, 4), (40, 8), (80, 24), (200, 60)])
def test_every_size_has_room(story: Story, size: tuple[int, int]) -> None:
    story.tell(routed("ifeval", 81, 19, *(RoutedAnswer(n, 3, 1, "0008" * 10) for n in range(40))))
    shown(story, *size)


def test_plain_lines_have_it_beside_the_score_and_the_progress(story: Story) -> None:
    follower, narrator = RunFollower(story.run), Narrator(UNICODE)
    follower.update()
    story.progress("ifeval", 50)
    narrator.tell(follower.update(), follower.new)
    story.tell(routed("ifeval", 81, 19)).progress("ifeval", 200, after=30)
    assert "large 19 of 100 tokens (19% of tokens, not of compute)" in told(follower, narrator)
    story.tell(routed("ifeval", 300, 100)).score("ifeval", 0.4, 541, final=True)
    assert "ifeval: large 100 of 400 tokens (25% of tokens, not of compute)" in told(follower, narrator)


def told(follower: RunFollower, narrator: Narrator) -> str:
    view = follower.update()
    return "\n".join(line.text for line in narrator.tell(view, follower.new))


def test_numbers_and_strips_of_a_damaged_file_are_bounded(story: Story) -> None:
    story.tell(routed("ifeval", 10**18, -4, *(RoutedAnswer(-n, 10**18, 0, "\x1b[31m8" * 20) for n in range(200))))
    view = RunFollower(story.run).catch_up()
    routing = routing_of(view)
    assert routing is not None
    assert 0 <= routing.work.large.chosen <= routing.work.small.chosen <= 10**12
    assert len(newest_routed(view)) <= 40
    assert all(set(answer.strip) <= set("012345678") and len(answer.strip) <= 40 for _, answer in newest_routed(view))
    assert "\x1b" not in shown(story)


def test_a_reader_that_does_not_know_the_event_reads_the_others() -> None:
    kind = dataclasses.replace(BENCHMARK, events=(Planned, Progress, Marked, Scores))
    assert decode(encode(routed("ifeval", 1, 1)), kind) is None
    assert isinstance(decode(encode(routed("ifeval", 1, 1)), BENCHMARK), Routed)
