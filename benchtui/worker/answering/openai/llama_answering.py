"""The model of a llama-server that answers: exact log-likelihoods, and text by its own route for token ids."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.chat_template import TemplateRenderer
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.next_token import TokenLogProbs
from benchtui.worker.answering.openai import llama_texts
from benchtui.worker.answering.openai.forced_tokens import Asked, ForcedTokens, Known, grouped
from benchtui.worker.answering.openai.llama_server import LlamaServer
from benchtui.worker.answering.openai.llama_streaming import LlamaStreams
from benchtui.worker.answering.openai.llama_tokens import LlamaTokenizer
from benchtui.worker.answering.openai.scoring import known_text
from benchtui.worker.answering.openai.server import Server, window_of
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    Generated,
    GenerateRequest,
    Ids,
    ModelPlan,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.report import Reporter

_LOOK_SECONDS = 2.0
"""How often a server that is writing is asked how far it is."""


class LlamaServerAnswering(Answering):
    """A model that a llama-server has loaded.

    `beside` reaches the same server: texts are tokenised there on a line of their own, since whoever takes an answer
    may ask for it while others are under way.
    """

    def __init__(self, plan: ModelPlan, server: LlamaServer, beside: Server, reporter: Reporter) -> None:
        self._plan = plan
        self._server = server
        self._beside = beside
        self._name = server.address.name
        says = server.says
        self._tokens = LlamaTokenizer.of(server, beside)
        adapters = tuple({"id": number, "scale": scale} for number, _, scale in says.adapters)
        self._asked = Asked(says.vocabulary, self._tokens.whole, adapters)
        self._shows_special = server.run(self._shows_end())
        self._is_proven = False
        asked = plan.batch_size if isinstance(plan.batch_size, int) else 1
        server.width = max(1, min(asked, says.slots))
        self._free = list(range(server.width))
        alone = "one request at a time: what shares a batch changes a quantised model's numbers"
        reporter.batch_size(server.width, alone if server.width == 1 else f"the server has {says.slots} slots")
        if says.adapters:
            shown = ", ".join(f"{one_line(path)} at {scale:g}" for _, path, scale in says.adapters)
            reporter.decision("adapters", shown, "as the server applies them; every prompt is read anew")
        if says.drafts:
            reporter.decision("drafts", "on", "the server decodes speculatively; tokens are scored one a request")

    async def _shows_end(self) -> bool:
        """Whether the server writes special tokens into its texts (`--special`)."""
        try:
            eos = self._tokens.eos
        except BenchtuiError:
            return False
        body = self._asked.body([self._tokens.prefix], eos, 1, keep=False, slot=0)
        answer = await self._server.post("completion", body)
        return bool(answer.get("content")) if isinstance(answer, Mapping) else False

    @contextmanager
    def _slot(self) -> Iterator[int]:
        """A slot of the server that none of our requests uses meanwhile."""
        slot = self._free.pop(0)
        try:
            yield slot
        finally:
            self._free.append(slot)

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`."""
        window, caveats = window_of(self._plan.prompts.max_length, self._server.model.window)
        if self._server.width > 1:
            shared = (
                f"{self._server.width} requests at a time shared the server's batches: "
                "a quantised model's numbers change with what is computed beside them."
            )
            caveats = (shared, *caveats)
        return AnsweringFacts(
            backend="openai",
            version=f"llama-server {one_line(self._server.says.build)}",
            device="server",
            dtype=one_line(self._server.says.type),
            context_length=window,
            caveats=caveats,
        )

    @property
    def tokens(self) -> LlamaTokenizer:
        """The tokenizer of the server's model."""
        return self._tokens

    @property
    def chat(self) -> TemplateRenderer:
        """The plan's chat template."""
        return renderer(self._plan, self._tokens)

    @property
    def rows(self) -> int | None:
        """As `Answering.rows`."""
        return self._server.width

    def check_tasks(self, *, loglikelihood: bool) -> None:
        """As `Answering.check_tasks`: asks for a few log-probabilities in more than one way."""
        if loglikelihood:
            self._proven()

    def check_same(self) -> None:
        """As `Answering.check_same`."""
        self._server.check_same()

    def known_text(self) -> tuple[float, ...]:
        """As `Answering.known_text`."""
        return known_text(self, self._tokens)

    def _proven(self) -> ForcedTokens:
        forced = ForcedTokens(self._server.post, self._asked, self._name)
        if not self._is_proven:
            self._server.run(forced.prove([self._tokens.prefix, self._tokens.whole]))
            self._is_proven = True
        return forced

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`, one request to the server for each token. What has no score is told as unanswered."""
        forced = self._proven()
        groups = grouped(requests)
        asked = sum(group.requests for group in groups)
        observer.decision("log-likelihoods", "one request a token", f"{asked:,} for {len(requests):,} continuations")

        async def ask(number: int) -> list[tuple[int, Known]]:
            found: list[tuple[int, Known]] = []
            with self._slot() as slot:
                await forced.score(groups[number], slot, lambda *one: found.append(one), observer)
            return found

        def take(_number: int, found: list[tuple[int, Known]]) -> None:
            for index, known in found:
                if isinstance(known, Score):
                    answered(index, known)
                else:
                    observer.unanswered(requests[index].args, one_line(str(known), 200))

        self._server.ask_all(
            range(len(groups)),
            ask,
            take,
            lambda number: [requests[index] for index in groups[number].members],
            observer,
        )
        if forced.in_characters:
            observer.decision(
                "parts of characters", str(forced.in_characters), "the whole vocabulary was asked for to score them"
            )

    def streams(self) -> LlamaStreams:
        """As `StreamsAnswers.streams`."""
        return LlamaStreams(self._server, self._tokens, self._asked.lora)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`. What has no answer is told as unanswered."""
        thinks = self._plan.prompts.think_end_token is not None

        async def ask(request: GenerateRequest) -> Generated:
            if request.limit < 1:  # the server would write one token nevertheless
                return Generated("", (), "length")
            prompt = list(request.prompt[request.lost :]) or [self._tokens.prefix]
            body = llama_texts.body(request, prompt, stops=not thinks, lora=self._asked.lora)
            with self._slot() as slot:
                return await self._written({**body, "id_slot": slot}, observer)

        def take(place: int, generated: Generated) -> None:
            text = self._tokens.decode(generated.ids) if self._shows_special else generated.text
            answered(place, replace(generated, text=self._tokens.unspaced(text)))

        self._server.ask_all(requests, ask, take, lambda request: [request], observer)

    async def _written(self, body: Mapping[str, Any], observer: Observer) -> Generated:
        """The text for one body; while the server works on it, it is asked how far it is.

        The whole answer at once, not its stream: that leaves out the ids of characters of several tokens."""
        asked = asyncio.ensure_future(self._server.post("completion", body))
        done = 0
        try:
            while not (await asyncio.wait([asked], timeout=_LOOK_SECONDS))[0]:
                now = await self._server.progress(body["id_slot"])
                if now > done:
                    observer.tokens(now - done)
                    done = now
            answer = asked.result()
        finally:
            asked.cancel()
        generated, took = llama_texts.read(answer, body, self._name)
        observer.tokens(max(took.prefilled + len(generated.ids) - done, 1))
        if took.prefilled and took.prefill_seconds > 0:
            observer.prefilled(took.prefilled, took.prefill_seconds)
        if took.decoded and took.decode_seconds > 0:
            observer.decoded(took.decoded, took.decode_seconds)
        return generated

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`, one request a place: a vocabulary is some megabytes of JSON."""
        forced = self._proven()
        for place in range(first, len(ids) + 1):
            try:
                told = self._server.run(forced.everything(ids[:place], observer))
            except UnansweredError as error:
                raise BenchtuiError(f"{self._name} gave no distribution: {error}.", "Try again.") from error
            row = np.full((1, self._asked.vocabulary), -np.inf, dtype=np.float32)
            row[0, list(told)] = list(told.values())
            yield TokenLogProbs(place, row)

    def adapt(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> bool:
        """Answer for another plan of the same server and model."""
        del reporter, memory_share
        if plan.source != self._plan.source or plan.backend_settings != self._plan.backend_settings:
            return False
        self._plan = plan
        return True

    def close(self) -> None:
        """Close the connections; the server stays."""
        try:
            self._server.close()
        finally:
            self._beside.close()


def renderer(plan: ModelPlan, tokens: LlamaTokenizer) -> TemplateRenderer:
    """The plan's chat template, rendered here with the special tokens of the server's model."""
    return TemplateRenderer(plan.source.path, tokens.special_tokens, plan.prompts)
