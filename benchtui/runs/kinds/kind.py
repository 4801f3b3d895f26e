"""What a kind of run is: all that listing, supervising, attaching, cancelling and resuming are told about it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import msgspec

from benchtui.plans.plan import Plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import CORE, Ahead, Event
from benchtui.runs.follow.view import Counts, RowView
from benchtui.text import one_line


@dataclass(frozen=True)
class Folded:
    """A kind's part of what is known of a run at one moment: `rows` are what every display shows, a line each; `own` is
    what only displays made for the kind show."""

    rows: tuple[RowView, ...] = ()
    counts: Counts = field(default_factory=Counts)
    own: object = None


class Fold(Protocol):
    """A kind's part of what is known of a run while its events come in. It raises for nothing that an event says."""

    @property
    def planned(self) -> bool:
        """Whether the worker has said what there is to do."""

    def know(self, plan: Plan) -> None:
        """Keep the plan, of the kind's own type; called once it can be read."""

    def apply(self, event: Event) -> None:
        """Note what one event says; it is of this kind or of every kind."""

    def begin_attempt(self) -> None:
        """A new worker starts: it goes through the work again, and what is done stays done."""

    def view(self) -> Folded:
        """What is known now."""


class Combine(Protocol):
    """The kind's own events of several workers that evaluate parts of one run, as events of that run."""

    def take(self, shard: int, event: Event) -> Event | None:
        """What an event that the worker of `shard` wrote says of the whole run by itself; None when it says nothing of
        it, or something that `sums` tells."""

    def sums(self) -> Sequence[Event]:
        """What is true of all shards together, and has changed since the last call."""

    def settle(self, shard: int, ahead: Sequence[Ahead] = ()) -> None:
        """All that this shard told of so far is answered for good, but for what is `ahead`: answers of open chunks."""

    def lose(self, shard: int) -> None:
        """The slot of this shard has ended: other workers answer again what it told of since it was settled."""


class NothingCombined:
    """For a kind whose events say nothing of the whole run, or whose runs always have one worker."""

    def take(self, shard: int, event: Event) -> Event | None:  # noqa: ARG002 - the protocol's signature
        return None

    def sums(self) -> Sequence[Event]:
        return ()

    def settle(self, shard: int, ahead: Sequence[Ahead] = ()) -> None: ...

    def lose(self, shard: int) -> None: ...


@dataclass(frozen=True)
class About:
    """What a run is about, as headings and lists say it.

    `role` is one word before the name of the model, and `weights` that name; `tasks` is what there is to do, and
    `suite` a name for all of it.
    """

    role: str
    weights: str
    tasks: tuple[str, ...] = ()
    suite: str | None = None


@dataclass(frozen=True)
class Working:
    """What a run is working on, as a list says it: `documents` of `documents_total` of one task are done."""

    task: str
    documents: int
    documents_total: int


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    `name` is the `kind` of its plans. Its runs lie in OUTPUTS/MODEL/`folder`/. `plan` and `events` are its own types;
    `fold` makes what its events are folded into. `about` is given a plan of its type, `working` any event: it gives
    None for those that do not say how far the run is. `worker` is the module with the functions `work` and `score`,
    which only the worker process imports (its `__main__.py` says what they are given); `starting` says what happens
    until then, for displays. `resume` names the function
    that resumes its runs, "module:function", where a plan alone does not say all (see benchmark/resume.py); `own_code`
    is given a plan: the folders whose code its worker would run, for which the user is asked before. `combine` makes
    what combines its events where several workers evaluate one run. `side_by_side` is given the plans of runs that
    share a worker: whether they advance, and end, together. `decides` is given a plan: whether it may be decided early
    that no more documents are needed. `resume_flags` is given a run and its plan: the flags that
    `benchtui resume` needs again for it. `known` is False for a kind that this version does not have: nothing is
    known but the header of the plan.
    """

    name: str
    folder: str
    plan: type[Plan]
    events: tuple[type[Event], ...]
    fold: Callable[[], Fold]
    about: Callable[[Any], About]
    working: Callable[[Event], Working | None]
    worker: str
    starting: str = ""
    resume: str = ""
    own_code: Callable[[Any], Sequence[str]] = lambda _: ()
    combine: Callable[[], Combine] = NothingCombined
    side_by_side: Callable[[Sequence[Any]], bool] = lambda _: False
    decides: Callable[[Any], bool] = lambda _: False
    resume_flags: Callable[[RunDirectory, Any], Sequence[str]] = lambda *_: ()
    known: bool = True

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Event]:
        """Reads an event of this kind, or one that every kind has."""
        types: Any = functools.reduce(operator.or_, (*CORE, *self.events))
        return msgspec.json.Decoder(types)


class NothingKnown:
    """The fold of a kind that this version does not have."""

    planned = False

    def know(self, plan: Plan) -> None: ...

    def apply(self, event: Event) -> None: ...

    def begin_attempt(self) -> None: ...

    def view(self) -> Folded:
        return Folded()


def unknown_kind(name: str) -> Kind:
    """A kind that this version does not have, perhaps of a newer one: its runs are listed and followed, no more."""

    role = one_line(name, 40)  # a plan may come from a stranger

    def about(plan: Plan) -> About:
        return About(role, plan.model_name, (f"a kind that this version does not know ({role})",))

    return Kind(
        name=name,
        folder="",
        plan=Plan,
        events=(),
        fold=NothingKnown,
        about=about,
        working=lambda _: None,
        worker="",
        known=False,
    )
