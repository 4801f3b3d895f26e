"""Writes the "Benchmark Results" section of a README. Every value comes from a run's files; unknown values are left
out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from benchtui.compare.records import Comparison, Row
from benchtui.compare.titles import title_of
from benchtui.reports.markdown import comparison_rows, escape, table
from benchtui.reports.readme.published import published, published_command
from benchtui.reports.scores import score_metric, score_notes, score_populations, score_sides
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.notes import notes, p_note, populations
from benchtui.reports.wording.numbers import score_words
from benchtui.reports.wording.repeats import is_step, repeat_lines, repeats_of
from benchtui.reports.wording.scores import (
    METRIC_WORDS,
    NEW_TASKS,
    change_words,
    difference_interval,
    interval_words,
    label,
    metric_words,
    n_words,
    new_tasks_words,
    p_cell,
    row_n,
)
from benchtui.reports.wording.speed import speed_words
from benchtui.reports.wording.two_models import two_model_words
from benchtui.results.records import RunResults
from benchtui.tasks.words import task_words
from benchtui.text import one_line, printable

_IFEVAL = tuple(METRIC_WORDS)


def results_section(tuned: RunResults, base: RunResults | None, comparison: Comparison | None) -> str:
    """Return Markdown, lines end with \\n: comparison, IFEval's four metrics, the other benchmarks, how it was
    measured. Without a comparison the fine-tuned model's own scores."""
    parts = list(_compared(comparison)) if comparison is not None else [_scores(tuned)]
    return "\n\n".join(["## Benchmark Results", *parts, *_measured(tuned, base, comparison)])


def _compared(comparison: Comparison) -> Iterator[str]:
    yield f"**{escape(comparison.sentence, 1000)}**"
    yield comparison_rows(comparison, list(comparison.headlines))
    instructions = [task for task in _tasks(comparison) if _ifeval(comparison, task)]
    for task in instructions:
        name = "IFEval (Instruction Following)" if task == "ifeval" else escape(title_of(task, comparison.second))
        yield f"### {name}\n\n{_ifeval_table(comparison, _ifeval(comparison, task))}"
    others = [row for row in comparison.rows if row.task not in instructions and row.depth <= 1 and not is_step(row)]
    if others:
        yield f"### Other Benchmarks\n\n{_others(comparison, others)}"
    verdicts = [
        f"- {escape(r.title)}: {escape(published(r.verdict.sentence), 1000)}" for r in comparison.headlines if r.verdict
    ]
    yield "### Summary\n\n" + "\n".join(verdicts)


def _tasks(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(row.task for row in comparison.headlines))


def _ifeval(comparison: Comparison, task: str) -> list[Row]:
    """Return IFEval's four metrics in their usual order, for a task that reports them all; else nothing."""
    by_metric = {row.metric: row for row in comparison.rows if row.task == task and row.level != "part"}
    return [by_metric[name] for name in _IFEVAL] if all(name in by_metric for name in _IFEVAL) else []


def _ifeval_table(comparison: Comparison, rows: Sequence[Row]) -> str:
    header = ["", *(METRIC_WORDS[row.metric] for row in rows)]
    lines = [
        [escape(comparison.first_name), *(score_words(row.first.value, is_share=True) for row in rows)],
        [escape(comparison.second_name), *(score_words(row.second.value, is_share=True) for row in rows)],
        ["Δ", *(change_words(row) for row in rows)],
    ]
    return table(header, lines, "lrrrr") + _incomplete(comparison, rows[0])


def _incomplete(comparison: Comparison, row: Row) -> str:
    """Return a line below a table without a column for n, where a score is not over all samples."""
    sides = (comparison.first_name, row.first), (comparison.second_name, row.second)
    part = [f"{escape(name)} {side.n:,} of {side.total:,}" for name, side in sides if side.n < side.total]
    return f"\n\nNot over all samples: {', '.join(part)}." if part else ""


def _others(comparison: Comparison, rows: Sequence[Row]) -> str:
    header = ["Benchmark", "What it tests", "Metric", "Base", "Fine-tuned", "Improvement", "n"]
    lines = [
        [
            "&nbsp;&nbsp;" * row.depth + ("" if row.level == "detail" else escape(label(row, comparison))),
            "" if row.level == "detail" else escape(task_words(row.task)),
            escape(metric_words(row)),
            score_words(row.first.value, is_share=row.is_share),
            score_words(row.second.value, is_share=row.is_share),
            change_words(row, UNICODE),
            row_n(row).replace("|", "\\|"),
        ]
        for row in rows
    ]
    return table(header, lines, "lllrrlr")


def _scores(results: RunResults) -> str:
    lines = [
        [
            escape(title_of(score.task, results)),
            escape(task_words(score.task)),
            escape(score_metric(score, shown.answers)),
            score_words(score.value, is_share=score.is_share),
            interval_words(shown, is_share=score.is_share),
            n_words(shown) + (" (partial)" if shown.partial else ""),
        ]
        for score, shown in score_sides(results)
    ]
    return table(["Benchmark", "What it tests", "Metric", "Score", "95 % CI", "n"], lines, "lllrrr")


