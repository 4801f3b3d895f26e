"""The model that both engines run, the fewest operations its requests need, and how fast this machine does them."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.perf.engine_parts.requests import Request

SHAPE = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 8}
WINDOW = 2048
BOS, EOS, PAD = 0, 1, 2


def build_model(vocabulary: int) -> Any:
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    class EndingModel(GPTNeoXForCausalLM):
        """Ends each text where it is told to, whoever generates it."""

        ends: dict[tuple[int, ...], int]

        def _get_logits_processor(self, *args: Any, **kwargs: Any) -> Any:
            processors = super()._get_logits_processor(*args, **kwargs)
            if self.ends:
                processors.append(_Ending(self.ends))
            return processors

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=vocabulary,
        max_position_embeddings=WINDOW,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        **SHAPE,
    )
    model = EndingModel(config).eval()
    model.ends = {}
    return model


class _Ending:
    """A logits processor that forces the end-of-text token after as many tokens as the prompt is due."""

    def __init__(self, ends: dict[tuple[int, ...], int]) -> None:
        self._ends = ends
        self._due: list[int] = []
        self._done = 0

    def __call__(self, ids: Any, scores: Any) -> Any:
        if not self._due:
            self._due = [self._ends[tuple(token for token in row if token != PAD)] for row in ids.tolist()]
        scores[:, EOS] = -1e9
        for row, due in enumerate(self._due):
            if self._done >= due - 1:
                scores[row, EOS] = 1e9
        self._done += 1
        return scores


def give_ends(model: Any, tokenizer: Any, asked: Sequence[Request]) -> None:
    model.ends = {}
    for request in asked:
        if request.kind == "generate_until":
            limit = request.args[1].get("max_gen_toks", 256)
            model.ends[tuple(tokenizer(request.args[0])["input_ids"][-(WINDOW - limit) :])] = request.length(tokenizer)


def floor_operations(model: Any, tokenizer: Any, asked: Sequence[Request]) -> float:
    """Floating-point operations: two for each weight that each token needs."""
    import numpy as np

    from benchtui.worker.answering.hf.engine.prefix_tree import build_tree

    layers = sum(parameter.numel() for parameter in model.base_model.layers.parameters())
    head = model.get_output_embeddings().weight.numel()
    inputs, positions, generated = [], set(), 0
    for request in asked:
        if request.kind == "generate_until":
            inputs.append(tokenizer(request.args[0])["input_ids"])
            generated += request.length(tokenizer)
        else:
            context, whole = tokenizer(request.args[0])["input_ids"], tokenizer("".join(request.args))["input_ids"]
            inputs.append(whole[:-1])
            positions |= {tuple(whole[:place]) for place in range(len(context), len(whole))}
    distinct = build_tree([np.asarray(ids[-WINDOW:], dtype=np.int32) for ids in inputs]).size
    # The last generated token is not read; the first comes from the prompt's own last position.
    reading = distinct + (generated - len(inputs) if generated else 0)
    return 2.0 * (reading * layers + (len(positions) + generated) * head)


def matmul_rate() -> float:
    """The best of some matrix products of the layers' own shape, with rows enough; operations a second."""
    import torch

    left, right = torch.randn(1024, SHAPE["hidden_size"]), torch.randn(SHAPE["hidden_size"], SHAPE["intermediate_size"])
    best = math.inf
    for _ in range(60):
        began = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - began)
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] / best


def machine() -> str:
    import torch

    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, torch {torch.__version__}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
