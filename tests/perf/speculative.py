"""What speculative decoding costs, against the large model alone: processor time, calls, acceptance.

    [BENCHTUI_TEST_REAL=FOLDER] python -m tests.perf.speculative [DOCUMENTS]

Greedy answers to the demo's instructions by islands-400k, for which islands-80k drafts, in float32 on one thread, one
text at a time and many at once, beside the engine's own generation with the large model. Both models are so small that
a call of either is Python more than arithmetic: the small one costs more than half of the large one. So the same texts
are written again by islands-400k with layers added that change nothing (their outputs are zero): acceptance and calls
are those of the pair that was trained, and the cost ratio is made. With a real model: SmolLM2-135M-Instruct, for which
the first 15 and the first 28 of its 30 layers draft, without any training.

Many at once, a processor has no time to spare for tokens that are rejected: what is saved are calls, and the arithmetic
grows. So the time is judged one text at a time. Exits with 1 where texts differ from the large model's own, where it is
called more than every second token, or where the processor time is more than 0.77 of the large model's alone though a
step of the small one costs 0.25 of it or less.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchtui import api
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths
from benchtui.routing.names import Drafts
from benchtui.routing.records import Sampling, SpeculativeText
from benchtui.worker.answering.hybrid.pair import LABELS
from benchtui.worker.answering.protocol import GenerateRequest, Unobserved
from benchtui.worker.answering.stepped import Reading, SteppedBatch
from benchtui.worker.answering.two_models import TwoModels, two_models
from benchtui.worker.answering.written import Asked
from benchtui.worker.routing.speculative import Speculation
from tests.worker.routing.siblings import deepened, with_layers

RATIO, COST, CALLS = 0.77, 0.25, 0.5
DRAFTS: tuple[Drafts, ...] = (1, 2, 4, 8, "auto")
AT_ONCE = 32
REPEATS = 4
DEEPER = 18
"""Layers of the deepened model: islands-400k has three."""
QUESTIONS = (
    "Name the planets of the solar system in order.",
    "Write a short poem about the sea in autumn.",
    "Explain in two sentences why the sky is blue.",
    "What is 17 times 23? Show how you compute it.",
    "List five uses of a paper clip.",
    "Translate into French: The train leaves at nine in the morning.",
)


@dataclass
class Setting:
    """Two open models, `texts` that they are asked for, and whether they were trained to agree."""

    title: str
    both: TwoModels
    large: Any
    texts: list[Asked]
    trained: bool = True

    def batches(self, rows: int) -> tuple[SteppedBatch, SteppedBatch]:
        longest = max(len(text.prompt) + text.answers.sampling.max_new_tokens for text in self.texts)
        small, large = (model.batch(rows, longest) for model in (self.both.first, self.both.second))
        return small, large


def main() -> int:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    lines = (demo_paths().tasks / "demo_instructions.jsonl").read_text().splitlines()[:count]
    asked, models, failed = [json.loads(line)["prompt"] for line in lines], demo_paths().shipped / "models", False
    with tempfile.TemporaryDirectory() as folder:
        deep = deepened(models / BASE_NAME, Path(folder) / "deep", DEEPER)
        for large, name in ((models / BASE_NAME, BASE_NAME), (deep, f"{BASE_NAME} with {DEEPER} layers")):
            with _opened(f"{SMALL_NAME} for {name}", models / SMALL_NAME, large, asked, 32, "\n") as stack:
                failed |= _measured(stack.setting, DRAFTS)
        if "BENCHTUI_TEST_REAL" in os.environ:
            real = Path(os.environ["BENCHTUI_TEST_REAL"]) / "SmolLM2-135M-Instruct"
            for layers in (15, 28):
                sibling = with_layers(real, Path(folder) / f"first-{layers}", layers)
                title = f"the first {layers} of 30 layers for SmolLM2-135M-Instruct"
                with _opened(title, sibling, real, QUESTIONS, 24, "") as stack:
                    stack.setting.trained = False
                    failed |= _measured(stack.setting, (4,))
    print(f"\ntexts, calls and processor time as they must be: {'NO' if failed else 'yes'}")
    return int(failed)


class _Opened(ExitStack):
    setting: Setting


def _opened(title: str, small: Path, large: Path, asked: Sequence[str], most: int, stop: str) -> _Opened:
    stack = _Opened()
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    models = [stack.enter_context(api.load(path, **settings))._answering for path in (small, large)]
    both = two_models(LABELS, (models[0], models[1]), Unobserved())
    tokenizer: Any = models[1].lm.tokenizer  # type: ignore[attr-defined]
    answers = both.answers(Sampling(max_new_tokens=most, stop=(stop,) if stop else ()))
    texts = []
    for place, text in enumerate(asked):
        said = [{"role": "user", "content": text}]
        chat = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        texts.append(Asked(tokenizer(chat, add_special_tokens=False)["input_ids"], answers, place))
    stack.setting = Setting(title, both, models[1], texts)
    return stack


def _measured(setting: Setting, drafts: Sequence[Drafts]) -> bool:
    print(f"\n{setting.title}: {len(setting.texts)} texts", flush=True)
    one, many = (_measured_by(setting, rows, drafts) for rows in (1, AT_ONCE))
    return one | many


def _measured_by(setting: Setting, rows: int, drafts: Sequence[Drafts]) -> bool:
    small, large = setting.batches(rows)
    works: dict[Any, Callable[[], Any]] = {
        "small": lambda: _alone(small, setting.texts, rows),
        "large": lambda: _alone(large, setting.texts, rows),
        "engine": lambda: _by_engine(setting, rows),
    }
    for draft in drafts:
        works[draft] = functools.partial(_speculative, small, large, setting.texts, rows, draft)
    seconds, made = _timed(works)
    step, alone, engine = (seconds[name] for name in ("small", "large", "engine"))
    shorter, own, engines = (made[name] for name in ("small", "large", "engine"))
    tokens = sum(map(len, own))
    cost = step / sum(map(len, shorter)) / (alone / tokens)
    print(f"  {rows} at a time: {tokens} tokens; a token of the small model costs {cost:.2f} of one of the large model")
    print(f"    large alone: {alone:6.2f} s stepped, {engine:6.2f} s by the engine", flush=True)
    failed = bool(engines != own)
    ratios, calls = [], []
    for draft in drafts:
        took, texts = seconds[draft], made[draft]
        failed |= bool([list(text.tokens) for text in texts] != own)
        rounds = [each for text in texts for each in text.rounds]
        accepted = sum(each.accepted for each in rounds) / sum(each.drafted for each in rounds)
        ratios.append(took / alone)
        calls.append(sum(text.costs[1].calls for text in texts) / tokens)
        print(
            f"    drafts {draft!s:>4}: {took:6.2f} s, {ratios[-1]:.2f} of it stepped, {took / engine:.2f} of engine; "
            f"{accepted:.2f} accepted, {calls[-1]:.3f} calls a token",
            flush=True,
        )
    if setting.trained and rows == 1:
        failed |= min(calls) > CALLS or (cost <= COST and min(ratios) > RATIO)
    return failed


def _timed(works: dict[Any, Callable[[], Any]]) -> tuple[dict[Any, float], dict[Any, Any]]:
    """The least processor time of each of some works, and what it returns: by turns, since a machine that others use
    is not equally fast all the time."""
    least, made = dict.fromkeys(works, float("inf")), {}
    for _ in range(REPEATS):
        for name, work in works.items():
            began = time.process_time()
            made[name] = work()
            least[name] = min(least[name], time.process_time() - began)
    return least, made


def _alone(batch: SteppedBatch, texts: Sequence[Asked], rows: int) -> list[list[int]]:
    """What one model writes, token by token."""
    found: list[list[int]] = []
    for group in _groups(texts, rows):
        answers = [text.answers.begin(text.prompt, text.document) for text in group]
        stepped = [batch.begin() for _ in group]
        while active := [place for place, answer in enumerate(answers) if answer.ended is None]:
            readings = [Reading(stepped[place], answers[place].ids) for place in active]
            for place, token in zip(active, batch.likeliest(readings), strict=True):
                answers[place].append(int(token[0]), "b")
        for text in stepped:
            text.end()
        found += [answer.tokens for answer in answers]
    return found


def _speculative(
    small: SteppedBatch, large: SteppedBatch, texts: Sequence[Asked], rows: int, drafts: Drafts
) -> list[SpeculativeText]:
    found: list[SpeculativeText] = []
    for group in _groups(texts, rows):
        own: dict[int, SpeculativeText] = {}
        Speculation(small, large, drafts).write(group, own.__setitem__)
        found += [own[place] for place in range(len(group))]
    return found


def _by_engine(setting: Setting, rows: int) -> list[list[int]]:
    """What the large model writes in a run of its own."""
    found: list[list[int]] = []
    for group in _groups(setting.texts, rows):
        sampling = group[0].answers.sampling
        kwargs = {"until": list(sampling.stop), "do_sample": False, "max_gen_toks": sampling.max_new_tokens}
        own: dict[int, list[int]] = {}
        setting.large.generate(
            [
                GenerateRequest(each.prompt, "", sampling.max_new_tokens, sampling.stop, kwargs, 1, ("", kwargs))
                for each in group
            ],
            lambda place, answer, own=own: own.__setitem__(place, list(answer.ids)),
            Unobserved(),
        )
        found += [own[place] for place in range(len(group))]
    return found


def _groups(texts: Sequence[Asked], rows: int) -> list[Sequence[Asked]]:
    return [texts[place : place + rows] for place in range(0, len(texts), rows)]


if __name__ == "__main__":
    raise SystemExit(main())
