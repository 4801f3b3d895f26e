"""A run of two models that write by turns: its prompts, what its journal holds of them, and the file made of that."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from benchtui import __version__
from benchtui.errors import BenchtuiError
from benchtui.files import write_run_file
from benchtui.plans.plan import read_plan
from benchtui.plans.switching import PROFILED, SwitchingPlan
from benchtui.plans.tokens import GivenTexts, StoredAnswers
from benchtui.routing.records import SwitchedText
from benchtui.routing.rules import percent_of
from benchtui.routing.switching_file import (
    FILE,
    FOLDER,
    Ours,
    Profile,
    SwitchingFile,
    Written,
    encoded,
    summed_costs,
    totals,
    written,
)
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter, Results
from benchtui.runs.journal.journal import Journal, RequestKey, request_digest
from benchtui.runs.kinds.switching.events import Switched
from benchtui.runs.kinds.switching.fold import PROFILE, TEXTS
from benchtui.text import one_line
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.read import read_texts

_THRESHOLD, _MODELS, _REMOVED = "threshold", "facts of the models", "facts of the tokens"
WARNED_FROM = 1e-6
"""A probability of ids that are no tokens from which on a reader is told."""


@dataclass(frozen=True)
class Question:
    """A prompt as the models read it; `asked` is what the user gave, `place` how users read which one it is."""

    number: int
    place: str
    asked: str
    prompt: str

    @property
    def shown(self) -> str:
        """What was asked, in one line."""
        return one_line(self.asked, 100)

    @property
    def digest(self) -> str:
        """What ties an answer in the journal to this prompt."""
        return request_digest("switching", (self.prompt,))


@dataclass
class SwitchingContext:
    """A run with its files open."""

    run: RunDirectory
    plan: SwitchingPlan
    process: WorkerProcess
    reporter: Reporter
    journal: Journal
    questions: tuple[Question, ...] = ()
    _texts: dict[int, SwitchedText] | None = None

    @property
    def to_profile(self) -> int:
        """How many texts the threshold is taken from."""
        return 0 if percent_of(self.plan.threshold) is None else min(PROFILED, len(self.questions))

    def texts(self) -> dict[int, SwitchedText]:
        """What the journal holds, by the number of the question."""
        if self._texts is None:
            self._texts = self._recorded(TEXTS, SwitchedText)
        return self._texts

    def profiles(self) -> dict[int, tuple[float, ...]]:
        """The divergences in the texts for the threshold, by the number of the question."""
        return self._recorded(PROFILE, tuple[float, ...])

    def _recorded(self, task: str, of: Any) -> dict[int, Any]:
        found = {}
        for key, (digest, answer) in self.journal.answers(task).items():
            if key.doc_id < len(self.questions) and self.questions[key.doc_id].digest == digest:
                found[key.doc_id] = msgspec.json.decode(answer, type=of)
        return found

    def record(self, task: str, question: Question, answer: object) -> None:
        """Keep an answer: it is on disk when this returns."""
        if isinstance(answer, SwitchedText):
            self.texts()[question.number] = answer
        text = msgspec.json.encode(answer).decode()
        self.journal.record(RequestKey(task, question.number, 0), question.digest, text)

    @property
    def failed(self) -> dict[int, str]:
        """Why questions have no text, by their numbers; a run that is resumed tries them again."""
        return {number: why for (_, number), why in self.journal.skipped(TEXTS).items()}

    def fail(self, question: Question, why: str) -> None:
        """Keep why a question has no text."""
        self.journal.skip(TEXTS, question.number, why)
        self.reporter.warn(f"{question.place} was not written: {why}")

    def waiting(self) -> list[Question]:
        """The questions that are neither answered nor given up on."""
        done = self.texts().keys() | self.failed.keys()
        return [question for question in self.questions if question.number not in done]

    @property
    def threshold(self) -> float | None:
        """The upper threshold; None where it is a quantile that is not known yet."""
        if isinstance(self.plan.threshold, str):
            noted: float | None = self.journal.noted(_THRESHOLD)
            return noted
        return float(self.plan.threshold)

    def note_threshold(self, up: float) -> None:
        """Keep the number that a quantile is."""
        self.journal.note(_THRESHOLD, up)

    def note_models(self, models: tuple[Answering, Answering]) -> None:
        """Keep what results tell of the models, for whoever writes the file without them."""
        caveats = [
            f"{one_line(model.label, 60)}: {caveat}"
            for model, opened in zip(self.plan.models, models, strict=True)
            for caveat in opened.facts.caveats
        ]
        self.journal.bind({"fingerprint": self.plan.fingerprint, "dtypes": [one.facts.dtype for one in models]})
        self.journal.note(_MODELS, caveats)

    def note_removed(self, removed: tuple[float, float], tokenizer: str) -> None:
        """Keep the greatest probability of ids that are no tokens, and warn where it is one to be known."""
        before: Any = self.journal.noted(_REMOVED)
        greatest = [max(pair) for pair in zip(removed, before[0] if before else removed, strict=True)]
        self.journal.note(_REMOVED, [greatest, tokenizer])
        for model, share in zip(self.plan.models, greatest, strict=True):
            if share > WARNED_FROM:
                self.reporter.warn(
                    f"{one_line(model.label, 60)} gave ids that are no tokens a probability of up to {share:.2g}; "
                    "it was left out."
                )

    def tell(self) -> None:
        """Tell how far the texts are."""
        texts, failed = self.texts().values(), len(self.failed)
        self.reporter.emit(
            Switched(
                documents=len(texts) + failed,
                documents_total=len(self.questions),
                tokens=(sum(text.costs[0].chosen for text in texts), sum(text.costs[1].chosen for text in texts)),
                switches=sum(len(text.switch_points) for text in texts),
                failed=failed,
            )
        )

    def refuse_nothing(self) -> None:
        """Raise BenchtuiError where no text could be written: whatever the reason is, no question is without it."""
        failed = self.failed
        if failed and not self.texts():
            first = next(iter(failed.values()))
            raise BenchtuiError(f"None of {len(self.questions):,} texts could be written. The first: {first}")

    def conclude(self) -> None:
        """Write the file of what there is; nothing where no text is complete."""
        texts, up = self.texts(), self.threshold
        if up is None or not texts:
            return
        self.reporter.phase("writing")
        failed = self.failed
        lines = tuple(
            written(question.asked, question.place, texts[question.number])
            if question.number in texts
            else Written(question.asked, question.place, error=failed.get(question.number, "not written yet"))
            for question in self.questions
        )
        path = self.run.path / FOLDER / FILE
        write_run_file(path, encoded(self._file(lines, up)))
        self.reporter.emit(Results(file=FILE, folder=FOLDER, partial=len(texts) < len(self.questions)))

    def _file(self, lines: tuple[Written, ...], up: float) -> SwitchingFile:
        plan, rule = self.plan, self.plan.rule(up)
        caveats: Any = self.journal.noted(_MODELS) or []
        removed: Any = self.journal.noted(_REMOVED) or [(0.0, 0.0), ""]
        by_model = [found.tokens_by_model for found in lines if found.tokens_by_model is not None]
        ended = [found.ended for found in lines if found.ended is not None]
        texts = plan.texts
        return SwitchingFile(
            model_a=plan.models[0].label,
            backend_a=plan.models[0].backend,
            model_b=plan.models[1].label,
            backend_b=plan.models[1].backend,
            divergence_type=rule.divergence,
            threshold=up,
            switch_back_threshold=rule.down,
            max_new_tokens=plan.sampling.max_new_tokens,
            num_questions=len(lines),
            results=lines,
            summary=totals(lines),
            benchtui=Ours(
                version=__version__,
                fingerprint=plan.fingerprint,
                min_stay=rule.min_stay,
                start=rule.start,
                block=plan.block,
                sampling=plan.sampling,
                texts=texts.name if isinstance(texts, GivenTexts) else ", ".join(_tasks(plan)),
                cost=summed_costs(lines),
                tokens_by_model=(sum(pair[0] for pair in by_model), sum(pair[1] for pair in by_model)),
                ended={why: ended.count(why) for why in sorted(set(ended))},
                failed=sum(found.error is not None for found in lines),
                profile=self._profile(),
                removed=(float(removed[0][0]), float(removed[0][1])),
                tokenizer=removed[1],
                caveats=tuple(caveats),
            ),
        )

    def _profile(self) -> Profile | None:
        if not isinstance(self.plan.threshold, str):
            return None
        found = self.profiles()
        writer = one_line(self.plan.models[self.plan.start == "b"].label, 60)
        positions = sum(len(divergences) for divergences in found.values())
        return Profile(self.plan.threshold, len(found), positions, f"written by {writer} alone")


def open_run(process: WorkerProcess, run: RunDirectory, stack: ExitStack) -> SwitchingContext:
    """Open a run's files and read its prompts; `stack` closes them. Raises BenchtuiError naming what cannot be read."""
    plan = read_plan(run.plan_file, SwitchingPlan)
    reporter = Reporter(EventWriter(run.events))
    process.libraries.reporter = reporter
    journal = stack.enter_context(Journal(run.journal))
    if journal.salvaged:
        reporter.warn(journal.salvaged, "What was lost is written again.")
    journal.bind({"fingerprint": plan.fingerprint})
    reporter.phase("building prompts")
    context = SwitchingContext(run, plan, process, reporter, journal)
    context.questions = tuple(_questions(plan, read_texts(plan, reporter, process.stop.check)))
    return context


def _questions(plan: SwitchingPlan, documents: list[TokenDocument]) -> list[Question]:
    """A question for each prompt of a document; options of one question share theirs."""
    given = plan.texts.texts if isinstance(plan.texts, GivenTexts) else None
    found: dict[tuple[str, str], Question] = {}
    for number, document in enumerate(documents):
        asked = given[number].prompt if given is not None else document.prompt
        found.setdefault(
            (document.group, document.prompt), Question(len(found), document.place, asked, document.prompt)
        )
    return list(found.values())


def _tasks(plan: SwitchingPlan) -> tuple[str, ...]:
    texts = plan.texts
    if isinstance(texts, GivenTexts):
        return (texts.name,)
    return texts.tasks if isinstance(texts, StoredAnswers) else tuple(task.name for task in texts.tasks)
