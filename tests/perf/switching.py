"""What it costs to let two models write one text by turns, against two full forward passes for each token.

    BENCHTUI_TEST_REAL=FOLDER python -m tests.perf.switching [TOKENS]

The models are a real instruct model of 135M parameters and its LoRA, which `make real` makes. Positions are counted by
hooks on the first layer. Exits with 1 where switching computes more than a fifth of the positions of two full forward
passes behind a prompt of 200 tokens, where text or switch points differ, or where blocks change them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import jensenshannon

from benchtui import api
from benchtui.routing.records import SwitchedText
from benchtui.worker.answering.loaded_model import LoadedModel

UP, DOWN = 0.1, 0.05
CONTEXT = 200
LEAST = 5.0
PROMPT = (
    "Question: A baker makes 12 trays of 8 rolls each morning. She sells three quarters of them before noon and "
    "half of what is left in the afternoon. How many rolls does she take home?\nAnswer: She makes 12 * 8 = 96 "
    "rolls. She sells 96 * 3 / 4 = 72 before noon, so 96 - 72 = 24 are left. She sells 24 / 2 = 12 in the "
    "afternoon. She takes home 24 - 12 = 12 rolls.\n\nQuestion: Tom reads 15 pages on each of 4 days, and 25 "
    "pages on each of the next 3 days. The book has 180 pages. How many pages are left?\nAnswer: He reads 15 * 4 "
    "= 60 pages, and then 25 * 3 = 75 pages. That is 60 + 75 = 135 pages. 180 - 135 = 45 pages are "
    "left.\n\nQuestion: A farmer has 7 fields with 24 apple trees each. He cuts down 30 trees. How many trees "
    "does he have now?\nAnswer:"
)


def main() -> int:
    if "BENCHTUI_TEST_REAL" not in os.environ:
        print("BENCHTUI_TEST_REAL names no folder with a real model (see `make real`): nothing is measured.")
        return 0
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 48
    folder = Path(os.environ["BENCHTUI_TEST_REAL"])
    base_folder = folder / "SmolLM2-135M-Instruct"
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    with (
        api.load(base_folder, **settings) as base,
        api.load("smollm2-gsm8k", outputs=folder / "outputs", base=str(base_folder), **settings) as tuned,
    ):
        return _measured(base, tuned, tokens)


def _measured(base: LoadedModel, tuned: LoadedModel, tokens: int) -> int:
    models = (base, tuned)
    networks = [_network(model) for model in models]
    ids = base.get_tokenizer().encode_prompts([PROMPT])[PROMPT][0]
    assert len(ids) >= CONTEXT, len(ids)
    api.switch_generate(*models, ["a"], max_new_tokens=2)  # what a cache can do is tried out once, at the first text
    with _counted(networks) as full:
        began = time.process_time()
        expected, points = _by_token(networks, ids, tokens)
        seconds = time.process_time() - began
    print(f"prompt of {len(ids)} tokens, {len(expected)} written, {len(points)} switches at {points}")
    print(f"{'':24}{'positions A':>12}{'positions B':>12}{'calls A':>9}{'calls B':>9}{'seconds':>9}{'fewer':>8}")
    _line("two full forward passes", [sum(side) for side in full], [len(side) for side in full], seconds, 1.0)
    failed = False
    for block in (1, 4, 8, "auto"):
        with _counted(networks) as seen:
            began = time.process_time()
            (text,) = api.switch_generate(
                *models, [PROMPT], threshold=UP, back=DOWN, block=block, max_new_tokens=len(expected)
            )
            took = time.process_time() - began
        fewer = sum(map(sum, full)) / sum(map(sum, seen))
        _line(f"block {block}", [sum(side) for side in seen], [len(side) for side in seen], took, fewer)
        failed |= fewer < LEAST or not _same(text, expected, points)
        failed |= [cost.positions for cost in text.costs] != [sum(side) for side in seen]
    print(f"at least {LEAST:g} times fewer positions, the same text and switch points: {'NO' if failed else 'yes'}")
    return int(failed)


def _same(text: SwitchedText, expected: list[int], points: list[int]) -> bool:
    return list(text.tokens) == expected and [point.position for point in text.switch_points] == points


def _line(name: str, positions: list[int], calls: list[int], seconds: float, fewer: float) -> None:
    print(f"{name:24}{positions[0]:12,}{positions[1]:12,}{calls[0]:9,}{calls[1]:9,}{seconds:9.1f}{fewer:7.1f}x")


def _network(model: LoadedModel) -> Any:
    answering: Any = model._answering
    return answering.lm.model


def _first_layer(network: Any) -> Any:
    return next(module for name, module in network.named_modules() if name.endswith("layers.0"))


@contextmanager
def _counted(networks: list[Any]) -> Iterator[tuple[list[int], list[int]]]:
    """How many positions each call of each model computes."""
    seen: tuple[list[int], list[int]] = ([], [])
    hooks = [
        _first_layer(network).register_forward_pre_hook(
            lambda _, args, counts=counts: counts.append(int(args[0].shape[1]))
        )
        for network, counts in zip(networks, seen, strict=True)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _by_token(networks: list[Any], prompt: list[int], most: int) -> tuple[list[int], list[int]]:
    """The rule with two full forward passes a token, greedily, up to `most` tokens or the end."""
    written: list[int] = []
    points: list[int] = []
    side = 0
    with torch.inference_mode():
        while len(written) < most:
            ids = torch.tensor([[*prompt, *written]])
            rows = [network(ids).logits[0, -1].double() for network in networks]
            shares = [torch.softmax(row, -1).numpy() for row in rows]
            apart = float(jensenshannon(*shares) ** 2)
            if apart > UP if side == 0 else apart < DOWN:
                points.append(len(written))
                side = 1 - side
            written.append(int(np.argmax(rows[side])))
            if written[-1] == 2:  # <|im_end|>
                break
    return written, points


if __name__ == "__main__":
    raise SystemExit(main())
