"""Chooses the next token from logits: the largest, or one drawn at random, with transformers' own processors."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.generation_settings import GenerationSettings


@dataclass(eq=False)
class Job:
    """One request whose text is being generated; `tokens` get one more at each step."""

    index: int
    prompt: NDArray[np.int32]
    settings: GenerationSettings
    random: random.Random
    tokens: list[int] = field(default_factory=list)
    processors: Any = None

    @property
    def is_complete(self) -> bool:
        """Whether the newest token ends the text."""
        settings, newest = self.settings, self.tokens[-1]
        return newest in settings.eos or len(self.tokens) >= settings.limit or settings.stops.found(self.tokens)

    def history(self) -> NDArray[np.int32]:
        """Prompt and generated tokens."""
        return np.concatenate([self.prompt, np.asarray(self.tokens, dtype=np.int32)])


class NotFiniteError(Exception):
    """The logits of a request are NaN or infinite, so no token can be chosen."""

    def __init__(self, index: int) -> None:
        super().__init__(f"logits of request {index} are not finite")
        self.index = index


def choose(logits: torch.Tensor, jobs: Sequence[Job]) -> list[int]:
    """Return the next token of each job, from logits [jobs, vocabulary]. Raises NotFiniteError for NaN or infinity."""
    best = logits.max(dim=-1)
    if not torch.isfinite(best.values).all():
        raise NotFiniteError(jobs[int(torch.isfinite(best.values).logical_not().nonzero()[0])].index)
    chosen: list[int] = best.indices.tolist()
    by_settings: dict[GenerationSettings, list[int]] = {}
    for row, job in enumerate(jobs):
        if job.settings.processors is not None:
            by_settings.setdefault(job.settings, []).append(row)
    for settings, rows in by_settings.items():
        group = [jobs[row] for row in rows]
        scores = logits[torch.tensor(rows, device=logits.device)].float()
        scores = _processed(scores, group, settings)
        tokens = _sampled(scores, group) if settings.sample else scores.argmax(dim=-1).tolist()
        for row, token in zip(rows, tokens, strict=True):
            chosen[row] = token
    return chosen


def _processed(scores: torch.Tensor, jobs: Sequence[Job], settings: GenerationSettings) -> torch.Tensor:
    for job in jobs:
        if job.processors is None and settings.processors is not None:
            job.processors = settings.processors(job.prompt)
    if settings.stateless:
        ignored = torch.zeros((len(jobs), 1), dtype=torch.long, device=scores.device)
        processed: torch.Tensor = jobs[0].processors(ignored, scores)
        return processed
    rows = []
    for row, job in enumerate(jobs):
        ids = torch.from_numpy(job.history().astype(np.int64)).unsqueeze(0).to(scores.device)
        rows.append(job.processors(ids, scores[row : row + 1]))
    return torch.cat(rows)


def _sampled(scores: torch.Tensor, jobs: Sequence[Job]) -> list[int]:
    """Draw by inverse transform sampling: each job's own random number picks from its own distribution."""
    cumulated = torch.softmax(scores, dim=-1).cpu().double().cumsum(dim=-1)
    drawn = torch.tensor([[job.random.random()] for job in jobs], dtype=torch.float64) * cumulated[:, -1:]
    tokens: list[int] = torch.searchsorted(cumulated, drawn, right=True).squeeze(1).tolist()
    return tokens
