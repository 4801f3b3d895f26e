"""Shows the quantisations of a model beside their parent: sizes, scores, perplexities, speed, and what changes by
itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.differing_answers import DifferingAnswers
from benchtui.compare.quantizations import PerplexityRatio, Quantization, Quantizations, TaskChange, Weights
from benchtui.compare.records import Kind
from benchtui.compare.speed import tokens_per_second
from benchtui.compare.wording import between, p_number
from benchtui.reports.tokens.files_of_a_model import tokens_parts
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import change_number, score_words
from benchtui.reports.wording.quantizations import (
    conclusion,
    differing_words,
    legend,
    mib_words,
    noise_words,
    notes,
)
from benchtui.reports.wording.verdicts import SHORT_WORDS
from benchtui.results.records import RunResults
from benchtui.text import json_text, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

QUANTIZATIONS_FILE = "quantizations.json"
"""Beside benchmark.json."""

_MIB = 1 << 20


def quantizations_view(found: Quantizations, *, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Return the tables with their sentences, to be printed by rich in 80 columns or more."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_files_table(found), Text(""), _changes_table(found, glyphs)]
    if any(each.tokens for each in found.found):
        parts += [Text(""), *tokens_parts(found, glyphs)]
    if (speeds := _speed_table(found)) is not None:
        parts += [Text(""), speeds]
    parts.append(Text(""))
    parts += [Text(printable(line), style="bold") for line in conclusion(found)]
    parts += [Text(printable(line)) for line in noise_words(found)]
    parts += [Text(printable(f"! {note}."), style="yellow") for note in notes(found)]
    parts += [Text(""), Text(printable(legend(found)), style="dim")]
    return Group(*parts)


def print_quantizations(found: Quantizations, console: Console) -> None:
    """Print them on a terminal, a pipe or a file, with the signs that it has."""
    from benchtui.reports.wording.glyphs import glyphs_for

    console.print(quantizations_view(found, glyphs=glyphs_for(console.encoding)))


def plain_quantizations(found: Quantizations, width: int = 80) -> str:
    """Return the same as text without colour; ends in a newline."""
    from rich.console import Console

    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False).print(
        quantizations_view(found)
    )
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


# Tables.


def _files_table(found: Quantizations) -> Table:
    table = _table("File", "MiB", "Bits/weight", "Other texts", "Other choices", "")
    rows = [(found.parent, found.noise, "parent"), *((e.weights, e.answers, _verdict(e)) for e in found.found)]
    for weights, answers, word in rows:
        table.add_row(*_texts(weights.label, mib_words(weights), _bits(weights), *_others(answers), word))
    return table


def _others(answers: DifferingAnswers | None) -> tuple[str, str]:
    if answers is None:
        return "", ""
    return (
        differing_words(answers.other_texts, answers.texts),
        differing_words(answers.other_choices, answers.choices),
    )


def _verdict(each: Quantization) -> str:
    worse = sum(change.worse for change in each.changes)
    if worse:
        return f"worse in {worse} of {len(each.changes)}"
    return "not shown worse" if any(change.p is not None for change in each.changes) else "not tested"


def _changes_table(found: Quantizations, glyphs: Glyphs) -> Table:
    table = _table(
        "Benchmark", "File", "Score", "Change (95 % CI)", "p", "n", "Verdict", left=("File", "Change (95 % CI)")
    )
    tasks = list(dict.fromkeys(change.row.task for each in found.found for change in each.changes))
    for task in tasks:
        rows = [(each, change) for each in found.found for change in each.changes if change.row.task == task]
        first = rows[0][1].row
        parent = score_words(first.first.value, is_share=first.is_share, digits=1)
        table.add_row(*_texts(first.title, found.parent.label, parent, "", "", str(first.first.n), ""))
        for each, change in rows:
            score = score_words(change.row.second.value, is_share=change.row.is_share, digits=1)
            p = "" if change.p is None else p_number(change.p)
            n = str(change.row.difference.n) if change.row.difference else "0"
            table.add_row(*_texts("", each.weights.label, score, change_cell(change, glyphs), p, n, _shown(change)))
    return table


def change_cell(change: TaskChange, glyphs: Glyphs = UNICODE) -> str:
    """ "-4.0 (-7.1 to -0.9)" in points; "× 1.023 (1.018 to 1.028)" for a perplexity."""
    if change.perplexity is not None:
        return ratio_words(change.perplexity, glyphs)
    row = change.row
    size = change_number(row.change, is_share=row.is_share, digits=1)
    if not size:
        return ""
    ends = f" ({between(row.interval, is_share=row.is_share)})" if row.interval is not None else ""
    return f"{size}{ends}".replace("−", "-").replace("-", "−" if glyphs is UNICODE else "-")


def ratio_words(ratio: PerplexityRatio, glyphs: Glyphs = UNICODE) -> str:
    ends = f" ({ratio.interval.low:.4f} to {ratio.interval.high:.4f})" if ratio.interval is not None else ""
    return f"{'×' if glyphs is UNICODE else 'x'} {ratio.value:.4f}{ends}"


def _shown(change: TaskChange) -> str:
    if change.worse or change.better:
        return "worse" if change.worse else "better"
    return "not tested" if change.p is None else SHORT_WORDS[Kind.NO_DIFFERENCE]


def _speed_table(found: Quantizations) -> Table | None:
    sides = [(found.parent, found.results), *((each.weights, each.comparison.second) for each in found.found)]
    if not any(results.speed and (results.speed.prefill or results.speed.decode) for _, results in sides):
        return None
    table = _table("Speed here", "Reads (tokens/s)", "Writes (tokens/s)", "Memory (MiB)")
    for weights, results in sides:
        table.add_row(*_texts(weights.label, *_speeds(results)))
    return table


def _speeds(results: RunResults) -> tuple[str, str, str]:
    speed = results.speed
    if speed is None:
        return "", "", ""
    rates = [
        tokens_per_second(rate).replace(" tokens/s", "") if rate else "-" for rate in (speed.prefill, speed.decode)
    ]
    return rates[0], rates[1], f"{speed.memory / _MIB:,.0f}" if speed.memory else "-"


def _table(*columns: str, left: tuple[str, ...] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        last = number == len(columns) - 1 and name in ("", "Verdict")
        plain = number == 0 or name in left or last
        table.add_column(name, justify="left" if plain else "right", overflow="fold", no_wrap=number > 0)
    return table


def _texts(*cells: str) -> list[RenderableType]:
    from rich.text import Text

    return [Text(one_line(cell, 60)) for cell in cells]


def _bits(weights: Weights) -> str:
    return f"{weights.bits:.2f}" if weights.bits is not None else "-"


# JSON.


def quantizations_json(found: Quantizations) -> str:
    """Return everything as one JSON object; shares from 0 to 1, sizes in bytes; ends in a newline."""
    smallest, by_score = found.smallest, found.smallest_by_score
    document = {
        "schema_version": 1,
        "parent": {
            **msgspec.to_builtins(found.parent),
            "run": str(found.results.run),
            "speed": msgspec.to_builtins(found.results.speed),
        },
        "noise": msgspec.to_builtins(found.noise),
        "noise_perplexity": {task: msgspec.to_builtins(ratio) for task, ratio in found.noise_perplexity},
        "tests": found.tests,
        "smallest_not_shown_worse": smallest.weights.label if smallest else None,
        "smallest_not_shown_worse_by_score": by_score.weights.label if by_score else None,
        "conclusion": list(conclusion(found)),
        "notes": notes(found),
        "missing": list(found.missing),
        "quantizations": [_quantization(each) for each in found.found],
    }
    return json_text(document)


def _quantization(each: Quantization) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(each.weights),
        "run": str(each.comparison.second.run),
        "speed": msgspec.to_builtins(each.comparison.second.speed),
        "smaller_but_slower": each.slower,
        "answers": msgspec.to_builtins(each.answers),
        "tokens": msgspec.to_builtins(each.tokens),
        "shown_worse": each.worse,
        "losses_excluded_over": each.excluded,
        "tasks": [_change(change) for change in each.changes],
    }


def _change(change: TaskChange) -> dict[str, Any]:
    row = change.row
    return {
        "task": row.task,
        "metric": row.key,
        "parent": row.first.value,
        "score": row.second.value,
        "change": row.change,
        "interval": msgspec.to_builtins(row.interval),
        "n": row.difference.n if row.difference else 0,
        "p_holm": change.p,
        "shown_worse": change.worse,
        "shown_better": change.better,
        "losses_excluded_over": change.excluded,
        "perplexity_ratio": msgspec.to_builtins(change.perplexity),
        "verdict": row.verdict.sentence if row.verdict and row.tested is None else None,
    }