def _measured(tuned: RunResults, base: RunResults | None, comparison: Comparison | None) -> Iterator[str]:
    lines = [f"- Evaluated: {tuned.created:%Y-%m-%d %H:%M}, {_tools(tuned)}"]
    sides = [(name, run) for name, run in (("Base", base), ("Fine-tuned", tuned)) if run is not None]
    for name, run in sides:
        lines.append(f"- {name}: {escape(published(one_line(run.model_name)))}{_form(run)}")
    lines += [f"- {escape(published(words), 400)}" for _, run in sides for words in two_model_words(run)]
    lines += [f"- Speed of {name}: {escape(words, 400)}" for name, run in sides if (words := speed_words(run))]
    repeats = repeat_lines(comparison) if comparison is not None else repeats_of(tuned)
    lines += [f"- {escape(words, 400)}" for words in repeats]
    lines += [f"- {name}: {escape(published(value))}" for name, value in _settings(tuned)]
    lines += [f"- {escape(title_of(task, tuned))}: {facts}" for task, facts in _tasks_facts(tuned)]
    if comparison is not None:
        lines += [f"- Note: {escape(published(note), 400)}" for note in notes(comparison)]
        lines += [f"- {words}" for words in _statistics(comparison)]
    else:
        lines += [f"- Note: {escape(published(note), 400)}" for note in score_notes(tuned)]
        lines += [f"- {escape(score_populations(tuned), 1000)}"]
    yield "### How this was measured\n\n" + "\n".join(lines)
    command = _command(tuned)
    if command:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", command)), default=0))
        yield f"{fence}bash\n{command}\n{fence}"


def _statistics(comparison: Comparison) -> Iterator[str]:
    """Return what the intervals and p-values of the table are, as far as it shows any: a task decided early has
    no p."""
    if any(p_cell(row) for row in comparison.headlines):
        corrected = p_note(comparison, comparison.headlines)
        yield f"Intervals and p-values are of the paired difference, sample by sample. {corrected}".rstrip()
    elif any(difference_interval(row) for row in comparison.headlines):
        yield "Intervals are of the paired difference, sample by sample."
    if comparison.second.role == "fine-tuned":
        yield (
            "One trained model is one draw of its training recipe: this says which model is better, not that the "
            "recipe helps, which takes several seeds."
        )
    if told := populations(comparison):
        yield told
    for row in comparison.headlines:
        if words := new_tasks_words(row):
            yield f"{escape(row.title)}. {NEW_TASKS}: {escape(words)}"


def _command(results: RunResults) -> str:
    """Return the command that was typed, else the first of lm-eval's commands that do the same."""
    if results.command:
        return published_command([printable(part) for part in results.command])
    script = printable(results.equivalent_command)
    while script.startswith("#"):  # its head: what follows may hold lines that begin so, inside quotes
        script = script.partition("\n")[2]
    try:
        words = shlex.split(script)
    except ValueError:  # somebody else's file
        return ""
    starts = [place for place in range(len(words)) if words[place : place + 2] == ["lm_eval", "run"]]
    if not starts or "--config" in words:  # with a file beside it, which a page does not have
        return ""
    return published_command(words[starts[0] : starts[1] if len(starts) > 1 else None])


def _tools(results: RunResults) -> str:
    tools = [
        f"{name} {version}"
        for name, version in (
            ("lm-eval", results.lm_eval_version),
            ("benchtui", results.benchtui_version),
            ("transformers", results.transformers_version),
        )
        if version
    ]
    return escape("with " + ", ".join(tools)) if tools else "with lm-eval"


def _form(run: RunResults) -> str:
    """Return the format and precision that were evaluated, as far as files say."""
    parts = [run.format if run.format and run.format != "hub" else "", run.setting("dtype") or ""]
    told = [escape(part) for part in parts if part and part != "not set"]
    return f" ({', '.join(told)})" if told else ""


def _settings(results: RunResults) -> Iterator[tuple[str, str]]:
    for name, words in (("chat template", "Chat template"), ("system instruction", "System instruction")):
        value = results.setting(name)
        if name == "chat template" and value is not None:
            yield words, "not applied" if value == "none" else "applied"
        elif value not in (None, "not set"):
            yield words, str(value)


def _tasks_facts(results: RunResults) -> Iterator[tuple[str, str]]:
    """Return for each top-level task its shots, its number of documents, its version, and the file they come from."""
    for name in results.top_level:
        group = results.group(name)
        first = results.task(group.leaves[0] if group and group.leaves else name)
        if first is None:
            continue
        scored = results.scores_of(name)
        n = (
            f"n = {scored[0].n}" + ("" if scored[0].n >= scored[0].total else f" of {scored[0].total}")
            if scored
            else ""
        )
        shots = f"{first.shots}-shot" if first.shots is not None else ""
        version = f"task version {first.version}" if first.version else ""
        named = results.origins.get(name, "")
        origin = f"documents of {escape(one_line(published(named), 100))}" if named else ""
        yield name, ", ".join(part for part in (shots, n, version, origin) if part)
