"""Reads the figures of a model from its config.json, by whichever names the architecture uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "max_positions": ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length"),
    "vocab_size": ("vocab_size", "padded_vocab_size"),
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_head_kv"),
    "head_dim": ("head_dim", "kv_channels"),
}
_MAX = 1 << 40
_NESTED = ("text_config", "llm_config", "language_config")


@dataclass(frozen=True)
class Architecture:
    """`max_positions` is in tokens; `kv_heads`, `head_dim` and `layers` give the size of the key-value cache. None
    where unknown."""

    model_type: str | None = None
    max_positions: int | None = None
    vocab_size: int | None = None
    hidden_size: int | None = None
    layers: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    four_bit: bool = False
    remote_code: bool = False


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Read `config`, the content of a config.json; of a multimodal model its text part."""
    text = next((config[name] for name in _NESTED if isinstance(config.get(name), dict)), config)
    figures = {ours: _figure(text, config, names) for ours, names in _NAMES.items()}
    heads, hidden = figures.pop("heads"), figures["hidden_size"]
    if figures["kv_heads"] is None:
        figures["kv_heads"] = 1 if text.get("multi_query") is True else heads
    if figures["head_dim"] is None and hidden and heads:
        figures["head_dim"] = hidden // heads
    quantization = config.get("quantization_config")
    settings = quantization if isinstance(quantization, dict) else {}
    return Architecture(
        model_type=_text(config.get("model_type")),
        dtype=_text(text.get("dtype") or text.get("torch_dtype") or config.get("dtype") or config.get("torch_dtype")),
        quantization=(_text(settings.get("quant_method")) or "unnamed") if settings else None,
        four_bit=bool(settings.get("load_in_4bit")) or settings.get("bits") == 4,
        remote_code=bool(config.get("auto_map")),
        **figures,
    )


def _figure(text: Mapping[str, Any], config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for source in (text, config):
        for name in names:
            value = source.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX:
                return value
    return None


def _text(value: Any) -> str | None:
    return value[:100] if isinstance(value, str) and value else None
