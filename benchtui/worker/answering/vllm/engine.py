"""vLLM's engine, asked step by step: answers come as they are known, and every step is a sign of life."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchtui.worker.answering.protocol import Ids, Observer


@dataclass(frozen=True)
class Asked:
    """One request to the engine: a prompt, vLLM's SamplingParams, and the `args` of all the requests it answers."""

    prompt: Ids
    params: Any
    args: tuple[tuple[Any, ...], ...]


class Engine:
    """Keeps at most `rows` requests in vLLM's engine at once."""

    def __init__(self, llm: Any, rows: int, adapter: Any = None) -> None:
        """`adapter` is the LoRARequest that goes with every request."""
        self._engine = llm.llm_engine
        self._adapter = adapter
        self._numbers = count()
        self.rows = rows

    @property
    def scored_rows(self) -> int:
        """Prompts whose log-probabilities are asked for at once. With an adapter vLLM mixes up those that share a batch
        (vllm#16668), or dies of them (0.32.0 on a CPU)."""
        return self.rows if self._adapter is None else 1

    def ask(
        self,
        asked: Sequence[Asked],
        answered: Callable[[int, Any], None],
        observer: Observer,
        *,
        rows: int | None = None,
    ) -> None:
        """Give each request's place and its finished RequestOutput to `answered`, as soon as it is known; at most
        `rows` are in the engine at once, where that is given.

        What `answered` and `observer` raise ends it; the engine keeps nothing of what was asked then.
        """
        most = rows or self.rows
        waiting, inside = deque(range(len(asked))), dict[str, int]()
        lengths = dict[str, int]()  # tokens that each request inside has written
        try:
            while waiting or inside:
                if waiting and len(inside) <= most // 2:
                    while waiting and len(inside) < most:
                        name, place = f"benchtui-{next(self._numbers)}", waiting.popleft()
                        self._add(name, asked[place])
                        inside[name], lengths[name] = place, 0
                    observer.batch_started([args for place in inside.values() for args in asked[place].args])
                for output in self._step(lengths, observer):
                    del lengths[output.request_id]
                    answered(inside.pop(output.request_id), output)
        finally:
            if inside:
                self._engine.abort_request(list(inside))

    def begin(self, asked: Asked) -> str:
        """Put a request into the engine beside those that are there; returns its name, by which `advance` tells of
        it."""
        name = f"benchtui-{next(self._numbers)}"
        self._add(name, asked)
        return name

    def advance(self) -> list[Any]:
        """Let the engine do one forward pass; returns the RequestOutputs that have grown with it."""
        found: list[Any] = self._engine.step()
        return found

    def drop(self, name: str) -> None:
        """Have the engine forget a request, where it is not finished."""
        self._engine.abort_request([name])

    def _add(self, name: str, asked: Asked) -> None:
        prompt = {"prompt_token_ids": list(asked.prompt)}
        more = {} if self._adapter is None else {"lora_request": self._adapter}
        self._engine.add_request(name, prompt, asked.params, **more)

    def _step(self, lengths: dict[str, int], observer: Observer) -> list[Any]:
        """Let the engine do one forward pass; the outputs that are finished with it."""
        only_writing = all(lengths.values())
        began = time.perf_counter()
        outputs = self._engine.step()
        seconds = time.perf_counter() - began
        read = written = 0
        for output in outputs:
            length = len(output.outputs[0].token_ids)
            if not lengths[output.request_id]:
                read += len(output.prompt_token_ids) - (output.num_cached_tokens or 0)
            written += length - lengths[output.request_id]
            lengths[output.request_id] = length
        observer.tokens(read + written)
        if only_writing and written:
            observer.decoded(written, seconds)
        return [output for output in outputs if output.finished]
