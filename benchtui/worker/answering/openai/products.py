"""Which way a server is asked, by the product that it was recognised as: the one place that knows them.

A product with a way of its own has a function here that makes its Answering, and stands among `OWN_SCORES` of
benchtui/backends/openai.py where that way gives log-likelihoods without --tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchtui.backends.openai import LLAMA_SERVER, NO_TOKENIZER, OPENAI, SGLANG, VLLM, asks_llama
from benchtui.worker.answering.openai.answering import OpenAIAnswering
from benchtui.worker.answering.openai.echo import EchoScorer
from benchtui.worker.answering.openai.llama_answering import LlamaServerAnswering
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.openai.sglang_scores import SglangScorer
from benchtui.worker.answering.openai.tokens import NamedTokenizer
from benchtui.worker.answering.openai.tops import SGLANG_WAY, VLLM_WAY, Tops
from benchtui.worker.answering.openai.vllm_scores import VllmScorer
from benchtui.worker.answering.protocol import Answering, ModelPlan
from benchtui.worker.report import Reporter


def answering_of(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """Ask `server` in the way of its product. Raises BenchtuiError where it answers nothing: then it is still open."""
    return _OWN.get(server.facts.product, _any_server)(plan, server, reporter)


def _any_server(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """Texts by OpenAI's routes, log-likelihoods by echo where a tokenizer is named."""
    place = OPENAI.setting(plan.backend_settings, "tokenizer")
    if place == NO_TOKENIZER:
        return OpenAIAnswering(plan, server, None, None, reporter)
    tokenizer = NamedTokenizer(place, plan)
    return OpenAIAnswering(plan, server, tokenizer, EchoScorer(server, tokenizer), reporter)


def _llama_server(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """Everything by llama-server's own routes; by OpenAI's where the user wants the server's own chat template."""
    if not asks_llama(server.facts.product, plan.backend_settings):
        return _any_server(plan, server, reporter)
    asked = LlamaServer(server.address, server.model.name, timeout=server.timeout)
    try:
        return LlamaServerAnswering(plan, asked, server, reporter)
    except BaseException:
        asked.close()
        raise


def _vllm(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """As any server, but log-likelihoods are read by token ids, and one request is asked at a time where the server has
    adapters: with them vLLM mixes up the log-probabilities of prompts that share a batch, or dies of it."""
    place = OPENAI.setting(plan.backend_settings, "tokenizer")
    if place == NO_TOKENIZER:
        return OpenAIAnswering(plan, server, None, None, reporter)
    tokenizer = NamedTokenizer(place, plan)
    scorer = VllmScorer(server, tokenizer)
    tops = Tops(server, tokenizer, scorer, VLLM_WAY)
    answering = OpenAIAnswering(plan, server, tokenizer, scorer, reporter, tops)
    if any(model.parent for model in server.facts.models):
        server.width = 1
        reporter.decision("requests at a time", "1", "the server has adapters, which vLLM mixes up within a batch")
    return answering


def _sglang(plan: ModelPlan, server: Server, reporter: Reporter) -> Answering:
    """As any server, but log-likelihoods are read by /generate, which leaves the context in the server's cache."""
    place = OPENAI.setting(plan.backend_settings, "tokenizer")
    if place == NO_TOKENIZER:
        return OpenAIAnswering(plan, server, None, None, reporter)
    tokenizer = NamedTokenizer(place, plan)
    scorer = SglangScorer(server, tokenizer)
    return OpenAIAnswering(plan, server, tokenizer, scorer, reporter, Tops(server, tokenizer, scorer, SGLANG_WAY))


_OWN: Mapping[str, Callable[[ModelPlan, Server, Reporter], Answering]] = {
    LLAMA_SERVER: _llama_server,
    SGLANG: _sglang,
    VLLM: _vllm,
}
"""By `ServerFacts.product`."""
