"""The figures in the sentences of README.md and BENCHMARKING.md: each computed by the code, or taken from the record of
a measurement (measured.json, which says the command and the day).

A sentence is written here with `{name}` in place of each figure. Line breaks do not matter.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchtui.compare.differences.pairing import MAX_UNPAIRED
from benchtui.compare.verdicts import verdicts
from benchtui.compare.verdicts.margins import Margins
from benchtui.evidence.matched_pairs import fewest_unchanged
from benchtui.evidence.means import FEWEST_WITHOUT_SCALE
from benchtui.evidence.power import detectable_share
from benchtui.evidence.records import ALPHA, FINAL_ALPHA
from benchtui.evidence.sequential import DOCUMENTS_A_LOOK, DOCUMENTS_A_STRATUM
from benchtui.evidence.shares import wilson
from benchtui.evidence.typical_values import centre_interval
from benchtui.models import identity
from benchtui.supervise import watchdog
from benchtui.tasks.words import PLAIN_WORDS
from tests.evidence.simulation_groups import MMLU

ROOT = Path(__file__).resolve().parents[2]
README, GUIDE = "README.md", "BENCHMARKING.md"
FIGURE = r"[−+±]?\d[\d,.]*\d|[−+±]?\d"
Figures = Mapping[str, object]


@functools.cache
def measured() -> dict[str, Any]:
    """What was measured, by the name of the measurement."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "measured.json").read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Sentence:
    """Part of a sentence in `file`, and the figures that belong in it."""

    file: str
    words: str
    figures: Callable[[], Figures]

    def text(self) -> str:
        """The words with their figures, as the guide should have them but for line breaks."""
        return self.words.format(**self.figures())

    def pattern(self) -> re.Pattern[str]:
        """Matches the words with whatever figures and line breaks."""
        parts = re.split(r"\{\w+\}", self.words)
        return re.compile(f"({FIGURE})".join(_breakable(part) for part in parts))


def _breakable(part: str) -> str:
    return re.sub(r"(\\ )+", r"\\s+", re.escape(part))


def _downloads() -> Figures:
    found = measured()["downloads"]
    torch, others = found["cuda_gb"]
    return {"all": f"{torch + others:.1f}", "torch": torch, "others": others}


def _speed() -> Figures:
    rows = {row["requests"].split()[0].rstrip(","): row for row in measured()["engine"]["rows"]}
    faster = {name.lower(): row["faster"][0] for name, row in rows.items() if "faster" in row}
    return {**faster, "mmlu": f"{faster['mmlu']:.0f}"}


def _startup() -> Figures:
    found = measured()["startup"]
    return {**found, "all": f"{found['imports'] + found['weights'] + found['rest']:.0f}"}


def _suites() -> Figures:
    found = measured()["suites"]
    minutes = found["minutes"]
    core = minutes["ifeval"] + minutes["gsm8k"] + minutes["hellaswag"]
    return {**minutes, "quick": minutes["ifeval"], "core": core, "full": core + minutes["mmlu"],
            "processor": found["processor_minutes"]}  # fmt: skip


def _bands() -> Figures:
    gains = [f"{least:g}" for least, _ in verdicts._GAINS]
    return {"excellent": gains[0], "good": gains[1], "marginal": gains[2], "loss": f"{verdicts._LOSS:g}",
            "forgetting": f"{verdicts._FORGETTING:g}"}  # fmt: skip


def _identity() -> Figures:
    return {
        "small": identity.SMALL_WEIGHTS >> 20,
        "tensor": identity._TENSOR_BYTES >> 10,
        "blocks": identity._SPREAD_BLOCKS,
        "block": identity._SPREAD_BYTES >> 10,
    }


def _one_of_four() -> Figures:
    n = PLAIN_WORDS["ifeval"].documents
    return {name: f"{100 * (detectable_share(n, 0.2, ALPHA / tests) or 0):.1f}" for name, tests in
            (("alone", 1), ("one", 4))}  # fmt: skip


def _fewest_tasks(alpha: float) -> int:
    """With how many tasks, all of which gained, a gain of new tasks is shown by a test at `alpha`."""
    return next(tasks for tasks in range(2, 99) if centre_interval(np.ones(tasks), alpha) is not None)


def _wilson() -> Figures:
    """How often Wilson's interval at 95 % holds a true score that may be any between 0 and 1 alike, in percent."""
    from scipy.special import betainc

    n = PLAIN_WORDS["ifeval"].documents
    ends = [(k, wilson(k, n)) for k in range(n + 1)]
    held = [betainc(k + 1, n - k + 1, at.high) - betainc(k + 1, n - k + 1, at.low) for k, at in ends]
    return {"average": f"{100 * sum(held) / (n + 1):.1f}", "n": n}


