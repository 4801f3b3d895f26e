"""Every threshold of deferring whole documents to a large model, from two finished ordinary runs: no model is loaded.

The small model answers every document; where it is unsure, the large one's answer counts instead. Both have answered
all of them already, so every threshold is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.compare.differences.groups import weighted_by_size
from benchtui.compare.differences.leaves import SampleSource, scored_terms, values_of
from benchtui.compare.differences.metrics import terms_of
from benchtui.compare.differences.pairing import PairedSamples, pair
from benchtui.compare.differences.questions import questions
from benchtui.compare.hybrid.unsure import OF_CHOICES, OF_TEXTS, StoredTokens, unsure_of_choices
from benchtui.compare.names import side_names
from benchtui.compare.settings import why_not_comparable
from benchtui.errors import UsageError
from benchtui.results.records import Group, RunResults, Score, is_bounded
from benchtui.results.samples import Sample
from benchtui.routing.names import DeferScore
from benchtui.routing.sweeps.records import Answers, Sweep, SweptMetric, SweptTask
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import model_of, shown_name
from benchtui.runs.outcome import as_argument
from benchtui.tasks.primary_metric import MetricName, ordered, primary
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.evidence.records import Floats
    from benchtui.routing.sweep import Mask

MOST_NUMBERS = 4_000_000
"""Scores of documents at thresholds of one task, about; a curve of so many documents is drawn through fewer."""

Metric = tuple[str, str]


@dataclass(frozen=True)
class _Part:
    """The documents of one leaf task that both runs answered: `unsure` the small model of each; of each metric the
    summands [documents, 2] of both runs."""

    answers: Answers
    samples: tuple[Sample, ...]
    hashes: tuple[str, ...]
    unsure: tuple[float, ...]
    terms: dict[Metric, tuple[Floats, Floats]]


class _LeftOutError(Exception):
    """A task that cannot be deferred, and why, in a sentence without its name."""


def deferred(
    small: RunResults,
    large: RunResults,
    outputs: Path,
    asked: Sequence[float | str],
    by: DeferScore | None = None,
    seed: int = 0,
) -> Sweep:
    """Return every threshold of deferring documents by how unsure the model of the run `small` was, with the thresholds
    `asked` among them.

    `by` None takes the usual score for choices and for texts. For texts a comparison by token below `outputs` is
    needed that read the answers of `small` with its model. Tasks that cannot be deferred are named in the notes.
    Raises UsageError where none can, and BenchtuiError where samples are damaged.
    """
    reader = _Reader(small, large, outputs, by)
    tasks, left_out = [], []
    for task in _tops(small, large):
        try:
            tasks.append(_swept(task, reader, asked, seed))
        except _LeftOutError as why:
            left_out.append(f"{one_line(task, 60)} is left out: {why}")
    if not tasks:
        raise UsageError(
            left_out[0] if left_out else "The runs have no task in common.", "Name two runs of the same tasks."
        )
    notes = (*reader.notes, *left_out)
    return Sweep(*reader.models, "defer", tuple(tasks), defer_by=by, seed=seed, notes=notes)


def _tops(small: RunResults, large: RunResults) -> list[str]:
    """The tasks and groups that both runs have scores of, without those inside others."""
    shared = {score.task for score in small.scores} & {score.task for score in large.scores}
    return [task for task in large.top_level if task in shared]


def _swept(task: str, reader: _Reader, asked: Sequence[float | str], seed: int) -> SweptTask:
    import numpy as np

    from benchtui.routing.curve import MOST
    from benchtui.routing.sweeps.choose import settled, with_grid

    group = reader.large.group(task)
    parts = [reader.part(name) for name in (group.leaves if group else (task,))]
    if len({part.answers for part in parts}) > 1:
        raise _LeftOutError("some of its tasks have choices and others texts, of which one is not unsure alike.")
    hashes = tuple(each for part in parts for each in part.hashes)
    unsure = np.array([each for part in parts for each in part.unsure])
    try:
        named = settled(asked, unsure.tolist(), hashes, seed)
    except ValueError as error:
        raise UsageError(f"--thresholds: {one_line(str(error))}.", "Give numbers, or for example p70.") from None
    thresholds, places = with_grid(named, unsure.tolist(), min(MOST, max(MOST_NUMBERS // len(unsure), 10)))
    takes = unsure >= np.array([each.value for each in thresholds])[:, None]
    one = (1.0,) * len(unsure)
    metrics = tuple(reader.metrics(task, group, parts, takes))
    if not metrics:
        raise _LeftOutError("none of its scores is a mean over documents that the samples reproduce.")
    return SweptTask(
        task=task,
        answers=parts[0].answers,
        doc_ids=tuple(sample.doc_id for part in parts for sample in part.samples),
        doc_hashes=hashes,
        thresholds=thresholds,
        asked=places,
        small_alone={"documents": one},
        large_alone={"documents": one},
        large=tuple({"documents": tuple(row)} for row in takes.astype(np.float64).tolist()),
        metrics=metrics,
        likelihoods="by document" if parts[0].answers == "choices" else "",
    )


class _Reader:
    """Reads two runs a task at a time."""

    def __init__(self, small: RunResults, large: RunResults, outputs: Path, by: DeferScore | None) -> None:
        self.small, self.large = small, large
        self.names = side_names(small, large)
        self._by = by
        self._sources = SampleSource(small), SampleSource(large)
        self._outputs = outputs
        self._tokens: StoredTokens | None = None
        self.notes: list[str] = []

    @property
    def models(self) -> tuple[str, str]:
        """What both models are called: by their folders, where these differ."""
        folders = [model_of(RunDirectory(run.run)) for run in (self.small, self.large)]
        small, large = (name if at is None else at.name for name, at in zip(self.names, folders, strict=True))
        return self.names if small == large else (small, large)

    def part(self, task: str) -> _Part:
        """Read a leaf task. Raises _LeftOutError where it cannot be deferred, BenchtuiError for damaged samples."""
        facts = self.large.task(task)
        if facts is None or self.small.task(task) is None or None in (file := [s.file(task) for s in self._sources]):
            raise _LeftOutError("samples are missing (benchtui writes them, lm_eval with --log_samples).")
        if any(run.early_of_any(task) for run in (self.small, self.large)):
            raise _LeftOutError("a run stopped it early, which its scores decided; take runs of all samples.")
        if any(run.answers_to_each(task) > 1 for run in (self.small, self.large)):
            raise _LeftOutError("several answers to each sample were drawn, and each would be deferred by itself.")
        scores = ordered([score for score in self.large.scores_of(task) if self._in_small(score)])
        if not scores:
            raise _LeftOutError("the runs have no score of it in common.")
        samples = [source.read(task) for source in self._sources]
        joined = pair(task, scores[0].filter, *samples)
        if why := why_not_comparable(task, joined.counts, self.small, self.large, self.names):
            raise _LeftOutError(f"{why}.")
        if joined.counts.missing:
            self.notes.append(f"{one_line(task, 60)}: {joined.counts.missing} samples are not in both runs; left out")
        mine = tuple(one for one, _ in joined.pairs)
        answers, unsure = self._unsure(task, file[0], mine, facts.output_type)
        own = facts.dataset == "parquet"
        hashes = questions(file[0], mine) if own else [each.doc_hash or f"#{each.doc_id}" for each in mine]
        terms = {(s.metric, s.filter): found for s in scores if (found := self._terms(s, samples, joined)) is not None}
        return _Part(answers, mine, tuple(hashes), tuple(unsure), terms)

    def metrics(self, task: str, group: Group | None, parts: Sequence[_Part], takes: Mask) -> Iterator[SweptMetric]:
        """Yield the metrics of a task, the main one first, or of a group of tasks, weighted as its score is; `takes`
        [thresholds, documents] says which documents the large model answers."""
        import numpy as np

        for score in ordered([each for each in self.large.scores_of(task) if self._in_small(each)]):
            terms = [part.terms.get((score.metric, score.filter)) for part in parts]
            by_size = True if group is None else weighted_by_size(group, score, (self.small, self.large))
            found = [each for each in terms if each is not None]
            if len(found) < len(terms) or by_size is None:
                continue
            small, large = (np.concatenate([each[side] for each in found]) for side in (0, 1))
            sizes = np.concatenate([np.full(len(each[0]), 1.0 if by_size else 1 / len(each[0])) for each in found])
            weights = small[:, 1] * sizes
            one, other = small[:, 0] / small[:, 1], large[:, 0] / large[:, 1]
            yield SweptMetric(
                score.metric,
                score.filter,
                score.higher_is_better,
                tuple(one.tolist()),
                tuple(other.tolist()),
                tuple(map(tuple, np.where(takes, other, one).tolist())),
                weights=() if np.all(weights == weights[0]) else tuple(weights.tolist()),
                bounded=is_bounded(score.metric, higher_is_better=score.higher_is_better),
            )

    def _in_small(self, score: Score) -> bool:
        mine = self.small.score(score.task, score.metric, score.filter)
        return mine is not None and mine.finite and score.finite

    def _unsure(
        self, task: str, file: Path | None, samples: Sequence[Sample], output_type: str
    ) -> tuple[Answers, list[float]]:
        """How unsure the small model was of each document. Raises _LeftOutError where nothing tells it."""
        assert file is not None  # noqa: S101 - the caller looked
        if output_type != "generate_until":
            metric = primary([MetricName(score.metric, "none") for score in self.small.scores_of(task)]).metric
            by = self._by if self._by in OF_CHOICES else OF_CHOICES[0]
            found = unsure_of_choices(file, samples, metric, by)
            if found is None:
                raise _LeftOutError(
                    "it gives no choices, and how likely the one right text is must not decide who scores it."
                )
            return "choices", found
        if self._tokens is None:
            self._tokens = StoredTokens(self._outputs, self.small.run)
        found = self._tokens.unsure(samples, self._by if self._by in OF_TEXTS else OF_TEXTS[0])
        if found is None:
            run = RunDirectory(self.small.run)
            model = "MODEL" if model_of(run) is None else as_argument(self.models[0])
            raise _LeftOutError(
                "its answers are texts, and a run does not store how likely their tokens were. Let the small model "
                f"read them once: benchtui tokens compare {model} --answers {as_argument(shown_name(run))}"
            )
        return "texts", found

    def _terms(
        self, score: Score, samples: Sequence[Sequence[Sample]], joined: PairedSamples
    ) -> tuple[Floats, Floats] | None:
        """The summands [documents, 2] of a score in both runs, of the pairs; None where it is no mean of documents that
        the samples reproduce, or counts other things in both runs (documents of one filter are those of the other)."""
        import numpy as np

        found = []
        for side, (results, own) in enumerate(zip((self.small, self.large), samples, strict=True)):
            mine = results.score(score.task, score.metric, score.filter)
            scored = None if mine is None else scored_terms(results, mine, own)
            if scored is None or not scored.aggregation.mean:
                return None
            by_number = {each.doc_id: each for each in own if each.filter == score.filter}
            here = [by_number.get(both[side].doc_id) for both in joined.pairs]
            values = values_of([each for each in here if each is not None], score.metric)
            if values is None or len(values) < len(here):
                return None
            terms = terms_of(scored.aggregation, values)
            if terms is None:
                return None
            found.append(terms)
        small, large = found
        same = np.array_equal(small[:, 1], large[:, 1]) and bool((small[:, 1] > 0).all())
        return (small, large) if same else None
