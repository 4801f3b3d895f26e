"""One text of a small model, in which a large one writes where the small one is unsure.

The small model reads every token, since its distribution decides who writes the next one. The large model reads what it
misses when it has to write: fewer calls, not fewer positions.
"""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.routing.records import RoutedText, Side
from benchtui.routing.rules import RouteRule
from benchtui.routing.signals import SIGNALS, of_distributions
from benchtui.worker.answering.protocol import Ids
from benchtui.worker.answering.stepped import LogProbs, SteppedModel, SteppedText
from benchtui.worker.answering.written import Answers


def write_routed(
    small: SteppedModel,
    large: SteppedModel,
    prompt: Ids,
    answers: Answers,
    rule: RouteRule,
    document: int,
    repeat: int = 0,
) -> RoutedText:
    """Write behind a prompt of at least one token. `document` and `repeat` choose the random numbers of a text that is
    sampled.

    Raises BenchtuiError where the prompt fills the window or the rule needs raw logits, which a growing text does not
    give, and what either model raises.
    """
    if SIGNALS[rule.signal].needs == "raw logits":
        raise BenchtuiError(
            f"{rule.signal} needs raw logits, and a text that grows gives log-probabilities only.",
            "Choose another signal, such as margin.",
        )
    answer = answers.begin(prompt, document, repeat)
    texts: dict[Side, SteppedText] = {"a": small.begin(), "b": large.begin()}
    writers: list[Side] = []
    signals: list[float] = []
    since: int | None = None
    while answer.ended is None:
        row = texts["a"].read(answer.ids, last=1)[0]
        signals.append(signal_at(rule, row))
        if rule.reached(signals[-1]):
            since = 0
        elif since is not None:
            since += 1
        writers.append(rule.writer(since))
        if writers[-1] == "b":
            row = texts["b"].read(answer.ids, last=1)[0]
        answer.append(answer.drawn(row))
    return RoutedText(
        response=answer.response,
        tokens=tuple(answer.tokens),
        writers="".join(writers),
        ended=answer.ended,
        costs=(texts["a"].cost(writers.count("a")), texts["b"].cost(writers.count("b"))),
        signals=tuple(signals),
    )


def signal_at(rule: RouteRule, row: LogProbs) -> float:
    """Return the signal of a rule at one position, from its log-probabilities [known ids] in nats."""
    return float(of_distributions(rule.signal, row[None], k=rule.k)[0])
