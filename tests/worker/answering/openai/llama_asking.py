"""Real llama-servers with a tiny model, and what asks them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchtui.backends.servers import look
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.http.patience import Patience
from benchtui.worker.answering.openai.llama_answering import LlamaServerAnswering
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import Generated, GenerateRequest, Score, ScoreRequest
from tests.conftest import HUB

S260 = HUB / "models" / "tinyllamas" / "stories260K-GGUF" / "stories260K-F32.gguf"
FOLDER = HUB / "models" / "tinyllamas" / "stories260K"
QUICK = Patience(tries=3, first=0.05, longest=0.2, wait=3)


class Told:
    """A reporter and an observer that keeps what it is told."""

    def __init__(self) -> None:
        self.decisions: dict[str, str] = {}
        self.counted = 0
        self.without: list[tuple[tuple[Any, ...], str]] = []
        self.read: list[tuple[int, float]] = []
        self.written: list[tuple[int, float]] = []
        self.batches: list[list[tuple[Any, ...]]] = []

    def decision(self, what: str, choice: str, why: str) -> None:
        self.decisions[what] = f"{choice}: {why}"

    def batch_size(self, rows: int, why: str) -> None:
        self.decisions["batch size"] = f"{rows}: {why}"

    def tokens(self, n: int) -> None:
        self.counted += n

    def batch_started(self, request_args: Any) -> None:
        self.batches.append(list(request_args))

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        self.without.append((request_args, why))

    def check(self) -> None:
        pass

    def prefilled(self, tokens: int, seconds: float) -> None:
        self.read.append((tokens, seconds))

    def decoded(self, tokens: int, seconds: float) -> None:
        self.written.append((tokens, seconds))


def opened(
    url: str, prompts: PromptSettings | None = None, told: Told | None = None, batch_size: int | str = "auto"
) -> LlamaServerAnswering:
    address = Address(url)
    server = LlamaServer(address, look(url).models[0].name, patience=QUICK)
    beside = Server(address, server.model.name, patience=QUICK)
    plan = BenchmarkPlan(
        model_name="m",
        bench_id="",
        created="",
        role="model",
        source=ServedSource(server.model.name, server.model.identity, server=url, product="llama-server"),
        tasks=(),
        prompts=prompts or PromptSettings(),
        backend="openai",
        batch_size=batch_size,  # type: ignore[arg-type]
    )
    return LlamaServerAnswering(plan, server, beside, told or Told())  # type: ignore[arg-type]


def scores(answering: Any, pairs: list[tuple[list[int], list[int]]], told: Told | None = None) -> list[Score]:
    found: dict[int, Score] = {}
    requests = [ScoreRequest(context, ending, (str(context), str(ending))) for context, ending in pairs]
    answering.score(requests, found.__setitem__, told or Told())
    return [found[index] for index in range(len(pairs))]


def texts(
    answering: Any,
    prompts: list[str],
    limit: int = 24,
    stops: tuple[str, ...] = (),
    told: Told | None = None,
    **settings: Any,
) -> list[Generated]:
    found: dict[int, Generated] = {}
    encoded = answering.tokens.encode_prompts(prompts)
    requests = [
        GenerateRequest(encoded[text][0], text, limit, stops, settings, 7 * place, (text, settings))
        for place, text in enumerate(prompts)
    ]
    answering.generate(requests, found.__setitem__, told or Told())
    return [found[index] for index in range(len(prompts))]


def edited(source: Path, target: Path, change: Callable[[dict[str, Any]], None], **metadata: Any) -> Path:
    """A copy of a GGUF file; `change` gets its tensors by name as arrays, `metadata` are keys (with _ for .) that
    differ, left out where None."""
    from gguf import GGUFReader, GGUFWriter

    reader = GGUFReader(source)
    writer = GGUFWriter(target, "llama")
    named = {name.replace("__", "."): value for name, value in metadata.items()}
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or field.name in named:
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    for name, value in named.items():
        if value is not None:
            {str: writer.add_string, int: writer.add_uint32, bool: writer.add_bool}[type(value)](name, value)
    tensors = {tensor.name: tensor.data.copy() for tensor in reader.tensors}
    change(tensors)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
