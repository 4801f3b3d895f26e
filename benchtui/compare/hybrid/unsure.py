"""How unsure a model was of its answers, from what its finished run has stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.plan import read_plan
from benchtui.plans.tokens import StoredAnswers, TokensPlan
from benchtui.results.samples import Sample, read_line
from benchtui.results.tokens import TokensResults, is_tokens, read_tokens
from benchtui.routing.names import DeferScore
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import begun, known_runs
from benchtui.tasks.compared import compared_size
from benchtui.text import one_line

OF_CHOICES: tuple[DeferScore, ...] = ("margin", "confidence")
OF_TEXTS: tuple[DeferScore, ...] = ("mean-logprob", "low-logprob")
"""What documents can be deferred by, the usual one first."""

Key = tuple[str, int, str]
"""A document: its task, its number there, and its hash."""


def unsure_of_choices(file: Path, samples: Sequence[Sample], metric: str, by: DeferScore) -> list[float] | None:
    """Return how unsure a model was of its choice in each sample of a file, as `metric` compares the choices; None
    where the samples hold no choices. Raises BenchtuiError where the file cannot be read, or a score is no number."""
    from benchtui.routing.signals import of_choices

    found = []
    for sample in samples:
        scores = _compared(read_line(file, sample.offset), metric)
        if scores is None:
            return None
        try:
            found.append(of_choices(by, scores))
        except ValueError as error:
            raise BenchtuiError(
                f"{one_line(sample.task, 60)} #{sample.doc_id}: {error}.", "Run the benchmark of the small model again."
            ) from None
    return found


def _compared(raw: Mapping[str, Any], metric: str) -> list[float] | None:
    """The scores that a metric compares: log-likelihoods by its lengths. Those without a context, which only normalise
    the others, are left out."""
    arguments, responses = raw.get("arguments"), raw.get("filtered_resps")
    if not isinstance(arguments, dict) or not isinstance(responses, list) or len(responses) != len(arguments):
        return None
    found: list[tuple[bool, float]] = []
    for asked, response in zip(arguments.values(), responses, strict=True):
        if not isinstance(asked, dict) or not isinstance(response, list) or not response:
            return None
        try:
            likelihood = float(response[0])
        except (TypeError, ValueError):
            return None
        size = compared_size(str(asked.get("arg_1", "")), metric)
        found.append((bool(asked.get("arg_0")), likelihood / size))
    within = [score for has_context, score in found if has_context] or [score for _, score in found]
    return within if len(within) > 1 else None


class StoredTokens:
    """Finished comparisons by token that read the stored answers of a run with the model that wrote them: what their
    tokens' log-probabilities are."""

    def __init__(self, outputs: Path, run: Path) -> None:
        """Look below `outputs` for what read the answers of `run`."""
        self._run = RunDirectory(run)
        plan = self._run.readable_plan()
        self._found = [] if plan is None else list(_reading(outputs, run, plan))

    def unsure(self, samples: Sequence[Sample], by: DeferScore) -> list[float] | None:
        """Return how unsure the model was of its text in each sample, in nats; None where they were not all read."""
        wanted = {_key(sample) for sample in samples}
        for results, model, label in self._found:
            found = _of_texts(results, model, label, wanted, by)
            if found.keys() >= wanted:
                return [found[_key(sample)] for sample in samples]
        return None


def _key(sample: Sample) -> Key:
    return sample.task, sample.doc_id, sample.doc_hash


def _reading(outputs: Path, run: Path, plan: BenchmarkPlan) -> list[tuple[TokensResults, int, str]]:
    """The comparisons by token with a run's answers, the newest first: the number of its model there, and what it is
    called as a writer."""
    found = []
    known = [each.run for each in known_runs(outputs) if not each.problem and is_tokens(each.run)]
    for each in sorted(known, key=begun, reverse=True):
        try:
            tokens = read_plan(each.plan_file, TokensPlan)
            if not isinstance(tokens.texts, StoredAnswers):
                continue
            runs = [Path(place).resolve() for place in tokens.texts.runs]
            models = [one.source for one in tokens.models]
            if run.resolve() in runs and plan.source in models:
                label = tokens.texts.labels[runs.index(run.resolve())]
                found.append((read_tokens(each.path), models.index(plan.source), label))
        except BenchtuiError:
            continue  # not finished, or damaged: `benchtui runs` says so
    return found


def _of_texts(results: TokensResults, model: int, label: str, wanted: set[Key], by: DeferScore) -> dict[Key, float]:
    """How unsure a model is of the texts that it wrote; 0 for a text without tokens, as in a run."""
    from benchtui.routing.signals import of_text

    found = {}
    texts = results.store.texts(model)
    for number, (document, tokens) in enumerate(zip(texts.documents, texts.tokens, strict=True)):
        key = (document.task, document.doc_id, document.doc_hash)
        if document.written_by == label and key in wanted:
            logprobs = results.store.scores(model, number).logprob[max(tokens.answer - tokens.first, 0) :]
            found[key] = of_text(by, logprobs) if len(logprobs) else 0.0
    return found
