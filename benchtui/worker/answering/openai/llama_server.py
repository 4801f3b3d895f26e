"""A llama-server (llama.cpp): what it says of itself beyond what every such server says, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import PassingError, RefusedError
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.openai.server import Server

_LOOK_SECONDS = 2.0
"""How long a server may take to say how far it is, before it counts as silent."""


@dataclass(frozen=True)
class LlamaFacts:
    """How a llama-server answers. All of it stays as it is while the same model is loaded.

    How many tokens a request may have is `ServedModel.window`. `adapters` are those that are
    loaded, with the scale that a request gets which names none. `drafts` says whether it decodes speculatively: then
    it tells log-probabilities of the first token of an answer alone.
    """

    build: str
    slots: int
    vocabulary: int
    type: str
    bos: str
    eos: str
    drafts: bool
    adapters: tuple[tuple[int, str, float], ...]

    @classmethod
    def read(cls, name: str, props: Any, models: Any, slots: Any, adapters: Any) -> LlamaFacts:
        """Read the answers to /props, /v1/models, /slots and /lora-adapters (None where the last two are switched off).
        `name` is what messages call the server. Raises BenchtuiError where something is missing."""
        try:
            meta = next(entry["meta"] for entry in models["data"] if entry.get("meta"))
            settings = props["default_generation_settings"]
            types = str(settings.get("params", {}).get("speculative.types", "none"))
            drafts = any(slot.get("speculative") for slot in slots or ())
            return cls(
                build=str(props.get("build_info", "")),
                slots=int(props["total_slots"]),
                vocabulary=int(meta["n_vocab"]),
                type=str(meta.get("ftype", "")),
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


class LlamaServer(Server):
    """A llama-server with the model that a plan names. It answers to any name with the one that it has."""

    def __init__(self, address: Address, model: str, *, timeout: float = 300.0, patience: Patience | None = None):
        """Look at the server. Raises BenchtuiError where it does not answer or says too little of its model."""
        super().__init__(address, model, width=1, timeout=timeout, patience=patience)
        try:
            self.says: LlamaFacts = self.run(self.patiently(self._read))
        except BaseException:
            self.close()
            raise

    async def _read(self, client: HttpClient) -> LlamaFacts:
        return LlamaFacts.read(
            self.address.name,
            await client.get("props"),
            await client.get("v1/models"),
            await _optional(client, "slots"),
            await _optional(client, "lora-adapters"),
        )

    async def progress(self, slot: int) -> int:
        """How many tokens a slot has read and written of what it works on; 0 where the server does not say it."""
        try:
            slots = await self._client.get("slots", timeout=_LOOK_SECONDS)
            entry = next(entry for entry in slots if entry["id"] == slot)
            written = sum(int(token.get("n_decoded", 0)) for token in entry.get("next_token", ()))
            return int(entry.get("n_prompt_tokens_processed", 0)) + written
        except Exception:  # noqa: BLE001 - no sign of life, whatever the reason: the watchdog judges
            return 0


async def _optional(client: HttpClient, path: str) -> Any:
    """The list that a route answers which can be switched off; None where it is (it answers 501 then)."""
    try:
        found = await client.get(path)
    except RefusedError:
        return None
    except PassingError as error:
        if str(error) == "HTTP 501":
            return None
        raise
    return found if isinstance(found, list) else None
