"""What is known of a comparison by token while it runs: a row a model, and one for the comparison itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchtui.plans.plan import Plan
from benchtui.plans.tokens import TokensPlan
from benchtui.runs.events import Event
from benchtui.runs.follow.view import Counts, RowView, TaskState, count
from benchtui.runs.kinds.kind import Folded
from benchtui.runs.kinds.tokens.events import PairsCompared, TextsWritten, TokensPlanned, TokensScored

COMPARING = "comparison"
"""The name of the last row."""


@dataclass(frozen=True)
class ModelProgress:
    """How far one model is; `entropy` and `surprisal` are means so far, in nats, None where they are not known."""

    written: int = 0
    documents: int = 0
    positions: int = 0
    entropy: float | None = None
    surprisal: float | None = None


@dataclass(frozen=True)
class TokensView:
    """What only displays of a comparison by token show."""

    labels: tuple[str, ...] = ()
    documents: int = 0
    positions: tuple[int, ...] = ()
    bytes: int = 0
    models: tuple[ModelProgress, ...] = ()
    compared: int = 0
    js: float | None = None


@dataclass
class TokensFold:
    """Keeps the newest of each kind of event; what is done stays done when another worker starts."""

    _plan: TokensPlan | None = None
    _view: TokensView = TokensView()
    _at: float = 0.0
    _models: dict[int, ModelProgress] = field(default_factory=dict)

    @property
    def planned(self) -> bool:
        """Whether the worker has said what there is to do."""
        return self._view.documents > 0

    def know(self, plan: Plan) -> None:
        """Keep the plan."""
        if isinstance(plan, TokensPlan):
            self._plan = plan
            self._view = replace(self._view, labels=tuple(model.label for model in plan.models))

    def apply(self, event: Event) -> None:
        """Note what one event says."""
        self._at = event.t
        if isinstance(event, TokensPlanned):
            self._view = replace(
                self._view, documents=count(event.documents), positions=event.positions, bytes=count(event.bytes)
            )
        elif isinstance(event, TokensScored) and self._is_model(event.model):
            self._models[event.model] = replace(
                self._of(event.model),
                documents=count(event.documents),
                positions=count(event.positions),
                entropy=event.entropy,
                surprisal=event.surprisal,
            )
        elif isinstance(event, TextsWritten) and self._is_model(event.model):
            self._models[event.model] = replace(self._of(event.model), written=count(event.documents))
        elif isinstance(event, PairsCompared):
            self._view = replace(self._view, compared=count(event.documents), js=event.js)

    def begin_attempt(self) -> None:
        """Nothing is lost: a shard that is there is not computed again."""

    def view(self) -> Folded:
        """What is known now."""
        models = tuple(self._of(number) for number in range(len(self._view.labels)))
        view, total = replace(self._view, models=models), self._view.documents
        steps = [(label, found.documents) for label, found in zip(view.labels, models, strict=True)]
        if self._plan is not None and self._plan.pairs:
            steps.append((COMPARING, view.compared))
        rows = tuple(self._row(name, done, total) for name, done in steps)
        done = sum(min(documents, total) for _, documents in steps)
        return Folded(rows, Counts(done, total * len(steps)), view)

    def _row(self, name: str, done: int, total: int) -> RowView:
        done = min(done, total)
        state: TaskState = "done" if total and done == total else "evaluating" if done else "waiting"
        share = done / total if total else 0.0
        return RowView(name, state, 1, int(state == "done"), done, total, share, None, None, None, self._at, None)

    def _of(self, model: int) -> ModelProgress:
        return self._models.get(model, ModelProgress())

    def _is_model(self, number: int) -> bool:
        return 0 <= number < len(self._view.labels)
