"""The model of an Ollama server: it writes texts, and its own GGUF, opened here, gives log-likelihoods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchtui.backends.ollama import OLLAMA, READ_GGUF, context_of
from benchtui.backends.ollama_server import show
from benchtui.backends.openai import ENDPOINT
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import UnansweredError
from benchtui.worker.answering.ollama.answers import NOT_AN_ANSWER, Answer
from benchtui.worker.answering.ollama.asking import Asking, options_of
from benchtui.worker.answering.ollama.server import WIDTH, Server
from benchtui.worker.answering.ollama.streaming import OllamaStreams
from benchtui.worker.answering.openai.open import timeout_of
from benchtui.worker.answering.openai.texts import messages_of
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    ChatRenderer,
    GenerateRequest,
    ModelPlan,
    Observer,
    Scored,
    ScoreRequest,
    Tokenizer,
    Unobserved,
    Written,
)
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.next_token import GrowingText, TokenLogProbs
    from benchtui.worker.answering.ollama.own_gguf import OwnGguf

_TRIAL = "The capital of France is"
_TRIAL_TOKENS = 8
_ARGUMENTS = frozenset({"chat_template_args"})
"""What of --model-args means something here."""


class OllamaAnswering(Answering):
    """A model that a server has loaded with one context for the whole run; `own` is its GGUF, None where it cannot be
    opened here."""

    def __init__(
        self,
        plan: ModelPlan,
        server: Server,
        asking: Asking,
        renderer: ChatRenderer,
        own: OwnGguf | None,
        reporter: Reporter,
    ) -> None:
        self._plan = plan
        self._server = server
        self._asking = asking
        self._renderer = renderer
        self._own = own
        self._reporter = reporter
        self._caveats: list[str] = []
        self._is_chat = plan.backend_settings.get(ENDPOINT.name) == "chat"
        self._writes_itself = OLLAMA.setting(plan.backend_settings, READ_GGUF.name) == "on"

    @classmethod
    def open(cls, plan: ModelPlan, renderer: ChatRenderer, reporter: Reporter) -> OllamaAnswering:
        """Load the model at its server and try it. Raises BenchtuiError naming the server and what would help."""
        _refuse_arguments(plan)
        source = served(plan)
        width = plan.batch_size if isinstance(plan.batch_size, int) else WIDTH
        server = Server(source, width=width, timeout=timeout_of(plan))
        own = None
        try:
            model = server.facts.model(source.path)
            context = plan.prompts.max_length or context_of(model, show(source.server, model.name))
            is_chat = plan.backend_settings.get(ENDPOINT.name) == "chat"
            asking = Asking(source.path, context, think=is_chat and bool(plan.prompts.enable_thinking))
            own = _own_gguf(plan, source, context, is_chat)
            answering = cls(plan, server, asking, renderer, own, reporter)
            answering._begin()
        except BaseException:
            _close(server, own)
            raise
        return answering

    def _begin(self) -> None:
        if self._writes_itself and self._own is None:
            raise BenchtuiError(
                f"--read-gguf on: the GGUF of {self._server.name} cannot be opened here.",
                "Leave it out, or use --backend gguf with the file that the model was made of.",
            )
        if not self._writes_itself:
            self._reporter.decision("requests at a time", str(self._server.width), "--batch-size sets another number")
        context = self._asking.context
        loaded = self._server.run(self._server.load(self._asking.load()))
        if loaded is not None and loaded < context:
            raise BenchtuiError(
                f"Ollama gives {self._server.name} a context of {loaded:,} tokens; {context:,} were asked.",
                f"Use --max-length {loaded} or less.",
            )
        self._reporter.decision(
            "context", f"{context:,} tokens", "one for the whole run: another would load the model again"
        )
        self._try_out()

    def _try_out(self) -> None:
        """Ask one prompt twice: the server must read as many tokens as the model's tokenizer makes of it, and what is
        greedy should be the same both times."""
        request = GenerateRequest((), _TRIAL, _TRIAL_TOKENS, (), {}, 0, ())
        first, again = (self._server.run(self._asked(request, Unobserved())) for _ in range(2))
        if (first.text, first.thinking) != (again.text, again.thinking):
            self._caveats.append(
                "Ollama gave two different greedy answers to one prompt: repeated, scores will differ."
            )
        tokens = self.tokens
        if tokens is None or first.prompt_tokens is None:
            return
        made = tokens.encode_prompts([_TRIAL])[_TRIAL][1]
        if first.prompt_tokens != made:
            raise BenchtuiError(
                f"Ollama reads {first.prompt_tokens} tokens where the tokenizer of {self._server.name} makes {made} of "
                "the same text: it is not the model that its GGUF holds.",
                "Make it again from its files, or evaluate those with --backend gguf or hf.",
            )

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`."""
        caveats = list(self._caveats)
        if self._is_chat:
            caveats.append(
                "Ollama wrote the prompts by a template of its own choice, which may be another than the model's: "
                "scores are not comparable with those of other backends."
            )
        return AnsweringFacts(
            backend=OLLAMA.name,
            version=f"Ollama {self._server.facts.version}".strip(),
            device="server",
            dtype=served(self._plan).quantization or "unknown",
            context_length=self._asking.context,
            caveats=tuple(caveats),
        )

    @property
    def tokens(self) -> Tokenizer | None:
        """As `Answering.tokens`: the one of the model's own GGUF; None where the server writes prompts by its template
        or the file cannot be opened."""
        return self._own.tokens if self._own is not None else None

    @property
    def chat(self) -> ChatRenderer:
        """As `Answering.chat`."""
        return self._renderer

    @property
    def rows(self) -> int | None:
        """As `Answering.rows`."""
        return 1 if self._writes_itself else self._server.width

    def check_tasks(self, *, loglikelihood: bool) -> None:
        """As `Answering.check_tasks`: opens the model's GGUF where it is needed, and checks it against the server."""
        if loglikelihood or self._writes_itself:
            self._opened()

    def check_same(self) -> None:
        """As `Answering.check_same`."""
        self._server.check_same()

    def _opened(self) -> OwnGguf:
        if self._own is None:
            raise BenchtuiError(
                f"Log-likelihoods of {self._server.name} need its own GGUF, which cannot be opened here.",
                "Choose tasks that generate text, or use --backend gguf with the file that the model was made of.",
            )
        self._own.open(self._server, self._asking, self._reporter)
        return self._own

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`, by the model's own GGUF."""
        self._opened().answering.score(requests, answered, observer)

    def distributions(self, ids: Sequence[int], first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`, by the model's own GGUF."""
        return self._opened().answering.distributions(ids, first, observer)

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`, by the model's own GGUF."""
        return self._opened().answering.token_bytes()

    def grow(self, observer: Observer) -> GrowingText:
        """As `TextGrower.grow`, by the model's own GGUF."""
        return self._opened().answering.grow(observer)

    def streams(self) -> OllamaStreams | None:
        """As `StreamsAnswers.streams`."""
        if self._writes_itself:
            self._opened()
            return None
        return OllamaStreams(self._server, self._asking, self.tokens, by_messages=self._is_chat)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        if self._writes_itself:
            self._opened().answering.generate(requests, answered, observer)
            return
        for request in requests:
            options_of(request.settings)  # refused before anything is asked

        async def ask(request: GenerateRequest) -> Answer:
            return await self._asked(request, observer)

        def take(place: int, answer: Answer) -> None:
            limit = requests[place].limit
            answered(place, answer.generated(limit))
            if answer.prompt_tokens and answer.prompt_seconds:
                observer.prefilled(answer.prompt_tokens, answer.prompt_seconds)
            if answer.first_seconds is not None:
                observer.first_token(answer.first_seconds)
            if answer.tokens and answer.seconds:
                observer.decoded(answer.tokens, answer.seconds)

        self._server.ask_all(requests, ask, take, lambda request: [request], observer)

    async def _asked(self, request: GenerateRequest, observer: Observer) -> Answer:
        """One answer of the server. Raises UnansweredError where there is none."""
        text = request.text
        if request.lost and self.tokens is not None:
            text = self.tokens.decode(request.prompt[request.lost :], special=True)
        if not text:
            raise UnansweredError("Ollama takes an empty prompt for the wish to load the model")
        stops = self._plan.prompts.think_end_token is None  # one in the thoughts is no end
        if self._is_chat:
            body = self._asking.chat(request, messages_of(text), stops=stops)
        else:
            body = self._asking.generate(request, text, stops=stops)
        answer = await self._server.ask(body, observer.tokens)
        if answer.reason in NOT_AN_ANSWER:
            raise UnansweredError(f"Ollama only answers that it did {one_line(answer.reason, 20)} the model")
        return answer

    def close(self) -> None:
        """Close the connections and the GGUF; the server stays, and keeps the model for a while."""
        _close(self._server, self._own)


def _close(server: Server, own: OwnGguf | None) -> None:
    try:
        if own is not None:
            own.close()
    finally:
        server.close()


def served(plan: ModelPlan) -> ServedSource:
    """The plan's source. Raises BenchtuiError for a plan that was edited."""
    if isinstance(plan.source, ServedSource):
        return plan.source
    raise BenchtuiError("The run's model is no server's.", "Start a new run.")


def _own_gguf(plan: ModelPlan, source: ServedSource, context: int, is_chat: bool) -> OwnGguf | None:
    if source.gguf is None or is_chat or find_spec("llama_cpp") is None:
        return None
    from benchtui.worker.answering.ollama.own_gguf import OwnGguf

    return OwnGguf(source, plan, context)


def _refuse_arguments(plan: ModelPlan) -> None:
    prompts = plan.prompts
    if unknown := sorted(prompts.model_args.keys() - _ARGUMENTS):
        raise BenchtuiError(
            f"The ollama backend has no model argument {one_line(', '.join(unknown), 200)}.",
            "How texts are written is set with --gen-kwargs, the context with --max-length.",
        )
    if prompts.dtype != "auto":
        raise BenchtuiError(
            f"--dtype {prompts.dtype}: Ollama computes a model in the precision that it is stored in.",
            "Leave --dtype out, and choose another model.",
        )
