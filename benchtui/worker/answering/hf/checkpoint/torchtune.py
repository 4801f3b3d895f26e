"""The names that torchtune and Meta give the tensors of a model, in transformers' names.

From torchtune/models/convert_weights.py, qwen2/_convert_weights.py and qwen3/_convert_weights.py of
https://github.com/pytorch/torchtune (bd2a0fc, April 2026): `tune_to_hf`, `meta_to_tune`, `qwen2_tune_to_hf`,
`qwen3_tune_to_hf`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import torch

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.checkpoint.pieces import Piece

_TORCHTUNE = {
    "tok_embeddings.weight": "model.embed_tokens.weight",
    "norm.scale": "model.norm.weight",
    "output.weight": "lm_head.weight",
    "layers.{}.attn.q_proj.weight": "model.layers.{}.self_attn.q_proj.weight",
    "layers.{}.attn.k_proj.weight": "model.layers.{}.self_attn.k_proj.weight",
    "layers.{}.attn.v_proj.weight": "model.layers.{}.self_attn.v_proj.weight",
    "layers.{}.attn.output_proj.weight": "model.layers.{}.self_attn.o_proj.weight",
    "layers.{}.mlp.w1.weight": "model.layers.{}.mlp.gate_proj.weight",
    "layers.{}.mlp.w3.weight": "model.layers.{}.mlp.up_proj.weight",
    "layers.{}.mlp.w2.weight": "model.layers.{}.mlp.down_proj.weight",
    "layers.{}.sa_norm.scale": "model.layers.{}.input_layernorm.weight",
    "layers.{}.mlp_norm.scale": "model.layers.{}.post_attention_layernorm.weight",
}
_QWEN = {
    "layers.{}.attn.q_proj.bias": "model.layers.{}.self_attn.q_proj.bias",
    "layers.{}.attn.k_proj.bias": "model.layers.{}.self_attn.k_proj.bias",
    "layers.{}.attn.v_proj.bias": "model.layers.{}.self_attn.v_proj.bias",
    "layers.{}.attn.q_norm.scale": "model.layers.{}.self_attn.q_norm.weight",
    "layers.{}.attn.k_norm.scale": "model.layers.{}.self_attn.k_norm.weight",
}
_META = {
    "tok_embeddings.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
    "layers.{}.attention.wq.weight": "model.layers.{}.self_attn.q_proj.weight",
    "layers.{}.attention.wk.weight": "model.layers.{}.self_attn.k_proj.weight",
    "layers.{}.attention.wv.weight": "model.layers.{}.self_attn.v_proj.weight",
    "layers.{}.attention.wo.weight": "model.layers.{}.self_attn.o_proj.weight",
    "layers.{}.feed_forward.w1.weight": "model.layers.{}.mlp.gate_proj.weight",
    "layers.{}.feed_forward.w3.weight": "model.layers.{}.mlp.up_proj.weight",
    "layers.{}.feed_forward.w2.weight": "model.layers.{}.mlp.down_proj.weight",
    "layers.{}.attention_norm.weight": "model.layers.{}.input_layernorm.weight",
    "layers.{}.ffn_norm.weight": "model.layers.{}.post_attention_layernorm.weight",
}
_TURNED = ("llama", "mistral", "gemma")
"""Model types whose queries and keys lie in another order in torchtune: its rotary embedding pairs neighbours, that of
transformers the two halves of a head."""
_AS_THEY_ARE = ("qwen2", "qwen3")
_LAYER = re.compile(r"layers\.(\d+)\.")


def is_torchtune(names: Collection[str]) -> bool:
    return any(re.search(r"layers\.\d+\.attn\.q_proj\.", name) for name in names)


def is_meta(names: Collection[str]) -> bool:
    return any(re.search(r"layers\.\d+\.attention\.wq\.", name) for name in names)


def translated(names: Mapping[str, str], model_type: str, heads: int, kv_heads: int) -> list[Piece]:
    """Return what becomes of each tensor: `names` maps the names without wrappers to those in the file.

    A name that is in no table stays as it is, so that it is found to fit nowhere. Raises BenchtuiError for an
    architecture whose rules are not known here.
    """
    meta = is_meta(names)
    if model_type not in _TURNED and (meta or model_type not in _AS_THEY_ARE):
        known = ", ".join(_TURNED if meta else (*_TURNED, *_AS_THEY_ARE))
        raise BenchtuiError(
            f"The weights have {'Meta' if meta else 'torchtune'}'s names, which are translated for {known} and not for "
            f"{model_type}.",
            "Save them in transformers' format: torchtune's FullModelHFCheckpointer does.",
        )
    start = next(
        (name.removesuffix("tok_embeddings.weight") for name in names if name.endswith("tok_embeddings.weight")), ""
    )
    table = _META if meta else _TORCHTUNE | (_QWEN if model_type in _AS_THEY_ARE else {})
    pieces = []
    for name, source in names.items():
        inner = name.removeprefix(start)
        layer = _LAYER.match(inner)
        target = table.get(_LAYER.sub("layers.{}.", inner, count=1), "")
        turned = heads if "q_proj" in target else kv_heads if "k_proj" in target else 0
        pieces.append(
            Piece(
                target.format(layer[1] if layer else "") if target else name,
                source,
                turned if model_type in _TURNED else 0,
            )
        )
    return pieces


def in_halves(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Return a query or key projection, (rows, columns), with the rows of each head in the order of transformers:
    `_permute` of `tune_to_hf`."""
    count, columns = rows.shape
    return rows.view(heads, count // heads // 2, 2, columns).transpose(1, 2).reshape(count, columns)
