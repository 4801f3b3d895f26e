from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchtui.compare.leaderboard.leaderboard import columns_of
from benchtui.compare.leaderboard.pick.decide import decide
from benchtui.compare.leaderboard.pick.records import Limits, NoWorse, Pick, Question
from benchtui.compare.leaderboard.records import MEAN, Facts
from benchtui.errors import UsageError
from benchtui.reports.leaderboard.pick import answer, found_words, pick_document, pick_sentences
from tests.compare.leaderboard.pick.answers import Right, candidates_of, comparing, name_of, picked, states

N = 1000


def right(count: int, *, flipped: int = 0, n: int = N) -> Right:
    """Return answers of which the first `count` are right, but `flipped` of them and as many others the other way."""
    found = np.arange(n) < count
    found[count - flipped : count + flipped] ^= True
    return found


def of(**models: Right) -> dict[str, dict[str, Right]]:
    return {name: {"task": answers} for name, answers in models.items()}


def words(found: Pick, name: str) -> str:
    place = next(p for p, candidate in enumerate(found.candidates) if candidate.name == name)
    return found_words(found, found.at(place))


def test_the_smallest_that_is_shown_within_the_margin_is_kept() -> None:
    answers = of(small=right(560), middle=right(598, flipped=5), large=right(600))
    found = picked(answers, Question("task", 3.0))
    assert (found.outcome, name_of(found)) == ("found", "middle")
    assert states(found) == {"small": "cannot tell", "middle": "within", "large": "within"}
    assert "Smaller, but not shown to be within the margin: small." in pick_sentences(found)
    assert answer(found).startswith("Keep middle: of 3 models the smallest that is shown to be within 3 points")


def test_a_loss_is_told_with_its_size_and_against_whom() -> None:
    found = picked(of(small=right(400), large=right(600)), Question("task", 3.0))
    assert states(found)["small"] == "worse"
    assert words(found, "small") == "worse by over 3 points: shown (p < 0.001), −20.0 against large"


def test_too_few_samples_cannot_tell() -> None:
    answers = of(small=right(12, n=20), large=right(12, n=20))
    found = picked(answers, Question("task", 3.0))
    assert (found.outcome, found.picked) == ("cannot tell", None)
    assert set(states(found).values()) == {"cannot tell"}
    assert answer(found).startswith("Cannot tell which to keep: none of 2 is shown to be within 3 points")
    assert any("wider margin" in sentence for sentence in pick_sentences(found))


def test_p_and_the_largest_possible_loss_are_those_of_an_exact_test() -> None:
    """Nothing changed in n documents: a loss of m has the chance (1 - m)^n at most."""
    found = picked(of(small=right(60, n=100), large=right(60, n=100)), Question("task", 4.0))
    (one, _) = found.judged
    assert one.p == pytest.approx(stats.binom.pmf(0, 100, 0.04), rel=1e-6)
    narrow = picked(of(small=right(60, n=100), large=right(60, n=100)), Question("task", 1.0))
    assert narrow.judged[0].needed == pytest.approx(100 * (1 - 0.05 ** (1 / 100)), rel=1e-3)


def test_every_other_candidate_counts() -> None:
    """Close to the leader, but far from one that answers other documents right."""
    other = np.roll(right(595), 400)
    answers = of(small=right(598, flipped=2), leader=right(600), other=other)
    found = picked(answers, Question("task", 3.0))
    assert found.picked is None
    assert set(states(found).values()) == {"cannot tell"}
    assert name_of(picked(of(small=answers["small"]["task"], leader=answers["leader"]["task"]), Question("task", 3.0)))


def test_more_candidates_make_it_harder() -> None:
    same = right(60, n=100)
    two, ten = (of(**{f"m{number}": same for number in range(count)}) for count in (2, 10))
    assert picked(two, Question("task", 3.0)).outcome == "found"
    assert picked(ten, Question("task", 3.0)).outcome == "cannot tell"


def test_equal_sizes_go_by_score_and_the_earliest_by_step() -> None:
    answers = of(first=right(596, flipped=2), second=right(600))
    same = dict.fromkeys(answers, Facts(size=500))
    assert name_of(picked(answers, Question("task", 3.0), same)) == "second"
    assert name_of(picked(answers, Question("task", 3.0, earliest=True), same)) == "first"


def test_what_is_beyond_a_limit_is_nothing_to_be_compared_with() -> None:
    facts = {"small": Facts(size=1, memory=10, speed=50.0), "large": Facts(size=9, memory=99, speed=5.0)}
    answers = of(small=right(400), large=right(600))
    for limits in (Limits(size=5), Limits(memory=50), Limits(speed=20.0)):
        found = picked(answers, Question("task", 3.0, limits=limits), facts)
        assert (name_of(found), states(found)["large"]) == ("small", "over")
        assert answer(found) == "Keep small: the only one that can be compared within the limits."
    found = picked(answers, Question("task", 3.0, limits=Limits(size=0)), facts)
    assert found.outcome == "nothing fits"
    assert answer(found).startswith("Nothing fits: 2 of 2 models beyond a limit (small: 1 B on disk, over 0 B)")


