"""The model of any server that speaks OpenAI's language: texts always, log-likelihoods where they can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchtui.backends.openai import OPENAI
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.failures import RefusedError, UnansweredError
from benchtui.worker.answering.next_token import TopLogProbs
from benchtui.worker.answering.openai import texts
from benchtui.worker.answering.openai.messages import Messages
from benchtui.worker.answering.openai.scoring import Scorer, groups_of, known_text
from benchtui.worker.answering.openai.server import Server, Streamed, window_of
from benchtui.worker.answering.openai.streaming import OpenAIStreams
from benchtui.worker.answering.openai.tokens import NamedTokenizer
from benchtui.worker.answering.openai.tops import Tops
from benchtui.worker.answering.protocol import (
    TOP_K,
    Answering,
    AnsweringFacts,
    ChatRenderer,
    Generated,
    GenerateRequest,
    Ids,
    ModelPlan,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Tokenizer,
    Written,
)
from benchtui.worker.report import Reporter

WIDTH = 8
"""Requests under way at a time where the user names no number: --batch-size."""
_TRIAL = GenerateRequest((), "Hello", 1, (), {}, 0, ())


class OpenAIAnswering(Answering):
    """A model behind a server. Without a `tokenizer` prompts go as text; without a `scorer`, whose numbers are believed
    after its `prove` alone, it gives no log-likelihoods."""

    def __init__(
        self,
        plan: ModelPlan,
        server: Server,
        tokenizer: NamedTokenizer | None,
        scorer: Scorer | None,
        reporter: Reporter,
        tops: Tops | None = None,
    ) -> None:
        self._plan = plan
        self._server = server
        self._tokens = tokenizer
        self._is_chat = endpoint_of(plan) == "chat"
        self._scorer = scorer
        self._tops = tops
        self._is_proven = False
        if isinstance(plan.batch_size, int):
            server.width = plan.batch_size
        else:
            server.width = WIDTH
        reporter.decision("requests at a time", str(server.width), "--batch-size sets another number")
        self._more = server.run(self._takes_more())
        self._stream = server.run(self._streams())
        reporter.decision("answers", "streamed" if self._stream != "no" else "in one piece", "as the server has them")
        self._sends_ids = tokenizer is not None and not self._is_chat and server.run(self._takes_ids(tokenizer))
        sent = "token ids" if self._sends_ids else "messages" if self._is_chat else "text"
        reporter.decision("prompts", sent, "the server adds its own start token" if sent == "text" else "")

    @property
    def _route(self) -> str:
        return "/v1/chat/completions" if self._is_chat else "/v1/completions"

    async def _takes_more(self) -> bool:
        """Whether the server takes settings that OpenAI's own refuse. Raises BenchtuiError where it answers nothing."""
        for more in (True, False):
            body = texts.body(_TRIAL, self._server.model.name, "Hello", chat=self._is_chat, stops=False, more=more)
            try:
                await self._server.post(self._route, body)
            except (RefusedError, UnansweredError) as error:
                if more:
                    continue
                step = "Try --endpoint completions." if self._is_chat else "Try --endpoint chat."
                raise BenchtuiError(f"{self._server.address.name} answers no prompt: {error}", step) from error
            return more
        raise RuntimeError("the last try returns or raises")

    async def _streams(self) -> texts.Streaming:
        """Whether the server streams its answers, and tells the counts of a stream."""
        ways: tuple[texts.Streaming, ...] = ("with counts", "yes")
        for way in ways:
            name, more = self._server.model.name, self._more
            body = texts.body(_TRIAL, name, "Hello", chat=self._is_chat, stops=False, more=more, stream=way)
            try:
                answer = await self._server.stream(self._route, body, chat=self._is_chat, stops=(), came=lambda: None)
            except (RefusedError, UnansweredError):
                continue
            return way if answer.pieces else "no"
        return "no"

    async def _takes_ids(self, tokenizer: Tokenizer) -> bool:
        """Whether the server reads token ids as the tokenizer makes them. Raises BenchtuiError where it counts others:
        then it is the tokenizer of another model."""
        ids = tokenizer.encode(["The capital of France is"])["The capital of France is"]
        body = texts.body(_TRIAL, self._server.model.name, ids, chat=False, stops=False, more=self._more)
        try:
            answer = texts.read(await self._server.post(self._route, body), self._server.address.name, chat=False)
        except (RefusedError, UnansweredError):
            return False
        if answer.read not in (None, len(ids)):
            raise BenchtuiError(
                f"{self._server.address.name} read {answer.read} tokens where {len(ids)} were sent: it applies a "
                "template or adds a start token.",
                "Go without --tokenizer, or use --endpoint chat.",
            )
        return True

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`."""
        server = self._server.facts
        beyond = self._scorer.beyond if self._scorer is not None else 0
        window, caveats = window_of(self._plan.prompts.max_length, self._server.model.window, beyond=beyond)
        return AnsweringFacts(
            backend="openai",
            version=f"{server.product} {server.version}".strip(),
            device="server",
            dtype="unknown",
            context_length=window,
            caveats=caveats,
        )

    @property
    def tokens(self) -> Tokenizer | None:
        """As `Answering.tokens`."""
        return self._tokens

    @property
    def chat(self) -> ChatRenderer:
        """As `Answering.chat`."""
        return Messages(self._server.model.name)

    @property
    def rows(self) -> int | None:
        """As `Answering.rows`."""
        return self._server.width

    def check_tasks(self, *, loglikelihood: bool) -> None:
        """As `Answering.check_tasks`: asks the probe's questions."""
        if loglikelihood:
            self._proven()

    def check_same(self) -> None:
        """As `Answering.check_same`."""
        self._server.check_same()

    def known_text(self) -> tuple[float, ...]:
        """As `Answering.known_text`."""
        self._proven()
        return known_text(self, self._tokens) if self._tokens is not None else ()

    def _proven(self) -> Scorer:
        name, scorer = self._server.address.name, self._scorer
        if self._is_chat:
            raise BenchtuiError(
                f"{name} is asked through its chat route, which gives no log-likelihoods.",
                "Choose tasks that generate text, or use --endpoint completions.",
            )
        if scorer is None:
            raise BenchtuiError(
                f"{name} gives no log-likelihoods without the model's tokenizer.",
                "Name its folder or hub id with --tokenizer, or choose tasks that generate text.",
            )
        if not self._is_proven:
            self._server.run(scorer.prove())
            self._is_proven = True
        return scorer

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`. Raises BenchtuiError where the server's numbers cannot be believed."""
        scorer = self._proven()
        groups = groups_of(requests)

        async def ask(group: list[int]) -> Sequence[Score]:
            return await scorer.score([requests[place] for place in group])

        def take(number: int, scores: Sequence[Score]) -> None:
            for place, score in zip(groups[number], scores, strict=True):
                answered(place, score)
                observer.tokens(len(requests[place].inputs))

        self._server.ask_all(groups, ask, take, lambda group: [requests[place] for place in group], observer)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        thinks = self._plan.prompts.think_end_token is not None
        name = self._server.model.name
        if not self._more and any(texts.is_drawn(request.settings) for request in requests):
            observer.decision(
                "sampling",
                "from all tokens",
                f"the server takes no top_k; other backends draw from the {TOP_K} likeliest where a task names none",
            )

        async def ask(request: GenerateRequest) -> tuple[Generated, Streamed]:
            prompt: str | Ids = request.prompt[request.lost :] if self._sends_ids else request.text
            body = texts.body(
                request, name, prompt, chat=self._is_chat, stops=not thinks, more=self._more, stream=self._stream
            )
            if self._stream == "no":
                streamed = Streamed(await self._server.post(self._route, body))
            else:
                stops = () if thinks else request.stops  # one in the thoughts is no end
                streamed = await self._server.stream(
                    self._route, body, chat=self._is_chat, stops=stops, came=lambda: observer.tokens(1)
                )
            return texts.read(streamed.document, self._server.address.name, chat=self._is_chat), streamed

        def take(place: int, answer: tuple[Generated, Streamed]) -> None:
            generated, streamed = answer
            answered(place, generated)
            if streamed.first_seconds is None or streamed.seconds is None:
                observer.tokens(generated.length or 1)
                return
            observer.first_token(streamed.first_seconds)
            if self._server.width == 1:  # several at a time wait for each other: their times are no speeds
                if generated.read:
                    observer.prefilled(generated.read, streamed.first_seconds)
                if generated.count and generated.count > 1:
                    observer.decoded(generated.count - 1, streamed.seconds)

        self._server.ask_all(requests, ask, take, lambda request: [request], observer)

    def streams(self) -> OpenAIStreams:
        """As `StreamsAnswers.streams`. Raises BenchtuiError where prompts go as they are: messages need the
        server's own chat template."""
        if not self._is_chat:
            name = self._server.address.name
            raise BenchtuiError(f"{name} is asked by its completions route, which takes no messages.",
                                "Use --endpoint chat.")  # fmt: skip
        return OpenAIStreams(self._server, more=self._more, stream=self._stream)

    def top_logprobs(
        self, texts: Sequence[tuple[Ids, int]], k: int, observer: Observer
    ) -> Iterator[tuple[int, TopLogProbs]]:
        """As `TopDistributions.top_logprobs`. Raises BenchtuiError where the server has no way to tell them."""
        self._proven()
        if self._tops is None:
            raise BenchtuiError(
                f"{self._server.address.name} does not tell the likeliest tokens of a given text by their ids.",
                "vLLM, SGLang and llama-server do; or open the model's files with --backend hf or gguf.",
            )
        return self._tops.of(texts, k, observer)

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`. Raises BenchtuiError where the model's tokenizer is not named."""
        if self._tokens is None:
            raise BenchtuiError(
                f"{self._server.address.name} does not tell which tokens its ids are.",
                "Name the folder or hub id of its model with --tokenizer.",
            )
        return self._tokens.token_bytes()

    def close(self) -> None:
        """Close the connections; the server stays."""
        self._server.close()


def endpoint_of(plan: ModelPlan) -> str:
    """The route that texts are asked by: completions, or chat."""
    return OPENAI.setting(plan.backend_settings, "endpoint")
