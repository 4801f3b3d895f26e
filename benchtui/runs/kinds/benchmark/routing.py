"""What events say of two models, bounded: numbers and strips from a file are no more than they may be."""

from __future__ import annotations

from benchtui.routing.answers import RoutedFacts, Work
from benchtui.routing.strip import CELLS, fitted
from benchtui.runs.follow.view import count
from benchtui.runs.kinds.benchmark.events import Routed, RoutedAnswer, RoutedDocuments
from benchtui.runs.kinds.benchmark.view import Routing


def bounded(event: Routed) -> Routing:
    """Return the sums of an event."""
    work, documents = event.work, event.documents
    return Routing(
        RoutedFacts(_work(work.small), _work(work.large), (), count(work.drafted), count(work.accepted)),
        RoutedDocuments(count(documents.small), count(documents.large), count(documents.both)),
    )


def bounded_answers(event: Routed, most: int) -> list[RoutedAnswer]:
    """Return the newest answers of an event, `most` of them."""
    return [
        RoutedAnswer(count(one.doc_id), count(one.small), count(one.large), fitted(one.strip, CELLS))
        for one in event.answers[-most:]
    ]


def _work(work: Work) -> Work:
    seconds = work.seconds if 0 <= work.seconds < 1e12 else 0.0
    flops = work.flops if 0 <= work.flops < 1e30 else 0.0
    return Work(
        count(work.calls),
        count(work.positions),
        count(work.chosen),
        count(work.discarded),
        seconds,
        count(work.shared),
        count(work.padding),
        flops,
    )
