"""One text, written by two models alone."""

from __future__ import annotations

from benchtui.routing.names import FIRST_DRAFT, Drafts
from benchtui.routing.records import RoutedText, SpeculativeText
from benchtui.routing.rules import RouteRule
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import SteppedModel
from benchtui.worker.answering.written import Answers, Asked
from benchtui.worker.routing.routed import Routing
from benchtui.worker.routing.speculative import Speculation


def write_routed(
    small: SteppedModel,
    large: SteppedModel,
    prompt: Ids,
    answers: Answers,
    rule: RouteRule,
    document: int,
    repeat: int = 0,
) -> RoutedText:
    """Write one text, as `Routing` does. Raises what that raises."""
    found: list[RoutedText] = []
    asked = Asked(prompt, answers, document, repeat)
    Routing(small.one_text(), large.one_text(), rule).write([asked], lambda _, text: found.append(text))
    return found[0]


def write_speculative(
    small: SteppedModel,
    large: SteppedModel,
    prompt: Ids,
    answers: Answers,
    document: int,
    repeat: int = 0,
    drafts: Drafts = FIRST_DRAFT,
) -> SpeculativeText:
    """Write one text, as `Speculation` does. Raises what that raises."""
    found: list[SpeculativeText] = []
    asked = Asked(prompt, answers, document, repeat)
    Speculation(small.one_text(), large.one_text(), drafts).write([asked], lambda _, text: found.append(text))
    return found[0]