def test_an_unknown_cost_is_not_taken_for_a_small_one() -> None:
    found = picked(of(one=right(600)), Question("task", limits=Limits(memory=100)), {"one": Facts()})
    assert (found.outcome, states(found)) == ("cannot tell", {"one": "unknown"})
    assert "its memory is not known" in answer(found)


def lost(of_base: int, *others: tuple[str, Right, Right]) -> dict[str, dict[str, Right]]:
    found = {"base": {"task": right(300), "kept": right(of_base)}}
    return found | {name: {"task": task, "kept": kept} for name, task, kept in others}


def test_a_candidate_that_lost_too_much_is_neither_kept_nor_compared_with() -> None:
    answers = lost(700, ("forgot", right(900), right(300)), ("kept", right(600), right(699, flipped=2)))
    found = picked(answers, Question("task", 3.0, (NoWorse("kept", 3.0),)))
    assert states(found) == {"forgot": "lost", "kept": "within"}
    assert (name_of(found), found.of) == ("kept", 1)
    assert words(found, "forgot") == "lost more than allowed of kept"
    without = picked(answers, Question("task", 3.0))
    assert name_of(without) == "forgot"
    only = {name: of_task for name, of_task in answers.items() if name != "kept"}
    assert picked(only, Question("task", 3.0, (NoWorse("kept", 3.0),))).outcome == "nothing fits"


def test_a_loss_that_is_not_excluded_keeps_a_candidate_from_being_kept() -> None:
    answers = lost(700, ("one", right(600), np.roll(right(690), 150)))
    found = picked(answers, Question("task", 3.0, (NoWorse("kept", 3.0),)))
    assert (found.outcome, states(found)) == ("cannot tell", {"one": "cannot tell"})
    assert "no loss over 3 points of kept is not shown" in words(found, "one")


def test_bases_take_no_part() -> None:
    found = picked(lost(700, ("one", right(600), right(700))), Question("task"))
    assert states(found) == {"one": "within"}


def test_looks_taken_before_have_their_price() -> None:
    answers = of(one=right(80, n=130), two=right(80, n=130))
    assert picked(answers, Question("task", 3.0)).outcome == "found"
    assert picked(answers, Question("task", 3.0), watched=True).outcome == "cannot tell"


@pytest.mark.parametrize("by", ["nothing", MEAN])
def test_a_score_that_nobody_has_is_refused(by: str) -> None:
    answers = {"one": {"a": right(600)}, "two": {"b": right(600)}}
    with pytest.raises(UsageError, match="no mean to go by" if by == MEAN else "No model has a score of 'nothing'"):
        picked(answers, Question(by))


def test_json_names_everything() -> None:
    document = pick_document(picked(of(small=right(400), large=right(600)), Question("task")))
    assert (document["outcome"], document["picked"], document["best"]) == ("found", "large", "large")
    small = next(each for each in document["models"] if each["name"] == "small")
    assert (small["state"], small["against"], small["change"]) == ("worse", "large", pytest.approx(-0.2))


def test_what_is_kept_is_compared_with_its_base_too() -> None:
    better = picked(lost(700, ("one", right(600), right(700))), Question("task"))
    assert "Against base: +30.0 points (p < 0.001)." in pick_sentences(better)
    alike = picked(lost(700, ("one", right(301, flipped=2), right(700))), Question("task"))
    assert alike.reference is not None
    assert alike.reference.p == 1.0
    assert "Against base: +0.1 points (p = 1.00): no difference is shown." in pick_sentences(alike)
    fallen = picked(lost(700, ("one", right(100), right(700)), ("two", right(90), right(700))), Question("task"))
    assert "Against base: −20.0 points (p < 0.001)." in pick_sentences(fallen)
    assert fallen.reference is not None
    exact = 2 * stats.binom.cdf(0, 200, 0.5)
    assert fallen.reference.p == pytest.approx(2 * exact)


def test_progress_is_told_up_to_its_end() -> None:
    told: list[tuple[int, int]] = []
    answers = of(**{f"m{number}": right(600 + number) for number in range(5)})
    candidates = candidates_of(answers)
    decide(
        candidates,
        [None] * 5,
        columns_of(candidates),
        Question("task"),
        comparing(answers),
        lambda *each: told.append(each),
    )
    assert told == [(number, 9) for number in range(1, 10)]
