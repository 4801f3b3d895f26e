"""The openai backend: models behind a server that speaks OpenAI's language, asked at --server."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, OwnSetting
from benchtui.backends.servers import ServedModel, ServerFacts, is_local, look, server_url, why_no_echo
from benchtui.errors import UsageError
from benchtui.machine import instruction_set
from benchtui.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from benchtui.models.describe import ModelDescription
    from benchtui.models.layout import ModelFormat, TrainedModel
    from benchtui.models.source import Source
    from benchtui.models.tokenizer.chat_template import ChatTemplate

NO_TOKENIZER = "none"
LLAMA_SERVER = "llama-server"
SGLANG = "sglang"
VLLM = "vllm"
UNVERIFIED: Mapping[str, str] = {
    SGLANG: "its own way to log-likelihoods is not verified on a live server; the probe decides, before the first task"
}
"""What of a product nobody has tried."""
OWN_SCORES = frozenset({LLAMA_SERVER})
"""Products that give log-likelihoods by a way of their own, without --tokenizer: those of
benchtui/worker/answering/openai/products.py."""
TELLS_LIKELIEST = frozenset({SGLANG, VLLM})
"""Products that tell the likeliest tokens at every place of a given text."""
MESSAGES = "{{ messages | tojson }}"
"""Written in place of the server's own chat template: prompts are lists of messages, written as JSON."""

_GUESSED = (
    "{%-formessageinmessages-%}{{-'<|im_start|>'+message.role+''+message.content+'<|im_end|>'-}}{%-endfor-%}"
    "{%-ifadd_generation_prompt-%}{{-'<|im_start|>assistant'-}}{%-endif-%}"
)
"""What llama.cpp takes where a GGUF has no chat template, without white space, written as such or as \\n."""


@dataclass(frozen=True)
class _OpenAI(Backend):
    def check(self, access: Access | None = None) -> None:
        super().check(access)
        if access is None:
            return
        from benchtui.models.hub.asking import hub_is_offline

        if access.offline or hub_is_offline():
            raise UsageError(
                "The run is offline (--offline or HF_HUB_OFFLINE), and a server is asked over the network.",
                "Leave out --offline, or unset HF_HUB_OFFLINE.",
            )
        look(_url(access))

    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        facts = look(_url(access))
        return _trained(facts.model(selector), outputs)

    def list_models(self, outputs: Path, access: Access) -> list[TrainedModel]:
        facts = look(_url(access))
        return [_trained(model, outputs) for model in facts.models]

    def describe(self, location: str, access: Access) -> ModelDescription:
        from benchtui.models.served import ServedDescription
        from benchtui.models.tokenizer.chat_template import ChatTemplate
        from benchtui.models.weights.architecture import Architecture

        facts = look(_url(access))
        model = facts.model(location)
        chat = self.setting(access.settings, "endpoint") == "chat"
        llama = asks_llama(facts.product, access.settings)
        if llama and self.setting(access.settings, "tokenizer") != NO_TOKENIZER:
            raise UsageError("llama-server tokenises by itself, exactly.", "Leave out --tokenizer.")
        return ServedDescription(
            name=model.name,
            identity=model.identity,
            revision=None,
            weight_bytes=model.bytes,
            parameters=model.parameters,
            parameters_estimated=False,
            dtype=None,
            template=_template(facts)
            if llama
            else ChatTemplate(MESSAGES, file="the server's own")
            if chat
            else ChatTemplate(),
            has_tokenizer=True,
            architecture=Architecture(max_positions=model.window),
            special_tokens=facts.special_tokens if llama else (),
            note=_cost(facts, model) if llama else _untried(facts.product),
            server=facts.url,
            product=facts.product,
        )

    def gives_of(self, model: ModelDescription, access: Access) -> Gives:
        """As `Backend.gives_of`. That the scores are right is proved by the worker, before its first task."""
        facts = look(_url(access))
        if self.setting(access.settings, "endpoint") == "chat":
            return _only_text("its chat route gives none", "Use --endpoint completions, or choose other tasks.")
        if facts.product in OWN_SCORES:
            return dataclasses.replace(self.gives, distributions="full")
        if self.setting(access.settings, "tokenizer") == NO_TOKENIZER:
            return _only_text(
                "they need the model's tokenizer",
                "Name its folder or hub id with --tokenizer, or choose tasks that generate text.",
            )
        why = why_no_echo(facts.url, facts.model(model.name).name)
        if why:
            return _only_text(why, "Open the model's files with --backend hf or gguf, or choose other tasks.")
        if facts.product in TELLS_LIKELIEST:
            return dataclasses.replace(self.gives, distributions="top-k")
        return self.gives

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        from benchtui.backends.served import served_source

        del base, access
        return served_source(form, own)

    def identify(self, source: Source, access: Access) -> str:
        del access
        return look(str(getattr(source, "server", ""))).model(source.path).identity

    def identity(self, access: Access) -> dict[str, str]:
        facts = look(_url(access))
        found = {"server version": facts.version} if facts.version else {}
        if facts.product == LLAMA_SERVER:  # its numbers are those of the machine's kernels
            found["instruction set"] = instruction_set() if is_local(facts.url) else "another machine's"
        return found


