"""The model of a llama-server that answers: exact log-likelihoods, and text by its own route for token ids."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.chat_template import TemplateRenderer
from benchtui.worker.answering.http.at_once import Loop, at_once
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.http.patience import Patience, Tries
from benchtui.worker.answering.next_token import TokenLogProbs
from benchtui.worker.answering.openai import llama_texts
from benchtui.worker.answering.openai.forced_tokens import Asked, ForcedTokens, Group, Known, grouped
from benchtui.worker.answering.openai.llama_server import LlamaServer, cost, local_file, too_long
from benchtui.worker.answering.openai.llama_tokens import LlamaTokenizer
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    Generated,
    GenerateRequest,
    Ids,
    ModelChangedError,
    ModelPlan,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.report import Reporter

T = TypeVar("T")
_TEXTS_AT_ONCE = 4
"""Texts that are tokenised at a time: the server does it beside what it computes."""
_LOOK_SECONDS = 2.0
"""How often a server that is writing is asked how far it is."""


class LlamaServerAnswering(Answering):
    """A model that a llama-server has loaded.

    Every answer is recorded only after the server has said once more that it is still this model: it takes any name
    for its own, and could have been restarted with another one.
    """

    def __init__(self, plan: ModelPlan, address: Address, reporter: Reporter, patience: Patience | None = None) -> None:
        self._plan = plan
        self._name = address.name
        self._loop = Loop()
        self._client = HttpClient(address, refused=lambda _status, body: too_long(body, self._name))
        self._tries = Tries(
            self._name,
            patience or Patience(),
            alive=self._alive,
            returned=self._returned,
            tell=lambda state, why: reporter.decision("server", state, why),
        )
        # Texts are tokenised on a line of their own: whoever takes an answer may ask for it while others are under way.
        self._texts_loop = Loop()
        self._texts_client = HttpClient(address)
        self._texts_tries = Tries(
            self._name,
            patience or Patience(),
            alive=self._alive,
            returned=self._returned,
            tell=lambda state, why: reporter.decision("server", state, why),
        )
        self._server: LlamaServer | None = None
        try:
            self._set_up(plan, address, reporter)
        except BaseException:
            self.close()
            raise

    def _set_up(self, plan: ModelPlan, address: Address, reporter: Reporter) -> None:
        server = self._server = self._loop.run(self._tries.ask(self._read))
        self._file = local_file(server, address.url)
        self._tokens = LlamaTokenizer(self._post_all, server.bos, server.eos, self._name)
        self._asked = Asked(
            server.vocabulary,
            self._tokens.whole,
            tuple({"id": number, "scale": scale} for number, _, scale in server.adapters),
        )
        self._shows_special = self._loop.run(self._shows_end())
        asked = plan.batch_size if isinstance(plan.batch_size, int) else 1
        self._width = max(1, min(asked, server.slots))
        why = "one request at a time: what shares a batch changes a quantised model's numbers"
        reporter.batch_size(self._width, why if self._width == 1 else f"the server has {server.slots} slots")
        if server.adapters:
            shown = ", ".join(f"{one_line(path)} at {scale:g}" for _, path, scale in server.adapters)
            reporter.decision("adapters", shown, "as the server applies them; every prompt is read anew")
        if server.drafts:
            reporter.decision("drafts", "on", "the server decodes speculatively; tokens are scored one a request")

    async def _shows_end(self) -> bool:
        """Whether the server writes special tokens into its texts (`--special`)."""
        try:
            eos = self._tokens.eos
        except BenchtuiError:
            return False
        body = self._asked.body([self._tokens.prefix], eos, 1, keep=False, slot=0)
        answer = await self._post("completion", body)
        return bool(answer.get("content")) if isinstance(answer, dict) else False

    # The server.

    async def _alive(self) -> bool:
        try:
            await self._client.get("health", timeout=5.0)
        except Exception:  # noqa: BLE001 - whatever keeps it from answering
            return False
        return True

    async def _read(self) -> LlamaServer:
        """What the server says of itself now."""
        return LlamaServer.read(
            self._name,
            await self._client.get("props"),
            await self._client.get("v1/models"),
            await self._optional("slots"),
            await self._optional("lora-adapters"),
        )

    async def _optional(self, path: str) -> Any:
        """An answer of a route that can be switched off; None where it is."""
        try:
            found = await self._client.get(path)
        except RefusedError:
            return None
        except Exception as error:
            if "501" in str(error):
                return None
            raise
        return found if isinstance(found, list) else None

    async def _returned(self) -> None:
        """It answers again after it was gone."""
        self._check(await self._read())

    async def _check_same(self) -> None:
        """Raise ModelChangedError where the server has another model now."""
        self._check(await self._tries.ask(self._read))

    def _check(self, now: LlamaServer) -> None:
        if self._server is not None and (differs := self._server.differs(now)):
            raise ModelChangedError(
                f"{self._name} has another model than at the beginning: {differs}.",
                "Start it again as it was, then `benchtui resume`; nothing of the other model was recorded.",
            )

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._tries.ask(lambda: self._client.post(path, body))

    def _post_all(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Any]:
        found: list[Any] = [None] * len(bodies)

        async def ask(index: int) -> Any:
            return await self._texts_tries.ask(lambda: self._texts_client.post(path, bodies[index]))

        self._texts_loop.run(
            at_once(
                len(bodies),
                _TEXTS_AT_ONCE,
                ask,
                found.__setitem__,
                started=lambda _numbers: None,
                check=lambda: None,
            )
        )
        return found

    def _at_once(
        self,
        count: int,
        width: int,
        ask: Callable[[int, int], Awaitable[T]],
        take: Callable[[int, T], None],
        started: Callable[[list[int]], None],
        observer: Observer,
    ) -> None:
        """Call `ask` with each number and a slot that nobody else of us uses meanwhile."""
        free = list(range(width))

        async def one(number: int) -> T:
            slot = free.pop(0)
            try:
                return await ask(number, slot)
            finally:
                free.append(slot)

        self._loop.run(at_once(count, width, one, take, started=started, check=observer.check))

    # What it answers.

    @property
    def _known(self) -> LlamaServer:
        if self._server is None:
            raise RuntimeError("the server was not asked yet")
        return self._server

    @property
    def window(self) -> int:
        """The longest text in tokens: what the plan asks for, and what the server gives each request."""
        return min(self._plan.prompts.max_length or self._known.window, self._known.window)

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`."""
        server = self._known
        caveats = []
        if self._width > 1:
            caveats.append(
                f"{self._width} requests at a time shared the server's batches: "
                "a quantised model's numbers change with what is computed beside them."
            )
        if self._plan.prompts.max_length is not None and self.window < self._plan.prompts.max_length:
            caveats.append(
                f"The server's context holds {server.context} tokens a request: "
                f"{self.window} were used, not {self._plan.prompts.max_length}."
            )
        return AnsweringFacts(
            backend="openai",
            version=f"llama-server {one_line(server.build)}",
            device="server",
            dtype=one_line(server.type),
            context_length=self.window,
            caveats=tuple(caveats),
        )

    @property
    def tokens(self) -> LlamaTokenizer:
        """The tokenizer of the server's model."""
        return self._tokens

    @property
    def chat(self) -> TemplateRenderer:
        """The plan's chat template."""
        return renderer(self._known, self._plan)

    @property
    def rows(self) -> int | None:
        """As `Answering.rows`."""
        return self._width

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`, one request to the server for each token. What has no score is told as unanswered."""
        groups = grouped(requests)
        asked = sum(group.requests for group in groups)
        observer.decision("log-likelihoods", "one request a token", cost(asked, len(requests), self._file))
        forced = ForcedTokens(self._post, self._asked, self._name)

        async def ask(number: int, slot: int) -> list[tuple[int, Known]]:
            found: list[tuple[int, Known]] = []
            await forced.score(groups[number], slot, lambda *one: found.append(one), observer.tokens)
            await self._check_same()
            return found

        def take(_number: int, found: list[tuple[int, Known]]) -> None:
            for index, known in found:
                if isinstance(known, Score):
                    answered(index, known)
                else:
                    observer.unanswered(requests[index].args, str(known))

        self._at_once(
            len(groups), self._width, ask, take, lambda numbers: _begun(groups, numbers, requests, observer), observer
        )
        if forced.in_characters:
            observer.decision(
                "parts of characters", str(forced.in_characters), "the whole vocabulary was asked for to score them"
            )

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`. What has no answer is told as unanswered."""
        thinks = self._plan.prompts.think_end_token is not None
        lora = self._asked.lora
        bodies = [llama_texts.body(request, self._prompt(request), stops=not thinks, lora=lora) for request in requests]

        async def ask(index: int, slot: int) -> Generated | UnansweredError:
            if requests[index].limit < 1:  # the server would write one token nevertheless
                return Generated("", (), "length")
            try:
                generated = await self._written(bodies[index], slot, observer)
            except UnansweredError as error:
                return error
            await self._check_same()
            return generated

        def take(index: int, generated: Generated | UnansweredError) -> None:
            if isinstance(generated, Generated):
                text = self._tokens.decode(generated.ids) if self._shows_special else generated.text
                answered(index, Generated(self._tokens.unspaced(text), generated.ids, generated.finish))
            else:
                observer.unanswered(requests[index].args, str(generated))

        self._at_once(
            len(requests),
            self._width,
            ask,
            take,
            lambda numbers: observer.batch_started([requests[number].args for number in numbers]),
            observer,
        )

    def _prompt(self, request: GenerateRequest) -> list[int]:
        return list(request.prompt[request.lost :]) or [self._tokens.prefix]

    async def _written(self, body: Mapping[str, Any], slot: int, observer: Observer) -> Generated:
        """The text for one body; while the server works on it, it is asked how far it is.

        The whole answer at once, not its stream: that leaves out the ids of characters of several tokens."""
        asked = asyncio.ensure_future(self._post("completion", {**body, "id_slot": slot}))
        done = 0
        try:
            while not (await asyncio.wait([asked], timeout=_LOOK_SECONDS))[0]:
                now = llama_texts.progress(await self._looked(), slot)
                if now > done:
                    observer.tokens(now - done)
                    done = now
            answer = asked.result()
        finally:
            asked.cancel()
        generated, computed = llama_texts.read(answer, body, self._name)
        observer.tokens(max(computed - done, 1))
        return generated

    async def _looked(self) -> Any:
        try:
            return await self._client.get("slots", timeout=_LOOK_SECONDS)
        except Exception:  # noqa: BLE001 - no sign of life, whatever the reason: the watchdog judges
            return None

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`, one request a place: a vocabulary is some megabytes of JSON."""
        forced = ForcedTokens(self._post, self._asked, self._name)
        for place in range(first, len(ids) + 1):
            told = self._loop.run(forced.everything(ids[:place], observer.tokens))
            row = np.full((1, self._known.vocabulary), -np.inf, dtype=np.float32)
            row[0, list(told)] = list(told.values())
            yield TokenLogProbs(place, row)
        self._loop.run(self._check_same())

    def adapt(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> bool:
        """Answer for another plan of the same server and model."""
        del reporter, memory_share
        if plan.source != self._plan.source or plan.backend_settings != self._plan.backend_settings:
            return False
        self._plan = plan
        return True

    def close(self) -> None:
        """Close the connections; the server stays."""
        for loop, client in ((self._loop, self._client), (self._texts_loop, self._texts_client)):
            loop.run(client.close())
            loop.close()


def _begun(
    groups: Sequence[Group], numbers: Sequence[int], requests: Sequence[ScoreRequest], observer: Observer
) -> None:
    observer.batch_started([requests[index].args for number in numbers for index in groups[number].members])


def renderer(server: LlamaServer, plan: ModelPlan) -> TemplateRenderer:
    """The plan's chat template with the special tokens of the server's model."""
    named = {"bos_token": server.bos, "eos_token": server.eos}
    return TemplateRenderer(server.model, {name: text for name, text in named.items() if text}, plan.prompts)
