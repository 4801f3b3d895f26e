"""How the worker opens a served model: what `benchtui/backends/openai.py` names."""

from __future__ import annotations

from benchtui.backends.openai import OPENAI, REQUEST_TIMEOUT, asks_llama
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.text import one_line
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.openai.llama_answering import renderer
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.llama_tokens import LlamaTokenizer
from benchtui.worker.answering.openai.messages import Messages
from benchtui.worker.answering.openai.products import answering_of
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Answering, ChatRenderer, ModelPlan
from benchtui.worker.report import Reporter


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> Answering:
    """Look whether the plan's model is there, and how it can be asked. Raises BenchtuiError naming the server."""
    del memory_share
    source = _served(plan)
    server = Server(Address(source.server), source.path, timeout=timeout_of(plan))
    try:
        _check_planned(server, source)
        return answering_of(plan, server, reporter)
    except BaseException:
        server.close()
        raise


def _check_planned(server: Server, source: ServedSource) -> None:
    if server.model.identity != source.identity:
        raise BenchtuiError(
            f"{source.server} has another model than the plan names ({server.model.identity}; planned was "
            f"{source.identity}).",
            "Start it with that model, or start a new run.",
        )


def open_chat(plan: ModelPlan) -> ChatRenderer:
    """Prompts of messages: for the server's own template, or by the plan's template where that is rendered here."""
    source = _served(plan)
    if not asks_llama(source.product, plan.backend_settings):
        return Messages(source.path)
    server = LlamaServer(Address(source.server), source.path, timeout=timeout_of(plan))
    try:
        return renderer(plan, LlamaTokenizer.of(server))
    finally:
        server.close()


def timeout_of(plan: ModelPlan) -> float:
    """Seconds that a served model may take for one answer. Raises BenchtuiError for what is no number."""
    text = OPENAI.setting(plan.backend_options, REQUEST_TIMEOUT.name)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BenchtuiError(
            f"--request-timeout {one_line(text, 40)!r} is no number of seconds.", "Give one such as 600."
        )
    return seconds


def _served(plan: ModelPlan) -> ServedSource:
    if isinstance(plan.source, ServedSource):
        return plan.source
    raise BenchtuiError("The run's model is no server's.", "Start a new run.")
