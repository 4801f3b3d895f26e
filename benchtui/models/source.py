"""Where the model of a plan comes from: one type for each way of loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.models.layout import TOKENIZER_FILES
from benchtui.text import one_line


class ModelSource(msgspec.Struct, frozen=True, tag_field="type"):
    """What every source has.

    `path` says where the model is; `identity` is a digest of its content (local) or its commit (hub), so that a
    replaced file is noticed. `format` is the name of the format that was chosen, "base" for a base. `whole` is a digest
    over every byte of the local files, where the user asked for it (--verify).
    """

    path: str
    identity: str
    format: str = "hub"
    whole: str = ""

    @property
    def local(self) -> bool:
        """Whether the model lies on this machine's disk, at an absolute path."""
        return Path(self.path).is_absolute()

    @property
    def revision(self) -> str | None:
        """The commit of a hub model; other models have none."""
        return None

    @property
    def lm_eval_arguments(self) -> dict[str, str]:
        """What loads the model, by lm-eval's names of arguments, as its result files tell it."""
        return {"path": self.path}

    @property
    def lm_eval_name(self) -> str:
        """What lm-eval's result files call the model."""
        return self.path

    @property
    def task_metadata(self) -> dict[str, str]:
        """What tasks are told of the model, as lm-eval tells them: the code of some loads its tokenizer."""
        return {}

    @property
    def loads(self) -> tuple[object, ...]:
        """What must be equal for two plans to share one load of the weights."""
        return (self.path, self.identity)

    @property
    def places(self) -> tuple[str, ...]:
        """The local files and folders, and the hub ids, that it is made of."""
        return (self.path,)

    def score_settings(self) -> dict[str, Any]:
        """Everything of it that can change a score, flat, by the names used in messages."""
        return {
            "model": Path(self.path).name if self.local else self.path,
            "model content": self.identity,
        }


class _HuggingFace(ModelSource, frozen=True):
    """A model in Hugging Face's format, with an adapter on top of it or without.

    `adapter` is a PEFT folder put on top of `path`; `tokenizer` a folder or hub id when it is not the one of `path`,
    `tokenizer_identity` a digest of it where the user named it, which is then part of `identity`;
    `load_in_4bit` whether the weights are stored in 4 bits. `adapter_on` is False only in plans of earlier versions,
    which took the base to be the adapter switched off.
    """

    adapter: str | None = None
    adapter_on: bool = True
    tokenizer: str | None = None
    load_in_4bit: bool = False
    tokenizer_identity: str = ""

    @property
    def loads(self) -> tuple[object, ...]:
        """As `ModelSource.loads`; an adapter is put on what is loaded."""
        return (self.path, self.revision, self.load_in_4bit)

    @property
    def places(self) -> tuple[str, ...]:
        found = (self.path, self.adapter if self.adapter_on else None, self.tokenizer)
        return tuple(dict.fromkeys(place for place in found if place))

    def score_settings(self) -> dict[str, Any]:
        tokenizer = self.tokenizer or (self.adapter if self.adapter_on else None) or self.path
        return {
            **super().score_settings(),
            "tokenizer": Path(tokenizer).name if Path(tokenizer).is_absolute() else tokenizer,
            "adapter": Path(self.adapter).name if self.adapter and self.adapter_on else None,
            **({"base by an adapter switched off": True} if self.switched_off else {}),
            "4-bit": self.load_in_4bit,
        }

    @property
    def lm_eval_arguments(self) -> dict[str, str]:
        return {**self.task_metadata, **({"peft": self.adapter} if self.adapter and self.adapter_on else {})}

    @property
    def lm_eval_name(self) -> str:
        return self.adapter if self.adapter and self.adapter_on else self.path

    @property
    def task_metadata(self) -> dict[str, str]:
        return {"pretrained": self.path}

    @property
    def tokenizer_place(self) -> str:
        """Folder or hub id of the tokenizer: one beside the adapter is the one it was trained with."""
        if self.tokenizer:
            return self.tokenizer
        if self.adapter and any((Path(self.adapter) / name).is_file() for name in TOKENIZER_FILES):
            return self.adapter
        return self.path

    @property
    def switched_off(self) -> bool:
        """Whether the base was taken to be an adapter switched off, unproven, as earlier versions did."""
        return self.adapter is not None and not self.adapter_on


