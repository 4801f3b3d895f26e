"""Two models of unlike size that were really trained, with one tokenizer: the demo's, in float32."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from benchtui import api
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths
from benchtui.routing.names import Drafts
from benchtui.routing.records import SpeculativeText
from benchtui.worker.routing.speculative import Asked, Speculation
from tests.worker.switching.pairs import Pair

END = 2


@contextmanager
def opened_demo_pair() -> Iterator[Pair]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folders = [demo_paths().shipped / "models" / name for name in (SMALL_NAME, BASE_NAME)]
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    with api.load(folders[0], **settings) as one, api.load(folders[1], **settings) as other:
        networks = [AutoModelForCausalLM.from_pretrained(folder, dtype="float32") for folder in folders]
        yield Pair((one, other), (networks[0], networks[1]), AutoTokenizer.from_pretrained(folders[0]))


def prompts(count: int) -> list[str]:
    """Those of the demo's task that is generated."""
    lines = (demo_paths().tasks / "demo_instructions.jsonl").read_text().splitlines()
    return [json.loads(line)["prompt"] for line in lines[:count]]


def written(pair: Pair, asked: Sequence[Asked], drafts: Drafts, rows: int = 16) -> list[SpeculativeText]:
    """Texts of both models together, many at once."""
    longest = max(len(each.prompt) + each.answers.sampling.max_new_tokens for each in asked)
    batches = [model.batch(rows, longest) for model in pair.stepped()]
    found: dict[int, SpeculativeText] = {}
    Speculation(batches[0], batches[1], drafts).write(asked, found.__setitem__)
    return [found[place] for place in range(len(asked))]


def plain(network: Any, ids: list[int], most: int, end: int | None = END, **more: Any) -> list[int]:
    """What `generate()` of transformers writes."""
    given = torch.tensor([ids])
    made = network.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False, eos_token_id=end,
        pad_token_id=0, **more,
    )  # fmt: skip
    return [int(token) for token in made[0, len(ids) :]]
