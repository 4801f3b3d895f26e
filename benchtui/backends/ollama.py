"""The ollama backend: models of an Ollama server, asked at OLLAMA_HOST or --server."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, OwnSetting
from benchtui.backends.gguf import BATCH_LAYOUT
from benchtui.backends.ollama_server import OllamaModel, ShownModel, look_at_ollama, ollama_url, show
from benchtui.backends.openai import ENDPOINT, MESSAGES, REQUEST_TIMEOUT
from benchtui.backends.servers import is_local
from benchtui.errors import BenchtuiError, UsageError
from benchtui.machine import instruction_set
from benchtui.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from benchtui.backends.ollama_models import ListedOllama
    from benchtui.models.describe import ModelDescription
    from benchtui.models.gguf.describe import GgufDescription
    from benchtui.models.layout import ModelFormat, TrainedModel
    from benchtui.models.source import Source

LONGEST = 8192
"""The context in tokens that a model is given where --max-length names none: the server keeps memory for all of it."""
_READER = "llama-cpp-python"
"""The package that opens a model's own GGUF."""


@dataclass(frozen=True)
class _Ollama(Backend):
    def check(self, access: Access | None = None) -> None:
        super().check(access)
        if access is None:
            return
        from benchtui.models.hub.asking import hub_is_offline

        url = ollama_url(access.server)
        if not is_local(url) and (access.offline or hub_is_offline()):
            raise UsageError(
                f"The run is offline (--offline or HF_HUB_OFFLINE), and Ollama at {url} is asked over the network.",
                "Leave out --offline, or unset HF_HUB_OFFLINE.",
            )
        look_at_ollama(url)

    def server(self, access: Access) -> str | None:
        return ollama_url(access.server)

    def find(self, outputs: Path, selector: str | None, access: Access) -> TrainedModel:
        return _trained(look_at_ollama(ollama_url(access.server)).model(selector), outputs)

    def list_models(self, outputs: Path, access: Access) -> list[TrainedModel]:
        return [_trained(model, outputs) for model in look_at_ollama(ollama_url(access.server)).models]

    def served_facts(self, model: TrainedModel | None, access: Access) -> dict[str, str]:
        from benchtui.backends.ollama_models import listed_models
        from benchtui.models.gguf.same import Contents
        from benchtui.tasks.cache import cache_folder

        trained = [model] if model is not None else []
        listed = listed_models(look_at_ollama(ollama_url(access.server)), trained, Contents(cache_folder()))
        return {item.model.name: _known_words(item) for item in listed}

    def describe(self, location: str, access: Access) -> ModelDescription:
        from benchtui.models.served import ServedDescription
        from benchtui.models.tokenizer.chat_template import ChatTemplate
        from benchtui.models.weights.architecture import Architecture

        url = ollama_url(access.server)
        model = look_at_ollama(url).model(location)
        if problem := _problem(model):
            raise BenchtuiError(f"{one_line(model.name, 120)} {problem}.", "Name a model of the server itself.")
        shown = show(url, model.name)
        gguf, no_gguf = _own_gguf(model)
        if self._by_chat(access):
            template = ChatTemplate(MESSAGES, file="Ollama's own")
        elif gguf is not None:
            template = gguf.template
        else:
            template = ChatTemplate(
                problem="cannot be prompted by its own chat template, which is in its GGUF: "
                f"{no_gguf.rstrip('.')}. With --endpoint chat, Ollama applies the one that it has chosen itself"
            )
        architecture = gguf.architecture if gguf is not None else Architecture()
        return ServedDescription(
            name=model.name,
            identity=model.digest,
            revision=None,
            weight_bytes=model.bytes,
            parameters=shown.weights,
            parameters_estimated=False,
            dtype=None,
            template=template,
            has_tokenizer=True,
            architecture=dataclasses.replace(architecture, max_positions=context_of(model, shown)),
            special_tokens=gguf.special_tokens if gguf is not None else (),
            note=_stops_note(shown.stops),
            server=url,
            product="ollama",
            gguf=None if gguf is None else gguf.name,
            quantization=model.quantization or (gguf.quantization if gguf is not None else ""),
            no_gguf=no_gguf,
        )

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        from benchtui.backends.served import served_source

        del base, access
        return served_source(form, own)

    def identify(self, source: Source, access: Access) -> str:
        del access
        return look_at_ollama(str(getattr(source, "server", ""))).model(source.path).digest

    def identity(self, access: Access) -> dict[str, str]:
        url = ollama_url(access.server)
        reader = access.environment.version_of(_READER)
        return {
            "Ollama": look_at_ollama(url).version,
            "instruction set": instruction_set() if is_local(url) else "another machine's",
            **({_READER: reader, "batch layout": BATCH_LAYOUT} if reader else {}),
        }

    def gives_of(self, model: ModelDescription, access: Access) -> Gives:
        from benchtui.models.served import ServedDescription

        if self._by_chat(access):
            why = "its chat route writes answers only; --endpoint completions has them"
        elif isinstance(model, ServedDescription) and model.no_gguf:
            why = f"they need its GGUF: {model.no_gguf.rstrip('.')}"
        elif not access.environment.version_of(_READER):
            why = f"its GGUF is opened by {_READER}, which is not installed"
        else:
            return self.gives
        return dataclasses.replace(self.gives, loglikelihood=False, distributions="none", no_loglikelihood=why)

    def _by_chat(self, access: Access) -> bool:
        return self.setting(access.settings, ENDPOINT.name) == "chat"


