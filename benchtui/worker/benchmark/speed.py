"""Measures how fast a model answers for a run; what earlier workers of the run measured is in its journal."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import median

import msgspec

from benchtui.models.source import ServedSource, Source
from benchtui.models.stored import stored_weights
from benchtui.runs.journal.journal import Journal
from benchtui.runs.speed import Rate, Speed, Wait
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.benchmark.machine import PeakMemory, computing

_NOTE = "speed"
_NOTED_EVERY = 10.0
"""Seconds after which what was measured is in the journal, should the worker be killed."""
_STEP = math.log(1.01)
"""Values are kept as how often (or with how many tokens) each came, those within 1 % as one."""


class _Measured(msgspec.Struct):
    """Values with their weights, by steps of 1 %; `tokens` in `seconds` are the sums behind them."""

    tokens: int = 0
    seconds: float = 0.0
    count: int = 0
    weights: dict[int, int] = {}

    def add(self, value: float, weight: int = 1) -> None:
        step = round(math.log(value) / _STEP)
        self.weights[step] = self.weights.get(step, 0) + weight
        self.count += 1

    def join(self, other: _Measured) -> None:
        """Add what another worker measured."""
        self.tokens += other.tokens
        self.seconds += other.seconds
        self.count += other.count
        for step, weight in other.weights.items():
            self.weights[step] = self.weights.get(step, 0) + weight

    def quartiles(self) -> tuple[float, float, float]:
        """Median, lower and upper quartile."""
        return self._quantile(0.5), self._quantile(0.25), self._quantile(0.75)

    def _quantile(self, share: float) -> float:
        wanted, found = share * sum(self.weights.values()), 0
        step = 0
        for step in sorted(self.weights):
            found += self.weights[step]
            if found >= wanted:
                break
        return math.exp(step * _STEP)


class _Notes(msgspec.Struct):
    """What the journal keeps."""

    prefill: _Measured
    decode: _Measured
    first_token: _Measured
    memory: int = 0
    device_memory: int = 0
    machines: list[str] = []

    def join(self, other: _Notes) -> None:
        """Add what another worker measured, which has a memory of its own."""
        for mine, its in ((self.prefill, other.prefill), (self.decode, other.decode)):
            mine.join(its)
        self.first_token.join(other.first_token)
        self.memory = max(self.memory, other.memory)
        self.device_memory = max(self.device_memory, other.device_memory)
        self.machines += [machine for machine in other.machines if machine not in self.machines]


class SpeedMeter:
    """Adds to what the journal holds of earlier workers of the same run; `shard` is the number of this one where there
    are several, which each note what they measured."""

    def __init__(self, journal: Journal, shard: int | None = None) -> None:
        self._journal = journal
        self._note = _note_of(shard)
        self._notes = _noted(journal, self._note)
        self._peak = PeakMemory()
        self._cold = {"prefill", "decode"}
        self._noted_at = time.monotonic()

    def begin(self) -> None:
        """A task begins: its first pass of each kind is left out, as what it has to make ready is no speed."""
        self._cold = {"prefill", "decode"}

    def prefilled(self, tokens: int, seconds: float) -> None:
        """As `Observer.prefilled`."""
        self._rate("prefill", self._notes.prefill, tokens, seconds)

    def decoded(self, tokens: int, seconds: float) -> None:
        """As `Observer.decoded`."""
        self._rate("decode", self._notes.decode, tokens, seconds)

    def first_token(self, seconds: float) -> None:
        """As `Observer.first_token`."""
        if seconds > 0:
            self._notes.first_token.add(seconds)

    def keep(self, answering: Answering, *, force: bool = False) -> None:
        """Note in the journal what was measured and where, every few seconds unless `force`."""
        now, notes = time.monotonic(), self._notes
        if not force and now - self._noted_at < _NOTED_EVERY:
            return
        self._noted_at = now
        if (machine := computing(answering.facts.device)) not in notes.machines:
            notes.machines.append(machine)
        notes.memory = max(notes.memory, self._peak.read())
        notes.device_memory = max(notes.device_memory, answering.peak_device_memory or 0)
        self._journal.note(self._note, msgspec.to_builtins(notes, str_keys=True))

    def speed(self, source: Source, prompts: Sequence[int]) -> Speed:
        """What was measured of the model of `source`, by all workers; `prompts` are the lengths, in tokens, of what was
        read before each answer."""
        notes = _Notes(_Measured(), _Measured(), _Measured())
        notes.join(self._notes)
        noted = self._journal.notes(_NOTE)
        for other in noted:
            if other != self._note:
                notes.join(_noted(self._journal, other))
        first = notes.first_token
        served = isinstance(source, ServedSource)  # its memory is the server's, not this process's
        return Speed(
            prefill=_rate(notes.prefill),
            decode=_rate(notes.decode),
            first_token=Wait(first.count, *first.quartiles()) if first.count else None,
            prompt_tokens=median(prompts) if prompts else None,
            memory=None if served else notes.memory or None,
            device_memory=notes.device_memory or None,
            weights=stored_weights(source),
            machines=() if served else tuple(notes.machines),
            each="answer" if served else "pass",
            workers=max(sum(note != _NOTE for note in noted), 1),
        )

    def _rate(self, kind: str, measured: _Measured, tokens: int, seconds: float) -> None:
        if kind in self._cold:
            self._cold.remove(kind)
        elif tokens > 0 and seconds > 0:
            measured.tokens += tokens
            measured.seconds += seconds
            measured.add(tokens / seconds, weight=tokens)


def _note_of(shard: int | None) -> str:
    return _NOTE if shard is None else f"{_NOTE} of worker {shard}"


def _noted(journal: Journal, note: str) -> _Notes:
    if (noted := journal.noted(note)) is not None:
        with suppress(msgspec.ValidationError):  # another version's: no score hangs on it
            return msgspec.convert(noted, _Notes, str_keys=True)
    return _Notes(_Measured(), _Measured(), _Measured())


def _rate(measured: _Measured) -> Rate | None:
    if not measured.count:
        return None
    return Rate(measured.tokens, measured.seconds, measured.count, *measured.quartiles())
