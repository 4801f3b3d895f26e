"""Which way a server is asked, by the product that it was recognised as: the one place that knows them.

A product with a way of its own has a function here that makes its Answering, and stands among `OWN_SCORES` of
benchtui/backends/openai.py where that way gives log-likelihoods without --tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchtui.backends.openai import NO_TOKENIZER, OPENAI
from benchtui.worker.answering.openai.answering import OpenAIAnswering
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.tokens import NamedTokenizer
from benchtui.worker.answering.protocol import Answering, ModelPlan
from benchtui.worker.report import Reporter


def answering_of(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """Ask `server` in the way of its product. Raises BenchtuiError where it answers nothing."""
    return _OWN.get(server.facts.product, _any_server)(plan, server, reporter)


def _any_server(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """Texts by OpenAI's routes, log-likelihoods by echo where a tokenizer is named."""
    place = OPENAI.setting(plan.backend_settings, "tokenizer")
    if place == NO_TOKENIZER:
        return OpenAIAnswering(plan, server, None, None, reporter)
    tokenizer = NamedTokenizer(place, plan)
    return OpenAIAnswering(plan, server, tokenizer, EchoScorer(server, tokenizer), reporter)


_OWN: Mapping[str, Callable[[ModelPlan, Server, Reporter], Answering]] = {}
"""By `ServerFacts.product`."""
