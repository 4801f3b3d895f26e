"""Words for the quantisations of a model: which is the smallest that is good enough, how much the parent changes by
itself, and what else has to be known."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.health import run_health
from benchtui.compare.quantizations import Quantization, Quantizations, Weights
from benchtui.reports.wording.notes import run_notes
from benchtui.text import one_line

_KNOWN = ("Runs differ in dtype", "Runs differ in quantization")
"""What all of them differ in, and the table tells."""


def conclusion(found: Quantizations) -> Iterator[str]:
    """Yield which file is the smallest that is not shown to be worse, and what loss is excluded for it."""
    parent = found.parent.label
    smallest, by_score = found.smallest, found.smallest_by_score
    if smallest is not None:
        files = "file of those evaluated that is" if found.missing else "file"
        yield f"Smallest {files} not shown to be worse than {parent}: {_sized(smallest)}. {_limit(smallest)}"
    elif any(change.p is not None for each in found.found for change in each.changes):
        yield f"Every file that was tested is shown to be worse than {parent} in some task."
    else:
        yield "These samples can show nothing: ask more of them (--limit)."
    if by_score is not None and by_score != smallest:
        yield f"By the scores alone, without perplexity: {_sized(by_score)}. {_limit(by_score)}"


def _sized(each: Quantization) -> str:
    return f"{each.weights.label} ({mib_words(each.weights)} MiB)"


def _limit(each: Quantization) -> str:
    if not any(change.row.is_share for change in each.changes):
        return "Not shown to be worse does not mean equal."
    if each.excluded is None:
        return "Not shown to be worse does not mean equal: these samples exclude no loss of score."
    points = f"{100 * each.excluded:.1f}"
    return f"Not shown to be worse does not mean equal: only losses over {points} points are excluded."


def noise_words(found: Quantizations) -> Iterator[str]:
    """Yield how much the parent's own second run differs from its first."""
    if found.noise is None:
        yield "Noise floor: not measured, the parent ran once."
        return
    said = [
        f"{differing_words(other, n)} {what}"
        for other, n, what in (
            (found.noise.other_texts, found.noise.texts, "texts"),
            (found.noise.other_choices, found.noise.choices, "choices"),
            (found.noise.other_values, found.noise.values, "log-likelihoods"),
        )
        if n
    ]
    ratios = [
        f"perplexity of {one_line(task, 60)} {ratio.value:.4f} times the first"
        for task, ratio in found.noise_perplexity
    ]
    yield f"Noise floor: {found.parent.label} asked twice differs in {', '.join((*said, *ratios)) or 'nothing asked'}."


def differing_words(others: int, asked: int) -> str:
    """ "3 of 200"; "-" where nothing was asked."""
    return f"{others:,} of {asked:,}" if asked else "-"


def notes(found: Quantizations) -> list[str]:
    """Return what else has to be known, each a sentence without a full stop, once."""
    told: dict[str, list[str]] = {words: [] for words in found.remarks}
    told |= {f"{name} left no results and is not in the table": [] for name in found.missing}
    for words in run_health(found.results):
        told.setdefault(words, []).append(found.parent.label)
    for each in found.found:
        label = each.weights.label
        words_of_runs = [w for w in run_notes(each.comparison) if not w.startswith(_KNOWN) and w != each.slower]
        for words in (*words_of_runs, *run_health(each.comparison.second)):
            told.setdefault(words, []).extend([] if label in words else [label])
        if each.slower:
            told[each.slower] = []
    return [one_line(f"{', '.join(labels)}: {words}" if labels else words, 400) for words, labels in told.items()]


def legend(found: Quantizations) -> str:
    """Return what the numbers are."""
    tests = f"over all {found.tests} tests" if found.tests > 1 else "for this one test"
    said = [f"Changes in points against the parent, paired by sample, each with its 95 % interval; p by Holm {tests}."]
    if any(change.perplexity for each in found.found for change in each.changes):
        said.append(
            "Of a perplexity the change is its ratio to the parent's (with fewer than 200 samples by Student's t)."
        )
    said.append("Other texts and choices: those that are not the parent's.")
    return " ".join(said)


def mib_words(weights: Weights) -> str:
    """Return the size in MiB: "1,234"; "3.21" where it is small."""
    size = weights.bytes / (1 << 20)
    return f"{size:,.0f}" if size >= 10 else f"{size:.2f}"
