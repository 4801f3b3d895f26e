"""Tiny models of many families, made on the spot, with weights large enough for the context to matter."""

from __future__ import annotations

from typing import Any

import torch
import transformers

WINDOW = 256
SLIDING = 24
VOCABULARY = 384

_SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": WINDOW,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
_GPT = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": WINDOW,
    "initializer_range": 0.3,
}
_ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}

# Families whose every feature the engine has, then those where it keeps prefixes only, then those left to lm-eval.
FULL: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "qwen2": ("Qwen2", {"use_sliding_window": True, "sliding_window": SLIDING, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "gemma2": ("Gemma2", {"sliding_window": SLIDING, "head_dim": 8, "query_pre_attn_scalar": 8}),
    "gemma3": (
        "Gemma3",
        {
            "sliding_window": SLIDING,
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "gpt2": ("GPT2", _GPT | _ENDS),
    "gpt_neox": ("GPTNeoX", {"rotary_pct": 0.5}),
    "phi": ("Phi", {"partial_rotary_factor": 0.5}),
    "mistral": ("Mistral", {"sliding_window": SLIDING, "head_dim": 8}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "opt": ("OPT", {"ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3}),
    "cohere": ("Cohere", {"logit_scale": 0.25}),
    "granite": ("Granite", {"logits_scaling": 3.0}),
    "deepseek_v3": (
        "DeepseekV3",
        {
            "n_routed_experts": 4,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 12,
            "moe_intermediate_size": 16,
            "first_k_dense_replace": 1,
            "num_key_value_heads": 4,
        },
    ),
    "gpt_oss": ("GptOss", {"sliding_window": SLIDING, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2}),
}
PREFIXES: dict[str, tuple[str, dict[str, Any]]] = {
    "gptj": ("GPTJ", _GPT | _ENDS | {"rotary_dim": 4}),
    "bloom": ("Bloom", {"n_layer": 2, "n_head": 4}),
    "falcon": ("Falcon", {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 48}),
    "stablelm": ("StableLm", {}),
}
ELSEWHERE: dict[str, tuple[str, dict[str, Any]]] = {
    "bamba": (
        "Bamba",
        {
            "attn_layer_indices": [1],
            "mamba_n_heads": 4,
            "mamba_d_head": 16,
            "mamba_d_state": 8,
            "mamba_n_groups": 1,
            "mamba_chunk_size": 16,
        },
    ),
    "falcon_h1": (
        "FalconH1",
        {
            "mamba_n_heads": 4,
            "mamba_d_head": 16,
            "mamba_d_ssm": 64,
            "mamba_d_state": 8,
            "mamba_n_groups": 1,
            "mamba_chunk_size": 16,
        },
    ),
}
FAMILIES = FULL | PREFIXES | ELSEWHERE


def make_model(family: str, **changes: Any) -> Any:
    """A causal model of the family in float32, the same at every call; `changes` go into its configuration."""
    name, options = FAMILIES[family]
    config = getattr(transformers, f"{name}{'TextConfig' if name == 'Gemma3' else 'Config'}")(
        **(_SMALL | options | changes)
    )
    torch.manual_seed(3)
    model = "GPT2LMHead" if name == "GPT2" else f"{name}ForCausalLM"
    return getattr(transformers, f"{model}Model" if name == "GPT2" else model)(config).float().eval()