def asks_llama(product: str, settings: Mapping[str, str]) -> bool:
    """Return whether a server is asked by llama-server's own routes: its tokenizer, exact log-likelihoods, and
    prompts of messages by the model's own template, rendered here."""
    return product == LLAMA_SERVER and settings.get("endpoint", ENDPOINT.default) != "chat"


def _template(facts: ServerFacts) -> ChatTemplate:
    """The template of the model that a llama-server has. For a model without one it shows ChatML, a guess."""
    from benchtui.models.tokenizer.chat_template import ChatTemplate

    text = facts.template
    if text is None or "".join(text.replace("\\n", "").split()) == _GUESSED:
        return ChatTemplate(
            problem="has no chat template at its server, which would guess one: give --chat-template FILE, or run "
            "without a chat template"
        )
    return ChatTemplate(text, file="its server's")


def _cost(facts: ServerFacts, model: ServedModel) -> str:
    """What log-likelihoods cost at a llama-server, and what would be cheaper."""
    said = "Log-likelihoods cost llama-server one request for each token of a continuation"
    file = _local_file(facts, model)
    if file is None:
        return f"{said}."
    return (
        f"{said}; --backend gguf --model {shlex.quote(one_line(str(file), 300))} reads the same file, and is cheaper."
    )


def _untried(product: str) -> str:
    return f"{product}: {UNVERIFIED[product]}." if product in UNVERIFIED else ""


def _local_file(facts: ServerFacts, model: ServedModel) -> Path | None:
    """The GGUF file that the server has loaded, where it lies on this machine; None where it does not, or is not it."""
    from pathlib import Path

    if model.file is None or not is_local(facts.url):
        return None
    path = Path(model.file)
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        return None
    # The file has the tensors and what is told of them; of a split model it is the first part.
    whole = size >= model.bytes or "-of-" in path.name
    return path if path.is_absolute() and path.is_file() and whole else None


def _only_text(why: str, instead: str) -> Gives:
    return Gives(generate=True, chat=True, no_loglikelihood=why, instead=instead)


def _url(access: Access) -> str:
    if access.server is None:
        raise UsageError("The openai backend asks a server.", "Give its address with --server URL.")
    return server_url(access.server)


def _trained(model: ServedModel, outputs: Path) -> TrainedModel:
    from benchtui.models.served import served_model

    return served_model(model.name, outputs, size=model.bytes)


ENDPOINT = OwnSetting(
    "endpoint",
    "completions, with the prompt as it is; or chat: messages, by the server's own template.",
    ("completions", "chat"),
    "completions",
)
REQUEST_TIMEOUT = OwnSetting(
    "request-timeout",
    "Seconds that a served model may take for one answer; after three tries the sample is unanswered.",
    (),
    "1800",
    "SECONDS",
    scores=False,
)

OPENAI = _OpenAI(
    name="openai",
    title="a server that speaks OpenAI's language",
    takes=("served",),
    gives=Gives(generate=True, loglikelihood=True, chat=True),
    answering="benchtui.worker.answering.openai.open",
    settings=(
        ENDPOINT,
        OwnSetting(
            "tokenizer",
            "Tokenizer of the evaluated model: folder, tokenizer.json or tokenizer.model; none: its own. Of a served "
            "model: folder or hub id; log-likelihoods need it.",
            (),
            NO_TOKENIZER,
            "ID",
        ),
        REQUEST_TIMEOUT,
    ),
    served=True,
    spreads_itself="Leave it out: the server decides which devices its models are on.",
    costs="multiple choice only where the server's numbers are proven right",
)