def context_of(model: OllamaModel, shown: ShownModel) -> int:
    """The context in tokens that a model is given where --max-length names none. Old servers tell what it was trained
    on with the model alone, not in their list."""
    return min(model.window or shown.window or LONGEST, LONGEST)


def _known_words(item: ListedOllama) -> str:
    files = ", ".join(one_line(file, 80) for _, file in item.same_as)
    return f"digest {item.model.digest[:12]}" + (f"; the same content as {files}" if files else "")


def _problem(model: OllamaModel) -> str:
    if model.remote:
        return f"runs at {model.remote}: what it is asked would leave the machine"
    return "" if model.digest else "has no digest at its server, by which another model in its place would be noticed"


def _stops_note(stops: list[str]) -> str:
    if not stops:
        return ""
    shown = ", ".join(repr(one_line(stop, 40)) for stop in stops[:8])
    return f"Stop strings of its Modelfile ({shown}) are not used: those of each task take their place."


def _own_gguf(model: OllamaModel) -> tuple[GgufDescription | None, str]:
    """The model's file in Ollama's folder on this disk, or why it cannot be opened."""
    from benchtui.models.gguf.describe import describe_gguf
    from benchtui.models.ollama_store import find_stored

    try:
        return describe_gguf(find_stored(model.name, model.digest).gguf), ""
    except BenchtuiError as error:
        return None, f"{error.what} {error.next_step}".strip()


def _trained(model: OllamaModel, outputs: Path) -> TrainedModel:
    from benchtui.models.served import served_model

    return served_model(
        model.name,
        outputs,
        size=model.bytes,
        quantization=model.quantization,
        modified=model.modified,
        problem=_problem(model),
    )


READ_GGUF = OwnSetting(
    "read-gguf",
    "on: texts too are written by the model's own GGUF, opened here; off: by the server.",
    ("off", "on"),
    "off",
)

OLLAMA = _Ollama(
    name="ollama",
    title="Ollama's server",
    takes=("served",),
    gives=Gives(generate=True, loglikelihood=True, distributions="full", chat=True),
    answering="benchtui.worker.answering.ollama.open",
    settings=(ENDPOINT, READ_GGUF, REQUEST_TIMEOUT),
    served=True,
    spreads_itself="Leave it out: the server decides which devices its models are on.",
    costs="multiple choice opens the model's own GGUF: on this disk, with llama-cpp-python",
)
