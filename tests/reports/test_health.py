"""What is wrong with answers and models stands beside the score, in every form that a comparison takes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.headlines import last_benchmark
from benchtui.compare.health import health_notes
from benchtui.compare.history.history import outcomes_of
from benchtui.compare.records import Comparison, Kind
from benchtui.compare.summary import write_summary
from benchtui.compare.verdicts.gate import Outcome, gate
from benchtui.reports.exports import comparison_csv, comparison_json
from benchtui.reports.html import comparison_html
from benchtui.reports.markdown import comparison_markdown
from benchtui.reports.readme.model_index import eval_results
from benchtui.reports.readme.section import results_section
from benchtui.reports.scores import score_notes
from benchtui.reports.tables import plain_table
from benchtui.results.choose import ChosenRuns
from benchtui.results.health import health_words
from benchtui.results.read import read_run
from benchtui.results.records import RunResults, Setting
from benchtui.runs.answer_health import AnswerFacts, TaskHealth
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from tests.synthetic import Task, ifeval, write_run

CUT = {"answers": 40, "cut": 31, "cut_at": [256, 256], "empty": 1, "looping": 9, "tokens": 9000, "mean_tokens": 225.0}
WELL = {"answers": 40, "cut": 0, "tokens": 1600, "mean_tokens": 40.0, "prompts": 40, "prompts_cut": 0}
LOST = {"prompts": 3, "prompts_cut": 3, "prompt_tokens": 3000, "prompt_tokens_lost": 2310}
CAVEAT = "12 tensors of the file are not used: model.extra."
WORDS = (
    "31 of 40 answers were cut at 256 tokens, so the score does not show what the model can do",
    "1 of 40 answers was empty",
    "9 of 40 answers repeat themselves at the end",
    "12 tensors of the file are not used",
    "answers have 225 tokens on average (Base), 40 (Fine-tuned)",
)


def run(folder: Path, values: Sequence[Any], health: dict[str, Any], caveats: Sequence[str] = (), **task: Any) -> Path:
    block = {"resolved": {"caveats": list(caveats)}, "health": {"ifeval": health}}
    return write_run(folder, {"ifeval": ifeval(list(values), **task)}, block=block)


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    first = run(tmp_path / "benchmarks" / "base", [True, False] * 20, CUT, [CAVEAT])
    second = run(tmp_path / "benchmarks" / "fine-tuned" / "x", [True] * 40, WELL)
    return compare_runs(read_run(first), read_run(second))


def flat(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def test_every_form_says_it(comparison: Comparison) -> None:
    forms = {
        "table": plain_table(comparison, width=100),
        "narrow table": plain_table(comparison, width=80),
        "markdown": comparison_markdown(comparison),
        "html": comparison_html(comparison),
        "README": results_section(comparison.second, comparison.first, comparison),
        "json": comparison_json(comparison),
        "gate": gate(comparison, max_loss=3).reason,
    }
    for name, text in forms.items():
        told = flat(text.replace("! ", ""))
        for words in WORDS:
            assert words in told, (name, words)


def test_numbers_of_both_sides_are_in_the_exports(comparison: Comparison) -> None:
    for row in csv.DictReader(io.StringIO(comparison_csv(comparison))):
        assert (row["first_answers"], row["first_cut"], row["first_looping"]) == ("40", "31", "9")
        assert (row["second_cut"], row["second_mean_tokens"], row["second_prompts_cut"]) == ("0", "40.0", "0")
        assert row["first_prompts_cut"] == "", "unknown is no zero"
    (row, *_) = json.loads(comparison_json(comparison))["rows"]
    assert (row["first_cut"], row["second_cut"], row["first_prompts_cut"]) == (31, 0, None)


def test_benchmark_json_has_it(comparison: Comparison, tmp_path: Path) -> None:
    benchmarks = tmp_path / "benchmarks"
    summary = write_summary(
        tmp_path, ChosenRuns(RunDirectory(benchmarks / "base"), RunDirectory(benchmarks / "fine-tuned" / "x"))
    )
    document = json.loads(summary.path.read_text())
    assert document["base_model"]["caveats"] == [CAVEAT]
    assert document["base_model"]["health"]["ifeval"]["cut"] == 31
    assert document["comparison"]["ifeval"]["base"]["health"]["looping"] == 9
    assert any("31 of 40" in words for words in document["health"])


def test_a_model_by_itself_says_it_too(comparison: Comparison) -> None:
    told = score_notes(comparison.first)
    assert "12 tensors of the file are not used: model.extra" in told
    assert any("31 of 40 answers" in words for words in told)
    assert score_notes(comparison.second) == []
    assert "31 of 40 answers" in results_section(comparison.first, None, None)


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (TaskHealth(choices=9, fingerprint="0a"), True),
        (TaskHealth(answers=9, tokens=600, fingerprint="0a"), True),
        (TaskHealth(answers=9, tokens=18, fingerprint="0a"), False),
        (TaskHealth(choices=9), False),
    ],
    ids=["log-likelihoods", "long texts", "a few words may be the same", "runs of earlier versions"],
)
def test_two_models_that_answer_the_same_are_named(tmp_path: Path, health: TaskHealth, said: bool) -> None:
    sides = []
    for place in ("base", "tuned"):
        built = msgspec.to_builtins(health)
        block = {"health": {"ifeval": built}}
        tasks = {"ifeval": ifeval([True, False] * 20)}
        sides.append(read_run(write_run(tmp_path / place, tasks, block=block, model=f"tiny/{place}")))
    told = [words for words in compare_runs(*sides).warnings if "is the same, to the last digit" in words]
    assert len(told) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [([3.25, 2.5, 4.125], True), ([1.0, 0.0, 1.0], False)],
    ids=["perplexities", "two of three is no coincidence"],
)
def test_the_same_figure_of_two_models_is_remarked(tmp_path: Path, values: list[float], said: bool) -> None:
    sides = []
    for place in ("base", "tuned"):
        task = Task({("score", "none"): values}, higher_is_better=False)
        sides.append(read_run(write_run(tmp_path / place, {"ppl": task}, model=f"tiny/{place}")))
    told = [words for words in compare_runs(*sides).warnings if "the same figure to ten digits" in words]
    assert len(told) == said


def test_a_constant_choice_is_said_wherever_the_score_stands(tmp_path: Path) -> None:
    constant = {"choices": 40, "only_choice": 1}
    first = run(tmp_path / "benchmarks" / "base", [True, False] * 20, constant)
    second = run(tmp_path / "benchmarks" / "fine-tuned" / "x", [True] * 40, WELL)
    comparison = compare_runs(read_run(first), read_run(second))
    forms = (
        plain_table(comparison),
        comparison_markdown(comparison),
        comparison_html(comparison),
        comparison_json(comparison),
        gate(comparison, max_loss=3).reason,
    )
    for text in forms:
        assert "Base: the model prefers choice 2 in all 40 samples" in flat(text.replace("! ", ""))
    line = next(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert (line["first_choices"], line["first_only_choice"], line["second_only_choice"]) == ("40", "1", "")


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert health_words(TaskHealth(answers=40, cut=0, tokens=200, mean_tokens=5.0, prompts=40, prompts_cut=0)) == []
    assert health_words(TaskHealth(choices=29, only_choice=0)) == []
    assert health_words(None) == []


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (TaskHealth(**LOST), "3 of 3 prompts were cut to the window and lost 77 % of their tokens (--max-length)"),
        (
            TaskHealth(prompts=9, prompts_cut=1, prompt_tokens=900, prompt_tokens_lost=3),
            "1 of 9 prompts was cut to the window and lost less than 1 % of its tokens (--max-length)",
        ),
        (TaskHealth(answers=40, cut=1, cut_at=(64, 64)), "1 of 40 answers was cut at 64 tokens"),
        (
            TaskHealth(answers=9, cut=9, cut_at=(64, 1280)),
            (
                "9 of 9 answers were cut at 64 to 1,280 tokens, "
                "so the score does not show what the model can do (--gen-kwargs max_gen_toks=N)"
            ),
        ),
        (TaskHealth(answers=8, unknown=8), "whether 8 answers of 8 were cut is unknown"),
        (TaskHealth(prompts=8, prompts_unknown=1), "whether 1 prompt of 8 were cut is unknown"),
        (
            TaskHealth(choices=30, only_choice=1),
            "the model prefers choice 2 in all 30 samples: its score is that of a constant answer",
        ),
        (
            TaskHealth(choices=40, equal=2),
            "in 2 of 40 samples all choices have the same log-likelihood, so the first one counts as the model's",
        ),
        (
            TaskHealth(loglikelihoods=40, floored=10, floor=-9999.0),
            "10 of 40 log-likelihoods are exactly -9999: a number put where none was given",
        ),
    ],
)
def test_words(health: TaskHealth, words: str) -> None:
    assert health_words(health) == [words]


NAN = float("nan")


@pytest.fixture(params=[NAN, float("inf")], ids=["nan", "infinite"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Comparison, Path]:
    """A base whose perplexity is no number in two of five documents, beside a task that is well."""
    value, well = request.param, {("acc", "none"): [1, 0, 1, 0, 1]}
    sides = []
    for place, values in (("base", [3.0, value, 4.0, value, 2.0]), ("fine-tuned/x", [3.0, 2.0, 4.0, 2.0, 2.0])):
        perplexity = Task({("score", "none"): values}, higher_is_better=False, total=5)
        sides.append(write_run(tmp_path / "benchmarks" / place, {"ppl": perplexity, "well": Task(well)}))
    return compare_runs(read_run(sides[0]), read_run(sides[1])), tmp_path


def strict_json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_task_without_a_number_has_a_row_everywhere(broken: tuple[Comparison, Path]) -> None:
    comparison, _ = broken
    (row,) = [row for row in comparison.headlines if row.task == "ppl"]
    assert row.verdict is not None
    assert row.verdict.kind is Kind.NOT_COMPARABLE
    what = "not a number" if row.first.value != row.first.value else "infinite"
    why = f"the Base score is {what} (2 of 5 samples have no number)"
    assert why in row.verdict.sentence
    for text in (
        plain_table(comparison, width=80),
        comparison_markdown(comparison),
        comparison_html(comparison),
        results_section(comparison.second, comparison.first, comparison),
    ):
        assert what in text
        assert "nan" not in text.replace("not a number", "").lower().split()
    (exported,) = [row for row in strict_json(comparison_json(comparison))["rows"] if row["task"] == "ppl"]
    assert (exported["first"], exported["change"], exported["second"]) == (None, None, 2.6)
    (line,) = [row for row in csv.DictReader(io.StringIO(comparison_csv(comparison))) if row["task"] == "ppl"]
    assert line["first"] == ("NaN" if what == "not a number" else "inf")
    assert "acc" in plain_table(comparison), "the task beside it is judged as ever"
    assert gate(comparison, max_loss=3).outcome is Outcome.INCONCLUSIVE


def test_benchmark_json_stays_json_and_home_shows_the_task(broken: tuple[Comparison, Path]) -> None:
    _, folder = broken
    base, tuned = folder / "benchmarks" / "base", folder / "benchmarks" / "fine-tuned" / "x"
    for first, second in ((base, tuned), (tuned, base)):
        summary = write_summary(folder, ChosenRuns(RunDirectory(first), RunDirectory(second)))
        document = strict_json(summary.path.read_text())
        assert document["comparison"]["ppl"]["delta"] is None
        last = last_benchmark(folder)
        assert last is not None
        (headline,) = [found for found in last.headlines if found.task == "ppl"]
        assert headline.change is None
        assert headline.verdict is Kind.NOT_COMPARABLE


def test_what_is_no_number_is_neither_published_nor_ranked(broken: tuple[Comparison, Path]) -> None:
    comparison, _ = broken
    assert [result.metric_type for result in eval_results(comparison.first)] == ["acc"]
    (told,) = score_notes(comparison.first)
    assert "2 of 5 samples have no number" in told
    for results, base in ((comparison.second, comparison.first), (comparison.first, comparison.second)):
        outcome = next(found for found in outcomes_of(results, base) if found.task == "ppl")
        assert outcome.change is None
        assert "not a number" in outcome.not_comparable


def test_a_group_names_its_task_that_has_no_number(tmp_path: Path) -> None:
    sides = []
    for place, value in (("base", 1.0), ("tuned", NAN)):
        tasks = {"a": Task({("acc", "none"): [1.0, value]}), "b": Task({("acc", "none"): [1.0, 0.0]})}
        sides.append(read_run(write_run(tmp_path / place, tasks, groups={"both": ["a", "b"]})))
    comparison = compare_runs(*sides)
    (row,) = comparison.headlines
    assert row.verdict is not None
    assert "the tiny/model (tuned) score is not a number (as that of a)" in row.verdict.sentence
    assert [part.task for part in comparison.rows if part.level == "part"] == ["a", "b"]


def with_prompts(folder: Path, name: str, tokens: int | None, **other: Any) -> RunResults:
    health = {"answers": 40, "prompts": 40, "prompts_cut": 0, "all_prompt_tokens": tokens, **other}
    return read_run(run(folder / name, [True] * 40, health))


def test_the_same_prompts_in_other_tokens_are_said(tmp_path: Path) -> None:
    first, same = (with_prompts(tmp_path, name, 4_000) for name in ("first", "same"))
    more, bos = with_prompts(tmp_path, "more", 4_107), with_prompts(tmp_path, "bos", 4_040)
    unknown = with_prompts(tmp_path, "unknown", None)
    some = with_prompts(tmp_path, "some", 3_900, prompts_unknown=1)

    def told(second: RunResults) -> list[str]:
        compared = compare_runs(first, second, names=("folder", "GGUF"))
        return [words for words in health_notes(compared) if "tokens" in words]

    said = "the same 40 prompts have 4,000 tokens (folder), "
    assert [words.split(": ", 1)[1] for words in told(more)] == [f"{said}4,107 (GGUF): they are tokenised differently"]
    assert [words.split(": ", 1)[1] for words in told(bos)] == [
        f"{said}4,040 (GGUF), one more for each: they are tokenised differently"
    ]
    assert told(same) == told(unknown) == told(some) == []


def test_samples_that_are_tokenised_differently_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    """By the journals of a folder and of a GGUF file: the same number of tokens, others at the beginning."""
    first, second = (with_prompts(tmp_path, name, 4_000) for name in ("folder", "gguf"))
    first, second = (
        msgspec.structs.replace(results, settings=(Setting("backend", backend), *results.settings))
        for results, backend in ((first, "hf"), (second, "gguf"))
    )
    (task,) = {score.task for score in first.scores}
    for results, shift in ((first, 0), (second, 100)):
        place = RunDirectory(results.run).journal
        place.parent.mkdir(exist_ok=True)
        with Journal(place) as journal:
            for doc_id in range(40):
                ids = (1, 50 + shift) if doc_id in (7, 9) else (1, 50)
                key, facts = RequestKey(task, doc_id, 0), AnswerFacts(100, 0, first=ids)
                asked = "another text" if doc_id == 3 and shift else "digest"
                journal.record(key, asked, [-1.0, True], facts if doc_id != 5 else AnswerFacts(100, 0))

    def told(other: RunResults) -> list[str]:
        compared = compare_runs(first, other, names=("folder", "GGUF"))
        return [words for words in health_notes(compared) if "tokenised" in words]

    (words,) = told(second)
    assert words.endswith(
        "2 of 38 samples are tokenised differently; first: sample 7, 100 tokens from 1 50 (folder), 100 tokens from "
        "1 150 (GGUF)"
    )
    assert told(msgspec.structs.replace(second, run=first.run)) == [], "the same tokens"
    assert told(msgspec.structs.replace(second, settings=first.settings)) == [], "one backend, the same counts"
