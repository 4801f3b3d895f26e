"""The names of the tensors of well-known text models, as transformers saves them."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Family:
    """Names shared by architectures.

    `prefix` precedes every name but the head's; a file without it, or with it twice, loads as well. `layers`,
    `embedding` and `others` (what every such model has beside its layers) follow the prefix. `uniform` when all layers
    have tensors of the same names.
    """

    prefix: str
    layers: str
    embedding: str
    others: tuple[str, ...] = ()
    head: str = "lm_head.weight"
    uniform: bool = True


_LLAMA = Family("model", "layers", "embed_tokens.weight", ("norm.weight",))
_WITHOUT_NORM = replace(_LLAMA, others=())
_MIXED = replace(_LLAMA, others=(), uniform=False)
_GPT2 = Family("transformer", "h", "wte.weight", ("ln_f.weight", "ln_f.bias"))
_BLOOM = replace(_GPT2, embedding="word_embeddings.weight")
_MAMBA = Family("backbone", "layers", "embeddings.weight", ("norm_f.weight",))
_NEOX = Family(
    "gpt_neox",
    "layers",
    "embed_in.weight",
    ("final_layer_norm.weight", "final_layer_norm.bias"),
    "embed_out.weight",
)

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(
        (
            "llama", "mistral", "mixtral", "ministral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3",
            "stablelm", "olmo2", "olmo3", "olmoe", "starcoder2", "granite", "cohere", "cohere2", "smollm3", "glm",
            "glm4", "helium", "nemotron", "arcee", "ernie4_5", "seed_oss", "exaone4", "apertus", "gpt_oss",
        ),
        _LLAMA,
    ),
    **dict.fromkeys(("phi", "persimmon"), replace(_LLAMA, others=("final_layernorm.weight", "final_layernorm.bias"))),
    **dict.fromkeys(("olmo", "nanochat"), _WITHOUT_NORM),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "deepseek_v2", "deepseek_v3", "qwen3_next", "jamba", "lfm2"), _MIXED),
    **dict.fromkeys(("gpt2", "gpt_bigcode", "gpt_neo", "gptj", "codegen"), _GPT2),
    **dict.fromkeys(("bloom", "falcon"), _BLOOM),
    **dict.fromkeys(("mamba", "falcon_mamba", "mamba2"), _MAMBA),
    "gpt_neox": _NEOX,
    "opt": Family("model", "decoder.layers", "decoder.embed_tokens.weight"),
    "mpt": Family("transformer", "blocks", "wte.weight", ("norm_f.weight",)),
}  # fmt: skip
"""By model_type. Models that are missing here (multimodal, hybrid, new ones) are checked by fewer rules."""

INPUT_IS_HIDDEN = (
    "q_proj",
    "k_proj",
    "v_proj",
    "gate_proj",
    "up_proj",
    "query_key_value",
    "c_attn",
    "c_fc",
    "qkv_proj",
)
"""Modules of these families whose input is as wide as the model."""