def _spared() -> Figures:
    return {f"of{loss}": fewest_unchanged(loss / 100) for loss in (1, 3, 5)}


def _looking() -> Figures:
    return measured()["looking"]


def _overlap() -> Figures:
    found = measured()["overlap"]
    speeds = found["speed"].values()
    return {
        "documents": f"{found['documents']:,}",
        "megabytes": found["megabytes"],
        "memory": max(found["peak"].values()),
        "least": f"{min(speeds):.0f}",
        "most": f"{max(speeds):.0f}",
    }


def _workers() -> Figures:
    found = measured()["workers"]
    figures: dict[str, Any] = {"shared": found["demo_knowledge"]["shared_percent"]}
    figures["at_once"] = found["two_runs_at_once"]["faster"]
    for short, task in (("real", "hellaswag"), ("texts", "demo_instructions"), ("alike", "demo_knowledge")):
        one = found[task]
        figures |= {f"{short}_documents": f"{one['documents']:,}", f"{short}_faster": one["faster"]}
        figures[f"{short}_processor"] = one["processor"]
    return figures


def _scale() -> Figures:
    found = measured()["scale"]["instant"]
    return {"documents": f"{found['documents']:,}", "memory": found["driver_mb"], "each": found["driver_ms"]}


SENTENCES = (
    Sentence(
        GUIDE,
        "in float32: two workers answer {real_faster} times as many samples a second as one, with {real_processor} "
        "times its processor time beside starting, on {real_documents} samples of HellaSwag; {texts_faster} and "
        "{texts_processor} on {texts_documents} texts of the demo's instructions; {alike_faster} and "
        "{alike_processor} on {alike_documents} of its questions, which are all alike: one worker reads the beginnings "
        "that {shared} % of their tokens are in once, two read them twice. Two runs that know nothing of each other, "
        "at the same time, do {at_once} times the work of one",
        _workers,
    ),
    Sentence(
        GUIDE,
        "{documents} samples on eight workers that answer at once took the supervisor {memory} MB and {each} ms of",
        _scale,
    ),
    Sentence(
        README, "a whole run shows in {whole} % of cases is shown in {watched} % by one that may stop early", _looking
    ),
    Sentence(
        GUIDE,
        "IFEval shows in {whole} % of cases, at 20 % change, is shown in {watched} % by one that may stop",
        _looking,
    ),
    Sentence(GUIDE, "{of1} samples show a loss of less than 1 point, {of3} one of less than 3, and {of5} one", _spared),
    Sentence(
        GUIDE,
        "*no loss over {loss} points: shown* (`--max-loss` sets another limit), and *no relevant difference*, within "
        "{difference} points either way",
        lambda: {"loss": f"{Margins().loss:g}", "difference": f"{Margins().difference:g}"},
    ),
    Sentence(
        GUIDE,
        "are Wilson's, which hold the true one in {average} % of cases, on average over all that it may be (n = {n})",
        _wilson,
    ),
    Sentence(GUIDE, "with at most a {alpha} % risk of passing", lambda: {"alpha": f"{100 * ALPHA:g}"}),
    Sentence(README, "about {all} GB to download (2.13.0: {torch} GB itself, {others} GB of NVIDIA's", _downloads),
    Sentence(README, "**first**, about {cpu_mb} MB, as", lambda: measured()["downloads"]),
    Sentence(README, "then takes about {environment_gb} GB on disk", lambda: measured()["downloads"]),
    Sentence(README, "told every {every} s; at the end", lambda: {"every": f"{watchdog.REMIND_EVERY:g}"}),
    Sentence(
        README, "{mmlu}× on MMLU 5-shot, {hellaswag}× on HellaSwag, {gsm8k}× on GSM8K and {ifeval}× on IFEval", _speed
    ),
    Sentence(
        GUIDE,
        "IFEval took {ifeval} minutes, GSM8K {gsm8k}, HellaSwag {hellaswag} and MMLU {mmlu}: `quick` {quick}, "
        "`core` {core} and `full` {full} minutes, {processor} minutes of processor time",
        _suites,
    ),
    Sentence(GUIDE, "AMD EPYC ({gflops} GFLOP/s in", lambda: measured()["engine"]),
    Sentence(
        GUIDE,
        "GSM8K gains least, {least}×",
        lambda: {"least": min(min(row["faster"]) for row in measured()["engine"]["rows"] if "faster" in row)},
    ),
    Sentence(GUIDE, "the worker needs {all} s on the same machine, {ratio} of what `lm_eval run` needs", _startup),
    Sentence(
        GUIDE,
        "{imports} s to import tasks and data, {weights} s for PyTorch, weights and tokenizer, {rest} s for all "
        "else; {leaving} s from the last answer",
        _startup,
    ),
    Sentence(GUIDE, "from 40 to 60 is +{relative} %", lambda: {"relative": round(100 * (60 - 40) / 40)}),
    Sentence(
        GUIDE,
        "gains of {excellent} points and more are *excellent*, {good} *good*, {marginal} *marginal*, less *weak*; "
        "losses below {loss} points are *acceptable*, from {loss} to {forgetting} a *loss*",
        _bands,
    ),
    Sentence(GUIDE, "its own {subjects} subjects, with other questions", lambda: {"subjects": len(MMLU)}),
    Sentence(
        GUIDE,
        "That takes at least {fewest} tasks ({watched} after a run that might have stopped early",
        lambda: {"fewest": _fewest_tasks(ALPHA), "watched": _fewest_tasks(FINAL_ALPHA)},
    ),
    Sentence(
        GUIDE, "more than {most} % of the samples could not be paired", lambda: {"most": f"{100 * MAX_UNPAIRED:g}"}
    ),
    Sentence(
        GUIDE,
        "take at least {alone} samples",
        lambda: {"alone": FEWEST_WITHOUT_SCALE},
    ),
    Sentence(GUIDE, "with a {alpha} % risk of seeing one", lambda: {"alpha": f"{100 * ALPHA:g}"}),
    Sentence(
        GUIDE,
        "is judged at {final} % instead of {alpha} %",
        lambda: {"final": f"{100 * FINAL_ALPHA:g}", "alpha": f"{100 * ALPHA:g}"},
    ),
    Sentence(GUIDE, "IFEval shows {alone} points alone and {one} as one of four tasks", _one_of_four),
    Sentence(
        GUIDE,
        "the same samples, {look} at a time ({stratum} of each subject of MMLU)",
        lambda: {"look": DOCUMENTS_A_LOOK, "stratum": DOCUMENTS_A_STRATUM},
    ),
    Sentence(
        GUIDE,
        "IFEval's {n} prompts for the sign alone (`--decide-for sign`) when it is the only task",
        lambda: {"n": PLAIN_WORDS["ifeval"].documents},
    ),
    Sentence(
        GUIDE,
        "for {documents} documents, files of {megabytes} MB take {memory} MiB of memory at most, at {least} to {most} "
        "MB a second on one core",
        _overlap,
    ),
    Sentence(GUIDE, "weights whole below {small} MB in all", _identity),
    Sentence(
        GUIDE,
        "every tensor ({tensor} KB each, less where there are very many), and {blocks} blocks of {block} KB spread",
        _identity,
    ),
)

