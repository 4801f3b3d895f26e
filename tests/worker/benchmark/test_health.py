"""Loops told from texts that mean to repeat themselves, and the counts of a task's answers."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from benchtui.runs.answer_health import AnswerFacts, TaskHealth, together
from benchtui.worker.benchmark.answers.health import Asked, HealthCounter, is_looping

LOOPS = {
    "a sentence": "The capital of France is Paris. " + "The answer is correct. " * 12,
    "cut in the middle": "I think so.\n" + "What is the answer?\nThe answer is " * 6 + "What is the ans",
    "numbered": "\n".join(f"{n}. The model repeats the same point again." for n in range(1, 9)),
    "a token": "!" * 256,
    "a syllable": "ha" * 80,
    "zeros": "0, " * 90,
    "a paragraph": "So we can see that.\n"
    + "To find the total, we add the apples that Tom has to the apples that Ann has, and then we subtract those that "
    "were eaten. The result is the number of apples that are left over at the end of the day.\n" * 4,
    "without spaces": "好的，" + "我不知道这个问题的答案。" * 14,
    "blank lines": "Yes." + "\n" * 256,
    "few-shot": "42\n\n" + "Question: How many apples are there?\nAnswer: There are 42 apples.\n\n" * 5,
}

ON_PURPOSE = {
    "list": "\n".join(
        f"{n}. {word.capitalize()} is a kind of fruit."
        for n, word in enumerate(
            ["apple", "pear", "plum", "cherry", "grape", "lemon", "lime", "fig", "kiwi", "mango", "melon", "peach"], 1
        )
    ),
    "multiplication": "\n".join(f"7 x {n} = {7 * n}" for n in range(1, 21)),
    "poem": "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily,\nLife is but a dream.\n" * 2,
    "refrain": "\n".join(
        f"{first}\nAnd the wind blows on, and the wind blows on."
        for first in ("The leaves are red", "The sky is grey", "The river sleeps", "The night is long")
    ),
    "chant": "We want more! " * 4,
    "code": "def f(a):\n    if a:\n        for b in a:\n            if b:\n                print(b)\n" + "}\n" * 12,
    "getters": "\n".join(f"    @property\n    def {n}(self) -> int:\n        return self._{n}\n" for n in "abcdefgh"),
    "table": "| Name | Age | City | Job | Pay |\n| --- | --- | --- | --- | --- |\n| Ann | 31 | Rome | cook | 3 |",
    "rule": "Summary\n" + "=" * 80,
    "matrix": "[[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]",
    "json": '[{"id": 1, "ok": true}, {"id": 2, "ok": true}, {"id": 3, "ok": true}, {"id": 4, "ok": true}]',
    "third": "1/3 = 0." + "3" * 100,
    "short": "no no no no no",
    "echo": "echo " * 20,
    "out of it": "The answer is correct. " * 12 + "Anyway, here is what was asked for: forty-two apples in all.",
    "empty": "",
    "blank": "\n" * 300,
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_found(name: str) -> None:
    assert is_looping(LOOPS[name])


@pytest.mark.parametrize("name", ON_PURPOSE)
def test_repetition_on_purpose_is_no_loop(name: str) -> None:
    assert not is_looping(ON_PURPOSE[name])


def test_real_source_code_is_no_loop() -> None:
    """Lists, tables and long runs of similar lines as people write them, each text cut somewhere in the middle."""
    library = Path(sysconfig.get_paths()["stdlib"])
    sources = [file.read_text(errors="replace") for file in sorted(library.glob("*.py"))[:120]]
    texts = [text[max(0, end - 2000) : end] for text in sources for end in range(1000, len(text), 3000)]
    assert len(texts) > 500
    assert [text for text in texts if is_looping(text)] == []


def written(text: str, tokens: int | None, *, at_limit: bool = False, lost: int = 0, prompt: str = "p") -> Asked:
    facts = None if tokens is None else AnswerFacts(10, lost, tokens, at_limit)
    return Asked("generate_until", (prompt, {}), text, facts)


def chosen(*values: float, context: str = "q", lost: tuple[int, ...] = ()) -> list[Asked]:
    losses = lost or (0,) * len(values)
    return [
        Asked("loglikelihood", (context, f" {n}"), (value, False), AnswerFacts(100, losses[n]))
        for n, value in enumerate(values)
    ]


def health(*documents: list[Asked], choices: bool = False) -> TaskHealth:
    counter = HealthCounter()
    for document in documents:
        counter.count(document, choices=choices)
    return counter.health()


def test_answers_are_counted_each() -> None:
    found = health(
        [written("fine", 4)],
        [written("cut", 256, at_limit=True), written(" \n", 3)],
        [written(LOOPS["a sentence"], 300, at_limit=True, lost=4)],
    )
    assert (found.answers, found.unknown, found.cut, found.cut_at) == (4, 0, 2, (256, 300))
    assert (found.empty, found.looping, found.tokens, found.mean_tokens) == (1, 1, 563, 140.75)
    assert (found.prompts, found.prompts_cut, found.prompt_tokens, found.prompt_tokens_lost) == (3, 1, 10, 4)


def test_what_nobody_counted_is_unknown_and_not_zero() -> None:
    nothing = health([written("an answer of an earlier version", None)])
    assert (nothing.answers, nothing.unknown, nothing.cut, nothing.tokens, nothing.mean_tokens) == (
        1,
        1,
        None,
        None,
        None,
    )
    assert (nothing.prompts, nothing.prompts_unknown, nothing.prompts_cut) == (1, 1, None)
    some = health([written("old", None)], [written("new", 7, at_limit=True)])
    assert (some.answers, some.unknown, some.cut, some.mean_tokens, some.prompts_unknown) == (2, 1, 1, 7.0, 1)


def test_a_prompt_counts_once_by_its_greatest_loss() -> None:
    found = health(chosen(-1, -2, -3, lost=(5, 9, 7)), chosen(-1, -2), choices=True)
    assert (found.prompts, found.prompts_cut, found.prompt_tokens, found.prompt_tokens_lost) == (2, 1, 100, 9)
    assert found.answers == 0
    assert found.cut is None


def test_an_empty_context_is_no_prompt_and_windows_are_no_cut() -> None:
    rolling = [Asked("loglikelihood_rolling", ("a long text",), -3.0, None)]
    assert health(chosen(-1, -2, context=""), rolling).prompts == 0


def test_choices_that_all_fall_on_one_place() -> None:
    same = health(*[chosen(-2, -1, -3)] * 40, choices=True)
    assert (same.choices, same.only_choice) == (40, 1)
    assert health(chosen(-2, -1), chosen(-1, -2), choices=True).only_choice is None


def test_a_group_is_the_sum_of_its_tasks() -> None:
    first = health([written("a", 10, at_limit=True)], [written("b", 4)])
    second = health([written("c", 20, at_limit=True)], [written("old", None)])
    both = together([first, second])
    assert both == health(
        [written("a", 10, at_limit=True)], [written("b", 4)], [written("c", 20, at_limit=True)], [written("old", None)]
    )
    assert together([]) == TaskHealth()


def test_the_fingerprint_is_of_answers_whatever_their_order_and_wherever_they_come_from() -> None:
    def choice(prompt: str, value: float, *, journal: bool = False) -> list[Asked]:
        answer = [value, False] if journal else (value, False)
        return [Asked("loglikelihood", (prompt, " a"), answer, None)]

    def fingerprint(*documents: list[Asked]) -> str:
        counter = HealthCounter()
        for document in documents:
            counter.count(document, choices=True)
        return counter.health().fingerprint

    one, two = choice("p", -1.5), choice("q", -2.5)
    assert fingerprint(one, two) == fingerprint(two, choice("p", -1.5, journal=True))
    assert fingerprint(one, two) != fingerprint(one, choice("q", -2.5000000000000004))
    assert fingerprint(one, one) != fingerprint(two, two)
    parts = [TaskHealth(fingerprint=fingerprint(one)), TaskHealth(fingerprint=fingerprint(two))]
    assert together(parts).fingerprint == fingerprint(one, two)
    assert together([*parts, TaskHealth()]).fingerprint == ""


def scored(value: float, *, greedy: bool = False, context: str = "a context") -> Asked:
    return Asked("loglikelihood", (context, " text"), (value, greedy), None)


def counter_of(*documents: list[Asked], choices: bool = False) -> HealthCounter:
    counter = HealthCounter()
    for document in documents:
        counter.count(document, choices=choices)
    return counter


def test_log_likelihoods_that_are_all_one_number_are_named() -> None:
    zeros = [[scored(0.0, greedy=True, context=f"{n}"), scored(-0.0, greedy=True, context=f"{n} ")] for n in range(20)]
    assert counter_of(*zeros).only_value(10, 30) == (
        "all 40 log-likelihoods are 0.0, and each text counts as the likeliest"
    )
    assert counter_of(*zeros[:14]).only_value(10, 30) == "", "28 texts may be an accident where nothing is compared"
    floors = [chosen(-100.0, -100.0) for _ in range(20)]
    assert counter_of(*floors, choices=True).only_value(10, 30) == "all 40 log-likelihoods are -100"
    another = counter_of(*zeros, [scored(-0.1, context="another")])
    assert another.only_value(10, 30) == ""


def test_one_text_asked_over_and_over_is_no_alarm() -> None:
    assert counter_of(*[[scored(-1.25)] for _ in range(50)]).only_value(10, 30) == ""


def test_whole_texts_that_are_certain_are_an_alarm_too() -> None:
    rolling = [[Asked("loglikelihood_rolling", (f"text {n}",), 0.0, None)] for n in range(30)]
    assert counter_of(*rolling).only_value(10, 30) == "all 30 log-likelihoods are 0.0"


def test_floors_among_log_likelihoods_are_counted_and_named() -> None:
    documents = [chosen(-1.5 - n / 7, -9999.0 if n % 2 else -2.5 - n / 9) for n in range(20)]
    found = health(*documents, choices=True)
    assert (found.loglikelihoods, found.floored, found.floor) == (40, 10, -9999.0)
    few = health(*documents[:8], choices=True)
    assert (few.floored, few.floor) == (0, None), "four may be an accident"
    both = together([found, health(chosen(-30.0, -1.5), choices=True)])
    assert (both.loglikelihoods, both.floored, both.floor) == (42, 10, -9999.0)


def test_choices_that_are_equally_likely_are_counted_though_others_differ() -> None:
    found = health(*[chosen(-1.5, -1.5)] * 3, chosen(-1.25, -3.5), choices=True)
    assert (found.choices, found.equal) == (4, 3)
