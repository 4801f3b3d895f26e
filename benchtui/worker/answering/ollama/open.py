"""How the worker opens a model of an Ollama server: what `benchtui/backends/ollama.py` names."""

from __future__ import annotations

from benchtui.backends.openai import ENDPOINT
from benchtui.models.gguf.describe import describe_gguf
from benchtui.models.source import ServedSource
from benchtui.worker.answering.chat_template import TemplateRenderer
from benchtui.worker.answering.ollama.answering import OllamaAnswering, served
from benchtui.worker.answering.openai.messages import Messages
from benchtui.worker.answering.protocol import ChatRenderer, ModelPlan
from benchtui.worker.report import Reporter


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> OllamaAnswering:
    """Load the plan's model at its server. Raises BenchtuiError naming the server and what would help."""
    del memory_share
    return OllamaAnswering.open(plan, renderer(plan, served(plan)), reporter)


def open_chat(plan: ModelPlan) -> ChatRenderer:
    """The plan's chat template; messages as they are where the server applies its own."""
    return renderer(plan, served(plan))


def renderer(plan: ModelPlan, source: ServedSource) -> ChatRenderer:
    """What writes prompts of messages. The special tokens are those of the model's own GGUF, where it is here."""
    if plan.backend_settings.get(ENDPOINT.name) == "chat":
        return Messages(source.path)
    known = describe_gguf(source.gguf).special_tokens if source.gguf is not None else ()
    return TemplateRenderer(source.path, {name: text for name, text in known if text is not None}, plan.prompts)
