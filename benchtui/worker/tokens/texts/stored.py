"""The answers that runs have stored, as documents: what was asked, and what each model answered."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import ChosenDocument, StoredAnswers
from benchtui.results.question import question
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.samples import Sample, read_line, read_samples
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.result_files import file_part, sample_files
from benchtui.text import one_line
from benchtui.tokens.modes import REFERENCE
from benchtui.tokens.records import TokenDocument
from benchtui.worker.tokens.texts.sample_record import SampleRecord, place_of, read_record

Rendered = Callable[[str], str]
"""Makes a prompt of one that is a list of messages, as it was sent to a chat server; gives others back."""


def stored_documents(
    texts: StoredAnswers, rendered: Rendered, warn: Callable[[str], None], check: Callable[[], None]
) -> list[TokenDocument]:
    """Make documents of the answers of runs, task by task, in the order of the first run's files: of each document
    every run's answers one behind another, or, where log-likelihoods were asked, the right continuation, once.

    Only documents that all runs answered are taken, the first `limit` of each task. `warn` is told what a reader of
    the numbers must know; `check` is called between documents. Raises BenchtuiError naming a run without samples or a
    damaged file.
    """
    runs = [_Run(Path(place), label) for place, label in zip(texts.runs, texts.labels, strict=True)]
    found: list[TokenDocument] = []
    seen = _Seen()
    for task in _tasks(texts, runs):
        for document in _documents_of(task, texts, runs, rendered, seen):
            check()
            found.append(document)
    seen.tell(warn)
    if not found:
        raise BenchtuiError(
            "The runs have no answers in common that tokens could be compared on.",
            "Both need their samples of the same tasks (lm_eval writes them with --log_samples).",
        )
    return found


class _Run:
    """One run's samples, a task at a time."""

    def __init__(self, place: Path, label: str) -> None:
        self.label = label
        self.results: RunResults = read_run(place)
        self.files = sample_files(self.results.folder, self.results.stamp)

    def file(self, task: str) -> Path | None:
        return self.files.get(file_part(task))

    @property
    def tasks(self) -> list[str]:
        return [task.name for task in self.results.tasks if self.file(task.name) is not None]

    def samples(self, task: str) -> dict[int, list[Sample]]:
        """Each document's lines, one a filter."""
        file = self.file(task)
        if file is None:
            raise BenchtuiError(
                f"{one_line(str(self.results.folder), 400)} has no samples of {one_line(task, 80)}.",
                "Choose other tasks, or run it again (lm_eval: with --log_samples).",
            )
        found: dict[int, list[Sample]] = {}
        for sample in read_samples(file, task):
            found.setdefault(sample.doc_id, []).append(sample)
        return found

    def record(self, sample: Sample) -> tuple[SampleRecord | None, object]:
        """What a line says, and its document."""
        raw = read_line(self.files[file_part(sample.task)], sample.offset)
        return read_record(raw), raw.get("doc")

    def facts(self, task: str) -> Mapping[RequestKey, AnswerFacts]:
        """What the run counted of its answers; nothing where it kept no journal."""
        journal = RunDirectory(self.results.run).journal
        if not journal.is_file():
            return {}
        try:
            with Journal(journal, read_only=True) as open_journal:
                return open_journal.facts(task)
        except (sqlite3.DatabaseError, msgspec.MsgspecError):
            return {}  # it says only how answers ended, which is then not known

    def has_examples(self, task: str) -> bool:
        facts = self.results.task(task)
        return facts is None or facts.shots is None or facts.shots > 0


