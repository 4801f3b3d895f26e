"""GGUF files made in the test from a tiny transformers Llama, and what asks them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants
from safetensors.numpy import load_file

from benchtui.models.source import GgufSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.gguf.answering import GgufAnswering
from benchtui.worker.answering.lm_eval_model import LmEvalModel

Tensors = dict[str, np.ndarray[Any, Any]]
EXACT = {"kv-type": "f32"}
_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(
    folder: Path,
    path: Path,
    *,
    quantized: bool = False,
    without: tuple[str, ...] = (),
    change: Callable[[Tensors], Tensors] = dict,
    more: Mapping[str, str | int | float] | None = None,
    context: int | None = None,
    **metadata: Any,
) -> Path:
    """Convert the Llama in `folder`; `metadata` are keys of the tokenizer that differ (`add_bos_token` …), `without`
    those left out, `quantized` stores matrices as Q8_0. `change` makes other tensors of the right ones, `more` is
    further metadata, `context` another length than the model's."""
    config = json.loads((folder / "config.json").read_text())
    tensors = change(_tensors(folder, config))
    writer = GGUFWriter(path, "llama")
    if context is not None:
        config["max_position_embeddings"] = context
    _add_header(writer, folder, config, 7 if quantized else 0, without, metadata)
    for key, value in (more or {}).items():
        {str: writer.add_string, int: writer.add_uint32, float: writer.add_float32}[type(value)](key, value)  # type: ignore[operator]
    for name, tensor in tensors.items():
        if quantized and tensor.ndim == 2:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    return _written(writer, path)


def write_split(folder: Path, names: Sequence[str]) -> list[Path]:
    """Convert the Llama in `folder` into parts with these names, as llama.cpp's gguf-split divides a file."""
    config = json.loads((folder / "config.json").read_text())
    tensors = list(_tensors(folder, config).items())
    share = -(-len(tensors) // len(names))
    paths = []
    for number, name in enumerate(names):
        writer = GGUFWriter(folder.parent / name, "llama")
        if not number:
            _add_header(writer, folder, config, 0, (), {})
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", len(names))
        writer.add_int32("split.tensors.count", len(tensors))
        for tensor_name, tensor in tensors[number * share : (number + 1) * share]:
            writer.add_tensor(tensor_name, tensor)
        paths.append(_written(writer, folder.parent / name))
    return paths


def _written(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_header(
    writer: GGUFWriter,
    folder: Path,
    config: Mapping[str, Any],
    file_type: int,
    without: tuple[str, ...],
    metadata: Mapping[str, Any],
) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(file_type)
    _add_tokenizer(writer, folder, without, metadata)


def _add_tokenizer(writer: GGUFWriter, folder: Path, without: tuple[str, ...], metadata: Mapping[str, Any]) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"] | {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    special = {added["content"] for added in tokenizer["added_tokens"]}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    sentencepiece = bool(tokenizer["model"].get("byte_fallback"))
    values: dict[str, Any] = {
        "pre": "default" if sentencepiece else "gpt-2",
        "bos_token_id": vocabulary.get("<s>"),
        "eos_token_id": vocabulary.get("</s>"),
        "add_bos_token": False,
        "chat_template": None,
        **metadata,
    }
    writer.add_tokenizer_model("llama" if sentencepiece else "gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(token, special, sentencepiece) for token in tokens])
    if sentencepiece:  # which pair is merged first is said by the score of what becomes of it
        ranks = {merge.replace(" ", "", 1): rank for rank, merge in reversed(list(enumerate(merges)))}
        writer.add_token_scores([-float(ranks.get(token, len(merges))) for token in tokens])
    else:
        writer.add_token_merges(merges)
    for name, value in values.items():
        if name in without or value is None:
            continue
        add = {bool: writer.add_bool, int: writer.add_uint32, str: writer.add_string}[type(value)]
        add(f"tokenizer.{'' if name == 'chat_template' else 'ggml.'}{name}", value)


def _token_type(token: str, special: Set[str], sentencepiece: bool) -> TokenType:
    if token in special:
        return TokenType.CONTROL
    return TokenType.BYTE if sentencepiece and re.fullmatch("<0x[0-9A-F]{2}>", token) else TokenType.NORMAL


def _tensors(folder: Path, config: Mapping[str, Any]) -> Tensors:
    given = load_file(folder / "model.safetensors")
    found = {
        "token_embd.weight": given["model.embed_tokens.weight"],
        "output_norm.weight": given["model.norm.weight"],
        "output.weight": given.get("lm_head.weight", given["model.embed_tokens.weight"]),
    }
    heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
    for layer in range(config["num_hidden_layers"]):
        for theirs, ours in _NAMES.items():
            tensor = given[f"model.layers.{layer}.{theirs}.weight"]
            if ours in ("attn_q", "attn_k"):  # llama.cpp turns neighbours, transformers halves
                count = heads[ours[-1]]
                tensor = tensor.reshape(count, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape)
            found[f"blk.{layer}.{ours}.weight"] = np.ascontiguousarray(tensor)
    return {name: tensor.astype(np.float32) for name, tensor in found.items()}


class Told:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.decisions: dict[str, str] = {}
        self.loaded = 0
        self.rows: int | None = None

    def decision(self, what: str, choice: str, why: str) -> None:
        self.decisions[what] = choice

    def batch_size(self, rows: int, why: str) -> None:
        self.rows = rows

    def advance(self, unit: str, amount: int, total: int = 0) -> None:
        self.loaded += amount


def plan_of(
    path: Path,
    prompts: PromptSettings | None = None,
    settings: Mapping[str, str] = EXACT,
    parts: Sequence[Path] = (),
) -> BenchmarkPlan:
    return BenchmarkPlan(
        model_name="m",
        bench_id="",
        created="",
        role="model",
        source=GgufSource(str(path), "identity", parts=tuple(map(str, parts))),
        tasks=(),
        prompts=prompts or PromptSettings(),
        backend="gguf",
        backend_settings=dict(settings),
    )


def open_gguf(
    path: Path,
    prompts: PromptSettings | None = None,
    settings: Mapping[str, str] = EXACT,
    parts: Sequence[Path] = (),
) -> GgufAnswering:
    return GgufAnswering.open(plan_of(path, prompts, settings, parts), Told())  # type: ignore[arg-type]


def for_lm_eval(answering: GgufAnswering, prompts: PromptSettings | None = None) -> LmEvalModel:
    return LmEvalModel(answering, prompts or PromptSettings())
