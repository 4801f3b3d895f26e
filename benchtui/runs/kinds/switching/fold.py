"""What is known of two models that write by turns while they do: a row for the threshold, one for the texts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchtui.plans.plan import Plan
from benchtui.plans.switching import SwitchingPlan
from benchtui.runs.events import Event
from benchtui.runs.follow.view import Counts, RowView, TaskState, count
from benchtui.runs.kinds.kind import Folded
from benchtui.runs.kinds.switching.events import Profiled, Switched, SwitchingPlanned

PROFILE, TEXTS = "threshold", "texts"
"""The names of the rows."""


@dataclass(frozen=True)
class SwitchingView:
    """What only displays of this kind show: `tokens` by model, `threshold` None until it is known."""

    labels: tuple[str, ...] = ()
    profiled: int = 0
    to_profile: int = 0
    documents: int = 0
    total: int = 0
    tokens: tuple[int, int] = (0, 0)
    switches: int = 0
    failed: int = 0
    threshold: float | None = None


@dataclass
class SwitchingFold:
    """Keeps the newest of each kind of event; what is done stays done when another worker starts."""

    _view: SwitchingView = SwitchingView()
    _at: float = 0.0

    @property
    def planned(self) -> bool:
        """Whether the worker has said what there is to do."""
        return self._view.total > 0

    def know(self, plan: Plan) -> None:
        """Keep the plan."""
        if isinstance(plan, SwitchingPlan):
            threshold = plan.threshold if isinstance(plan.threshold, float | int) else None
            labels = tuple(model.label for model in plan.models)
            self._view = replace(self._view, labels=labels, threshold=threshold)

    def apply(self, event: Event) -> None:
        """Note what one event says."""
        self._at = event.t
        if isinstance(event, SwitchingPlanned):
            self._view = replace(self._view, total=count(event.documents), to_profile=count(event.profiled))
        elif isinstance(event, Profiled):
            known = self._view.threshold if event.threshold is None else event.threshold
            self._view = replace(self._view, profiled=count(event.documents), threshold=known)
        elif isinstance(event, Switched):
            self._view = replace(
                self._view,
                documents=count(event.documents),
                tokens=(count(event.tokens[0]), count(event.tokens[1])),
                switches=count(event.switches),
                failed=count(event.failed),
            )

    def begin_attempt(self) -> None:
        """Nothing is lost: what the journal holds is not written again."""

    def view(self) -> Folded:
        """What is known now."""
        view = self._view
        rows = [self._row(PROFILE, view.profiled, view.to_profile)] if view.to_profile else []
        rows.append(self._row(TEXTS, view.documents, view.total))
        return Folded(tuple(rows), Counts(min(view.documents, view.total), view.total), view)

    def _row(self, name: str, done: int, total: int) -> RowView:
        done = min(done, total)
        state: TaskState = "done" if total and done == total else "evaluating" if done else "waiting"
        share = done / total if total else 0.0
        return RowView(name, state, 1, int(state == "done"), done, total, share, None, None, None, self._at, None)