class FolderSource(_HuggingFace, frozen=True, tag="folder"):
    """A model in a local folder; `path` is absolute."""


class HubSource(_HuggingFace, frozen=True, tag="hub"):
    """A model of the Hugging Face Hub; `path` is its id, `revision` the commit."""

    revision: str | None = None


class GgufSource(ModelSource, frozen=True, tag="gguf"):
    """A GGUF file, read by llama.cpp in the worker.

    `path` is the absolute path of the file, of the first part where the model is split; `parts` are those of the
    others. `identity` is a digest of the content of all of them. `quantization` names the type of most weights, in
    llama.cpp's words (Q4_K_M).
    """

    parts: tuple[str, ...] = ()
    quantization: str = ""

    @property
    def lm_eval_arguments(self) -> dict[str, str]:
        return {"pretrained": self.path}

    @property
    def places(self) -> tuple[str, ...]:
        return (self.path, *self.parts)

    def score_settings(self) -> dict[str, Any]:
        return {**super().score_settings(), "quantization": self.quantization}


class ServedSource(ModelSource, frozen=True, tag="served"):
    """A model that a server has loaded or can load; `path` is its name there.

    `server` is the URL it is reached by, without a key; `product` what answers there (ollama, llama-server, vllm,
    sglang, openai). `identity` is a digest where the server tells one, else what it says of itself. `gguf` is a file of
    this machine with the same content, by which log-likelihoods can be computed; None where there is none.
    """

    server: str = ""
    product: str = "openai"
    gguf: str | None = None
    quantization: str = ""

    @property
    def local(self) -> bool:
        return False

    @property
    def lm_eval_arguments(self) -> dict[str, str]:
        return {"model": self.path, "base_url": self.server}

    def score_settings(self) -> dict[str, Any]:
        return {**super().score_settings(), "server": self.product, "quantization": self.quantization}


class HybridPart(msgspec.Struct, frozen=True):
    """One of the two models of a hybrid, and the backend that loads it, as a plan of its own would have them."""

    backend: str
    source: FolderSource | HubSource | GgufSource
    backend_settings: dict[str, str] = {}
    backend_identity: dict[str, str] = {}

    def score_settings(self) -> dict[str, Any]:
        """Everything of it that can change a score, flat, by the names used in messages."""
        return {
            **self.source.score_settings(),
            "backend": self.backend,
            **self.backend_settings,
            **self.backend_identity,
        }


class HybridSource(ModelSource, frozen=True, tag="hybrid", kw_only=True):
    """A small and a large model that answer as one; `path` names both, and `identity` is that of both."""

    small: HybridPart
    large: HybridPart

    @property
    def local(self) -> bool:
        return False

    @property
    def parts(self) -> tuple[HybridPart, HybridPart]:
        """The small one and the large one."""
        return (self.small, self.large)

    @property
    def lm_eval_arguments(self) -> dict[str, str]:
        return {"slm": self.small.source.path, "llm": self.large.source.path}

    @property
    def task_metadata(self) -> dict[str, str]:
        return self.large.source.task_metadata

    @property
    def loads(self) -> tuple[object, ...]:
        return tuple((part.backend, part.source.loads) for part in self.parts)

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place for part in self.parts for place in part.source.places))

    def score_settings(self) -> dict[str, Any]:
        sides = (("small", self.small), ("large", self.large))
        return {f"{side} {name}": value for side, part in sides for name, value in part.score_settings().items()}


HuggingFaceSource = FolderSource | HubSource

Source = FolderSource | HubSource | GgufSource | ServedSource | HybridSource


def hugging_face(source: Source) -> HuggingFaceSource:
    """Return `source`, which must be in Hugging Face's format. Raises BenchtuiError for a plan that was edited."""
    if isinstance(source, FolderSource | HubSource):
        return source
    raise BenchtuiError(f"{one_line(source.path, 200)} is no model in Hugging Face's format.", "Start a new run.")


def hybrid(source: Source) -> HybridSource:
    """Return `source`, which must be that of two models. Raises BenchtuiError for a plan that was edited."""
    if isinstance(source, HybridSource):
        return source
    raise BenchtuiError(f"{one_line(source.path, 200)} is one model, not two.", "Start a new run.")
