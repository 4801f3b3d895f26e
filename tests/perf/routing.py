"""What it costs to write routed texts eight at a time, against one after another.

    [BENCHTUI_TEST_REAL=FOLDER] python -m tests.perf.routing [TOKENS]

Processor time of the demo's pair, and of a real instruct model of 135M parameters (which `make real` makes) with a
sibling of half its layers. Texts, writers, calls and positions must be the same; exits with 1 where they are not, or
where eight at a time take more than 0.8 of the processor time of one at a time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchtui import api
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, open_workspace
from benchtui.routing.records import RoutedText, Sampling
from benchtui.routing.rules import RouteRule
from benchtui.worker.answering.hf.growing_batch import TextRows
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.answering.stepped import SteppedBatch
from benchtui.worker.answering.two_models import TwoModels, two_models
from benchtui.worker.answering.written import Asked
from benchtui.worker.routing.routed import Routing
from tests.e2e.test_hybrid_ends import make_sibling

ROWS, TEXTS, MOST = 8, 16, 0.8
PROMPTS = (
    "Question: Tom reads {} pages on each of 4 days. How many pages does he read?\nAnswer:",
    "Name {} animals that live in the sea, and say what each of them eats.\n",
)


def main() -> int:
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        root = open_workspace(Path(folder) / "demo").root
        failed |= _measured("demo", root / "models" / SMALL_NAME, root / "models" / BASE_NAME, tokens)
        if "BENCHTUI_TEST_REAL" in os.environ:
            large = Path(os.environ["BENCHTUI_TEST_REAL"]) / "SmolLM2-135M-Instruct"
            make_sibling(large, Path(folder) / "small", 15)
            failed |= _measured("135M", Path(folder) / "small", large, tokens)
    return failed


def _measured(name: str, small: Path, large: Path, tokens: int) -> bool:
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    with api.load(small, **settings) as one, api.load(large, **settings) as other:
        models = (one._answering, other._answering)
        both = two_models(("small", "large"), models, Unobserved())
        prompts = [PROMPTS[place % 2].format(place + 2) for place in range(TEXTS)]
        answers = both.answers(Sampling(max_new_tokens=tokens))
        asked = [Asked(both.prompt_ids(prompt), answers, place) for place, prompt in enumerate(prompts)]
        rule = RouteRule("margin", 0.8)
        _written(both, models, asked[:1], rule, 1)  # what caches can do is tried out once
        (alone, slow), (found, fast) = (_written(both, models, asked, rule, rows) for rows in (1, ROWS))
    same = [_counted(text) for text in alone] == [_counted(text) for text in found]
    share = sum(text.writers.count("b") for text in found) / sum(len(text.tokens) for text in found)
    print(
        f"{name}: {TEXTS} texts of up to {tokens} tokens, {share:.0%} by the large model; "
        f"{slow:.2f} s one at a time, {fast:.2f} s {ROWS} at a time: {fast / slow:.2f}; "
        f"{'the same' if same else 'NOT the same'} texts and costs"
    )
    return not same or fast / slow > MOST


def _written(
    both: TwoModels, models: tuple[Any, Any], asked: list[Asked], rule: RouteRule, rows: int
) -> tuple[list[RoutedText], float]:
    batches = []
    for stepped, model in zip((both.first, both.second), models, strict=True):
        distributions = model._text_distributions()
        style = distributions.capabilities.decode_masks
        batches.append(SteppedBatch(stepped, TextRows(distributions, style, rows, Unobserved())))
    found: dict[int, RoutedText] = {}
    began = time.process_time()
    Routing(batches[0], batches[1], rule).write(asked, found.__setitem__)
    took = time.process_time() - began
    return [found[place] for place in range(len(asked))], took


def _counted(text: RoutedText) -> Any:
    return text.tokens, text.writers, [(cost.calls, cost.positions, cost.chosen) for cost in text.costs]


if __name__ == "__main__":
    sys.exit(main())