class _Seen:
    """Counts what was left out, and what differs from run to run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def tell(self, warn: Callable[[str], None]) -> None:
        sayings = {
            "prompts": "{} documents were asked with other words in one run than in another: each answer is read "
            "behind its own prompt.",
            "alone": "{} documents are left out: not all runs answered them.",
            "others": "{} documents are other ones in one run than in another: the answers to them are no pairs.",
            "empty": "{} answers are left out: they are empty.",
            "unread": "{} documents are left out: their samples have no text, or do not say which answer is right.",
        }
        for name, saying in sayings.items():
            if count := self.counts[name]:
                warn(saying.format(f"{count:,}"))


def _tasks(texts: StoredAnswers, runs: Sequence[_Run]) -> list[str]:
    """The tasks that are wanted: those that are named, of the documents that are, else all that every run has."""
    if texts.tasks:
        return list(texts.tasks)
    if texts.chosen:
        return list(dict.fromkeys(chosen.task for chosen in texts.chosen))
    return [task for task in runs[0].tasks if all(run.file(task) is not None for run in runs)] if runs else []


def _documents_of(
    task: str, texts: StoredAnswers, runs: Sequence[_Run], rendered: Rendered, seen: _Seen
) -> Iterator[TokenDocument]:
    samples, facts = [run.samples(task) for run in runs], [run.facts(task) for run in runs]
    chosen = {one.doc_id: one for one in texts.chosen if one.task == task}
    if texts.chosen and not chosen:
        return
    wanted = [doc_id for doc_id in samples[0] if not chosen or doc_id in chosen]
    common = [doc_id for doc_id in wanted if all(doc_id in of_run for of_run in samples)]
    seen.counts["alone"] += len({doc_id for of_run in samples for doc_id in of_run if not chosen or doc_id in chosen})
    seen.counts["alone"] -= len(common)
    for doc_id in common[: texts.limit]:
        one = _Document(task, doc_id, chosen.get(doc_id), texts.prompts_too)
        yield from one.texts(runs, [of_run[doc_id] for of_run in samples], facts, rendered, seen)


@dataclass(frozen=True)
class _Document:
    """One document of a task, in all runs."""

    task: str
    doc_id: int
    chosen: ChosenDocument | None
    prompts_too: bool

    def texts(
        self,
        runs: Sequence[_Run],
        samples: Sequence[Sequence[Sample]],
        facts: Sequence[Mapping[RequestKey, AnswerFacts]],
        rendered: Rendered,
        seen: _Seen,
    ) -> list[TokenDocument]:
        """Every answer, and the reference where there are none."""
        found: dict[object, TokenDocument] = {}
        prompts: set[str] = set()
        hashes = list(dict.fromkeys(of_run[0].doc_hash for of_run in samples))
        seen.counts["others"] += len(hashes) > 1
        for number, (run, of_run, counted) in enumerate(zip(runs, samples, facts, strict=True)):
            group = self._group(hashes.index(of_run[0].doc_hash))
            records = [run.record(sample) for sample in self._lines(of_run)]
            first, doc = records[0]
            if first is None or (not first.generated and first.gold is None):
                seen.counts["unread"] += 1
                continue
            prompt = rendered(first.prompts[first.gold or 0])
            scored_from = _question_from(prompt, doc, run, self.task) if self.prompts_too and prompt else None
            made = TokenDocument(
                place=f"{self.task} #{self.doc_id}",
                prompt=prompt,
                answer="",
                group=group,
                task=self.task,
                doc_id=self.doc_id,
                doc_hash=of_run[0].doc_hash,
                change=self.chosen.change if self.chosen is not None else "",
                scored_from=scored_from if prompt not in prompts else None,  # what two answers share is scored once
            )
            prompts.add(prompt)
            if first.generated:
                for document in self._answers(made, [record for record, _ in records if record], run, counted, seen):
                    found[number, len(found)] = document
            else:
                answer = first.continuations[first.gold or 0]
                document = msgspec.structs.replace(made, answer=answer, written_by=REFERENCE, span=(0, len(answer)))
                found.setdefault((group, prompt, answer), document)
        seen.counts["prompts"] += len(prompts) > 1 and len(hashes) == 1
        return list(found.values())

    def _lines(self, samples: Sequence[Sample]) -> list[Sample]:
        """A document's lines, that of the filter which chose it first."""
        wanted = self.chosen.filter if self.chosen is not None else ""
        return sorted(samples, key=lambda sample: sample.filter != wanted)

    def _group(self, which: int) -> str:
        return f"{self.task}/{self.doc_id}" + (f" ({which + 1})" if which else "")

    def _answers(
        self,
        made: TokenDocument,
        records: Sequence[SampleRecord],
        run: _Run,
        facts: Mapping[RequestKey, AnswerFacts],
        seen: _Seen,
    ) -> Iterator[TokenDocument]:
        several = len(records[0].answers) > 1
        for repeat, answer in enumerate(records[0].answers):
            counted = facts.get(RequestKey(self.task, self.doc_id, 0, repeat))
            ended = counted is not None and bool(
                counted.end_token or (counted.at_limit is False and not records[0].stops)
            )
            if not (answer or ended):
                seen.counts["empty"] += 1
                continue
            place = f"{made.place}, answer {repeat + 1}" if several else made.place
            yield msgspec.structs.replace(
                made,
                place=place,
                answer=answer,
                written_by=run.label,
                span=_span(records, repeat, answer),
                ended=ended,
                end=counted.end_token if counted is not None else "",
                scored_from=made.scored_from if repeat == 0 else None,
            )


def _span(records: Sequence[SampleRecord], repeat: int, answer: str) -> tuple[int, int] | None:
    """Where what was scored stands in an answer, by the first filter that found something there."""
    for record in records:
        text = record.extracted[repeat] if repeat < len(record.extracted) else None
        if text and (place := place_of(text, answer)) is not None:
            return place
    return None


def _question_from(prompt: str, doc: object, run: _Run, task: str) -> int:
    """Where the document's own question begins in its prompt, behind the examples."""
    return max(prompt.rfind(question(doc, prompt)), 0) if run.has_examples(task) else 0
