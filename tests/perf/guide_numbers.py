"""The figures of README.md and BENCHMARKING.md, computed: printed, or with --write put into them.

    python tests/perf/guide_numbers.py [--write]

Each table stands in the guide between `<!-- numbers: NAME -->` and `<!-- /numbers -->`; the sentences are those of
guide_sentences.py.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchtui.evidence.matched_pairs import mcnemar  # noqa: E402
from benchtui.evidence.power import detectable_share, samples_needed  # noqa: E402
from benchtui.evidence.shares import wilson  # noqa: E402
from benchtui.reports.markdown import table  # noqa: E402
from benchtui.tasks.words import PLAIN_WORDS, task_title  # noqa: E402
from tests.evidence.cells import Cell  # noqa: E402
from tests.evidence.enumeration import chance_of_showing  # noqa: E402
from tests.evidence.simulation import median_stop  # noqa: E402
from tests.perf.calibration import recorded  # noqa: E402
from tests.perf.guide_sentences import README, SENTENCES, corrected, measured  # noqa: E402

GUIDE = ROOT / "BENCHMARKING.md"
DISCORDANT = (0.1, 0.2, 0.3)
SIZES = {name: PLAIN_WORDS[name].documents for name in ("ifeval", "gsm8k", "hellaswag", "mmlu")}
# Requests a document and the most tokens an answer may have: the tasks' own files in lm-eval 0.4.13.
CHOICES = {"hellaswag": 4, "mmlu": 4}
MAX_TOKENS = {"ifeval": 1280, "gsm8k": 256}
SUITES = {
    "test": ("ifeval",),
    "quick": ("ifeval",),
    "core": ("ifeval", "gsm8k", "hellaswag"),
    "full": ("ifeval", "gsm8k", "hellaswag", "mmlu"),
}


def _points(share: float | None) -> str:
    return "never" if share is None else f"{100 * share:.1f}"


def needed() -> str:
    """Samples for a difference to be shown four times in five."""
    rows = [
        [f"{points} points", *(f"{samples_needed(points / 100, share):,}" for share in DISCORDANT)]
        for points in (2, 5, 10)
    ]
    return table(["To see", *(f"{share:.0%} change" for share in DISCORDANT)], rows, "lrrr")


def resolution() -> str:
    """What each benchmark's size can resolve."""
    sizes = {"test": 5, "50 samples": 50, "100 samples": 100, **{task_title(n): size for n, size in SIZES.items()}}
    names = {"test": "suite `test`"}
    rows = []
    for name, n in sizes.items():
        half = (wilson(n // 2, n).high - wilson(n // 2, n).low) / 2
        detectable = [_points(detectable_share(n, share)) for share in DISCORDANT]
        rows.append([names.get(name, name), f"{n:,}", f"±{100 * half:.1f}", *detectable])
    header = ["Benchmark", "n", "One score, 95 %", *(f"{share:.0%} change" for share in DISCORDANT)]
    return table(header, rows, "lrrrrr")


def five_samples() -> str:
    """The best that so few samples can do: every one changed the same way."""
    rows = [[str(n), f"0 of {n} → {n} of {n}", f"{mcnemar(n, 0):.3f}"] for n in (3, 4, 5, 6, 8)]
    return table(["n", "The clearest outcome", "p"], rows, "llr")


def by_chance() -> str:
    """How often two models of equal skill differ by at least so much."""
    rows = []
    for name, n in (("suite `test`", 5), ("100 samples", 100), *((task_title(k), v) for k, v in SIZES.items())):
        rows.append([name, f"{n:,}", *(_percent(_apart(n, 0.2, d)) for d in (0.01, 0.02, 0.05, 0.10))])
    return table(["Benchmark", "n", "≥ 1 point", "≥ 2 points", "≥ 5 points", "≥ 10 points"], rows, "lrrrrr")


def _percent(share: float) -> str:
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"


def _apart(n: int, discordant: float, difference: float) -> float:
    """P(|fixed - broken| >= difference * n) for models of equal skill, exact."""
    from scipy.stats import binom

    changed = np.arange(n + 1)
    gap = np.ceil(difference * n - 1e-9)
    most = np.floor((changed - gap) / 2)  # the smaller of the two counts, at most
    tail = np.where(most >= 0, 2 * binom.cdf(most, changed, 0.5), 0.0)
    return float(np.sum(binom.pmf(changed, n, discordant) * np.minimum(tail, 1.0)))


def costs() -> str:
    """Work of one model in each suite."""
    rows = []
    for suite, tasks in SUITES.items():
        documents = {task: 5 if suite == "test" else SIZES[task] for task in tasks}
        requests = sum(n * CHOICES.get(task, 1) for task, n in documents.items())
        tokens = sum(n * MAX_TOKENS.get(task, 0) for task, n in documents.items())
        rows.append([f"`{suite}`", f"{sum(documents.values()):,}", f"{requests:,}", f"{tokens:,}"])
    return table(["Suite", "Samples", "Requests", "Generated tokens, at most"], rows, "lrrr")


def early() -> str:
    """Where --decide-early stops on IFEval, by simulation."""
    rng = np.random.default_rng(541)
    rows = []
    for effect in (0.06, 0.10, 0.15, 0.20):
        stops = [median_stop(541, effect, max(share, effect), 101, rng) for share in (0.2, 0.3)]
        rows.append([f"{100 * effect:.0f} points", *(f"{s:.0f} ({100 * s / 541:.0f} %)" for s in stops)])
    return table(["True difference", "20 % change", "30 % change"], rows, "lrr")


def speed() -> str:
    """What tests/perf/engine.py measured."""
    rows = []
    for row in measured()["engine"]["rows"]:
        hf, engine = row["peak"]
        times = ["", "", "", "", ""]
        if "one" in row:
            faster = f"**{row['faster'][0]:.1f}×**, {row['faster'][1]:.1f}×"
            seconds = [f"{row[name]:.1f} s" for name in ("one", "eight", "engine")]
            times = [*seconds, faster, f"{row['floor']:.1f} s ({row['distance']:.1f}×)"]
        rows.append([row["requests"], *times, f"{hf:,} MiB", f"{engine:,} MiB"])
    header = ["Requests", "hf, batch 1", "hf, batch 8", "engine", "faster than 1, 8", "floor"]
    return table([*header, "peak memory, hf at 8", "peak memory, engine"], rows, "lrrrrrrr")


def readers() -> str:
    """What tests/perf/backends.py measured."""
    rows = measured()["backends"]["rows"]
    reference = rows[0]
    cells = [
        [
            row["reader"],
            f"{row['seconds']:.1f} s",
            f"{row['seconds'] / reference['seconds']:.2f}",
            f"{row['peak']:,} MiB",
            f"{row['peak'] / reference['peak']:.2f}",
        ]
        for row in rows
    ]
    return table(["100 requests", "processor time", "of hf's", "peak memory", "of hf's"], cells, "lrrrr")


def calibration() -> str:
    """What tests/perf/calibration.py recorded: of each claim the corner in which it is kept least well."""
    claims: dict[str, list[Cell]] = {}
    for part in recorded().values():
        for one in part["cells"]:
            cell = Cell(**one)
            claims.setdefault(cell.name.partition(":")[0], []).append(cell)
    rows = []
    for claim, cells in claims.items():
        at_most = cells[0].kind == "at most"
        worst = max(cells, key=lambda cell: (cell.measured - cell.claimed) * (1 if at_most else -1))
        figures = [f"{cells[0].kind} {100 * worst.claimed:.3g} %", f"{100 * worst.measured:.1f} %"]
        how = f"{worst.replicas:,} runs" if worst.replicas else "enumerated"
        rows.append([claim[0].upper() + claim[1:], str(len(cells)), *figures, worst.name.partition(": ")[2], how])
    return table(["What", "Corners", "Claimed", "Measured, worst", "Worst corner", "By"], rows, "lrrrll")


def gate() -> str:
    """How often the gate passes a model that lost nothing."""
    rows = []
    for name, n in [("100 samples", 100), *((task_title(task), n) for task, n in SIZES.items())]:
        chances = [
            " · ".join(f"{100 * chance_of_showing(n, -limit / 100, 0.05, share, 0.0):.0f}" for share in DISCORDANT)
            + " %"
            for limit in (1, 3, 5)
        ]
        rows.append([name, f"{n:,}", *chances])
    return table(["Benchmark", "n", "`--max-loss 1`", "`--max-loss 3`", "`--max-loss 5`"], rows, "lrrrr")


def votes() -> str:
    """How many votes show a preference, and how often they do."""
    shares = (0.6, 0.7, 0.8)
    rows = []
    for count in (20, 30, 50, 100, 200):
        least = next(wins for wins in range(count // 2, count + 1) if mcnemar(wins, count - wins) < 0.05)
        power = [binom.sf(least - 1, count, share) + binom.cdf(count - least, count, share) for share in shares]
        rows.append([str(count), str(least), *(f"{chance:.0%}".replace("%", " %") for chance in power)])
    first, *others = (f"{share:.0%}".replace("%", " %") for share in shares)
    header = [
        f"a model that is preferred in {first}",
        f"in {others[0]}",
        f"in {others[1]} of answers is shown to be so",
    ]
    return table(["Votes that prefer one", "shown from", *header], rows, "rrrrr")


TABLES: dict[str, Callable[[], str]] = {
    "needed": needed,
    "resolution": resolution,
    "five": five_samples,
    "chance": by_chance,
    "costs": costs,
    "early": early,
    "gate": gate,
    "speed": speed,
    "backends": readers,
    "calibration": calibration,
    "votes": votes,
}


def blocks(text: str) -> dict[str, str]:
    """The tables that stand in the guide, by name."""
    return {m.group(1): m.group(2).strip() for m in _blocks().finditer(text)}


def _blocks() -> re.Pattern[str]:
    return re.compile(r"<!-- numbers: (\w+) -->\n(.*?)<!-- /numbers -->", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="Put the tables into BENCHMARKING.md.")
    if not parser.parse_args().write:
        for name, made in TABLES.items():
            print(f"{name}:\n{made()}\n")
        for one in SENTENCES:
            print(f"{one.file}: … {one.text()} …")
        return
    (ROOT / README).write_text(corrected(README), encoding="utf-8")
    text = _blocks().sub(
        lambda m: f"<!-- numbers: {m.group(1)} -->\n\n{TABLES[m.group(1)]()}\n\n<!-- /numbers -->",
        corrected(GUIDE.name),
    )
    GUIDE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