# Figures that are no result: a task's own settings, a bound that words set, a percentage that is an example.
GIVEN = (
    (GUIDE, "when 10, 20 or 30 % of the answers change side"),
    (README, "IFEval, 5 prompts"),
    (README, "how often a gain of 3 points would be shown"),
    (README, "It stands at 100 %"),
    (README, "a standard error and a 95 % interval"),
    (GUIDE, "30 % of all samples"),
    (GUIDE, "at 20 % change IFEval"),
    (GUIDE, "a single score near 50 %"),
    (GUIDE, "Several tasks share the 5 %"),
    (GUIDE, "Close to 100 %"),
    (GUIDE, "asks for up to 1,280 tokens"),
    (GUIDE, "It stands still at 100 %"),
)

_UNITS = r"(?:%|×|points?\b|[KMG]i?B\b|GFLOP/s|s\b|min\b|minutes?\b|seconds?\b|samples\b|prompts\b|tokens\b|subjects\b)"
_TABLE = re.compile(r"<!-- numbers: \w+ -->.*?<!-- /numbers -->", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def read(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def unexplained(file: str) -> Iterator[str]:
    """The figures with a unit in a guide that nothing here computes and no table holds."""
    text = read(file)
    known = [match.span() for pattern in (_TABLE, _CODE) for match in pattern.finditer(text)]
    known += [match.span() for one in SENTENCES if one.file == file for match in one.pattern().finditer(text)]
    known += [match.span() for where, words in GIVEN if where == file
              for match in re.finditer(_breakable(words), text)]  # fmt: skip
    for found in re.finditer(rf"(?:{FIGURE})\s?{_UNITS}", text):
        if not any(start <= found.start() and found.end() <= end for start, end in known):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{file}:{line}: {found.group()}"


def corrected(file: str) -> str:
    """The text of a guide with the figures of all its sentences as they are now."""
    text = read(file)
    for one in SENTENCES:
        if one.file != file:
            continue
        figures = re.findall(r"\{(\w+)\}", one.words)
        values = one.figures()

        def put(match: re.Match[str], names: list[str] = figures, values: Figures = values) -> str:
            whole, at = match.group(), match.start()
            for number in range(len(names), 0, -1):
                start, end = match.start(number) - at, match.end(number) - at
                whole = whole[:start] + str(values[names[number - 1]]) + whole[end:]
            return whole

        text = one.pattern().sub(put, text)
    return text
