"""What happens while two models write texts by turns, beside what happens in every run."""

from __future__ import annotations

from benchtui.runs.events import Event


class SwitchingPlanned(Event, frozen=True, kw_only=True, tag="switching-planned"):
    """There are so many texts to write, and `profiled` to take a threshold from before."""

    documents: int
    profiled: int = 0


class Profiled(Event, frozen=True, kw_only=True, tag="switching-profiled"):
    """So many texts for the threshold are written; `threshold` is None until all are."""

    documents: int
    documents_total: int
    threshold: float | None = None


class Switched(Event, frozen=True, kw_only=True, tag="switched"):
    """So many texts are written, with so many tokens and switches; `failed` are those that could not be."""

    documents: int
    documents_total: int
    tokens: tuple[int, int]
    switches: int
    failed: int = 0
