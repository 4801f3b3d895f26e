"""What a llama-server (llama.cpp) says of itself: which model it has loaded, and how it would answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def recognised(models: Any, headers: Mapping[str, str]) -> bool:
    """Whether a server is a llama-server: by what /v1/models says, and the headers of any answer (in lower case)."""
    listed = models.get("data") if isinstance(models, dict) else None
    owners = {entry.get("owned_by") for entry in listed or () if isinstance(entry, dict)}
    return "llamacpp" in owners or headers.get("server", "") == "llama.cpp"


@dataclass(frozen=True)
class LlamaServer:
    """A llama-server and its model. All of it stays as it is while the same model is loaded.

    `context` is the number of tokens that one request may have, prompt and answer (the server divides what it was
    started with by its `slots`); `trained` is the number that the model was trained with. `adapters` are those that are
    loaded, with the scale that a request gets which names none. `drafts` says whether it decodes speculatively: then
    it tells log-probabilities of the first token of an answer alone.
    """

    model: str
    path: str
    build: str
    context: int
    trained: int
    slots: int
    vocabulary: int
    parameters: int
    bytes: int
    type: str
    template: str
    bos: str
    eos: str
    drafts: bool
    adapters: tuple[tuple[int, str, float], ...]

    @classmethod
    def read(cls, name: str, props: Any, models: Any, slots: Any, adapters: Any) -> LlamaServer:
        """Read the answers to /props, /v1/models, /slots and /lora-adapters (None where the last two are switched off).
        `name` is what messages call the server. Raises BenchtuiError where something is missing."""
        try:
            entry = next(entry for entry in models["data"] if entry.get("meta"))
            meta, settings = entry["meta"], props["default_generation_settings"]
            types = str(settings.get("params", {}).get("speculative.types", "none"))
            drafts = any(slot.get("speculative") for slot in slots or ())
            return cls(
                model=str(entry["id"]),
                path=str(props["model_path"]),
                build=str(props.get("build_info", "")),
                context=int(settings["n_ctx"]),
                trained=int(meta["n_ctx_train"]),
                slots=int(props["total_slots"]),
                vocabulary=int(meta["n_vocab"]),
                parameters=int(meta["n_params"]),
                bytes=int(meta["size"]),
                type=str(meta.get("ftype", "")),
                template=str(props.get("chat_template", "")),
                bos=str(props.get("bos_token", "")),
                eos=str(props.get("eos_token", "")),
                drafts=drafts or types not in ("none", ""),
                adapters=tuple((int(one["id"]), str(one["path"]), float(one["scale"])) for one in adapters or ()),
            )
        except StopIteration:
            raise BenchtuiError(
                f"{name} has no model loaded.", "Start llama-server with -m FILE.gguf, or load one."
            ) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BenchtuiError(
                f"{name} is a llama-server that does not say what it has loaded: {type(error).__name__} {error}.",
                "Update llama-server, or use --backend gguf with its file.",
            ) from error

    @property
    def window(self) -> int:
        """The longest text that it can read and tell the next token of: one place is left for that."""
        return min(self.context - 1, self.trained)

    def differs(self, later: LlamaServer) -> str:
        """What is another now than it was, in words; "" where it is the same model, asked in the same way."""
        for name, was, now in (
            ("model file", self.path, later.path),
            ("number of parameters", self.parameters, later.parameters),
            ("size", self.bytes, later.bytes),
            ("type", self.type, later.type),
            ("vocabulary", self.vocabulary, later.vocabulary),
            ("chat template", self.template, later.template),
            ("context", self.context, later.context),
            ("adapters", self.adapters, later.adapters),
            ("build", self.build, later.build),
        ):
            if was != now:
                shown = ("another one",) if name == "chat template" else (one_line(str(was)), one_line(str(now)))
                return f"its {name} was {' and is '.join(shown)}" if len(shown) > 1 else f"its {name} is another one"
        return ""


def local_file(server: LlamaServer, url: str) -> Path | None:
    """The GGUF file that the server has loaded, where it lies on this machine; None where it does not, or is not it."""
    if urlsplit(url).hostname not in _LOOPBACK or not Path(server.path).is_absolute():
        return None
    path = Path(server.path)
    try:
        found = path.stat().st_size
    except OSError:
        return None
    # The file has the tensors and what is told of them; of a split model it is the first part.
    return path if path.is_file() and (found >= server.bytes or "-of-" in path.name) else None


def too_long(body: Any, name: str) -> BenchtuiError | None:
    """What a refusal means that names the context, with both numbers; None for any other."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or error.get("type") != "exceed_context_size_error":
        return None
    asked, room = error.get("n_prompt_tokens"), error.get("n_ctx")
    return BenchtuiError(
        f"A prompt of {asked} tokens is longer than the context of {room} that {name} gives each request.",
        "Start it with a larger -c (it is divided by -np), or give --max-length.",
    )


def cost(requests: int, continuations: int, file: Path | None) -> str:
    """What scoring at the server costs, told before it begins."""
    said = f"{requests:,} requests for {continuations:,} continuations, one for each token"
    if file is None:
        return said
    return f"{said}; `--backend gguf --model {file}` reads the same file and is about ten times cheaper"
