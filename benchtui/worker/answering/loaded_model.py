"""A model in memory, or at a server, asked from Python: text, log-likelihoods and distributions, many prompts at a
time. It asks the same `Answering` as a benchmark, through the same adapter."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, overload

import numpy as np
from lm_eval.api.instance import Instance
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.runs.events import Event, Warned
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.next_token import Distributions
from benchtui.worker.answering.opening import open_answering
from benchtui.worker.answering.protocol import Answering, AnsweringFacts, Tokenizer, Unobserved
from benchtui.worker.report import Reporter

Message = Mapping[str, str]
Texts = list[str] | tuple[str, ...]
LogProbs = NDArray[np.float32]


def load_model(plan: LoadPlan) -> LoadedModel:
    """Load what the plan names into this process. Raises BenchtuiError naming the model and what would help."""
    answering = open_answering(plan, Reporter(_Warnings()), 1.0)
    try:
        return LoadedModel(answering, plan.prompts)
    except BaseException:
        answering.close()
        raise


class _Warnings:
    """Of the events of a run, logs the warnings."""

    def emit(self, event: Event) -> None:
        if isinstance(event, Warned):
            logging.getLogger("benchtui").warning("%s %s", event.message, event.next_step)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class LogLikelihood:
    """`nats` is the log-probability of a whole text; `greedy` where each of its tokens was the likeliest."""

    nats: float
    greedy: bool


class LoadedModel:
    """A model that was loaded by `benchtui.api.load`. Close it, or use it in a `with` statement, to free its memory.

    A method that is given one text returns one value, given several it returns a list in their order.
    """

    def __init__(self, answering: Answering, prompts: PromptSettings) -> None:
        self._prompts = prompts
        self._held: LmEvalModel | None = LmEvalModel(answering, prompts)

    @property
    def _lm(self) -> LmEvalModel:
        if self._held is None:
            raise BenchtuiError("The model was closed.", "Load it again with benchtui.api.load.")
        return self._held

    @property
    def _answering(self) -> Answering:
        return self._lm.answering

    @property
    def facts(self) -> AnsweringFacts:
        """The backend and its version, device, precision, and the longest text in tokens."""
        return self._answering.facts

    def get_tokenizer(self) -> Tokenizer:
        """Return the model's tokenizer: `encode([text])[text]` gives token ids, `decode(ids)` a text."""
        return self._lm.tokens

    @overload
    def generate(
        self,
        prompts: str,
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float | None = None,
        top_k: int | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> str: ...
    @overload
    def generate(
        self,
        prompts: Texts,
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float | None = None,
        top_k: int | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> list[str]: ...
    def generate(
        self,
        prompts: str | Texts,
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float | None = None,
        top_k: int | None = None,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> str | list[str]:
        """Write what follows each prompt: at most `max_new_tokens` tokens, up to the first of the texts in `stop`.

        Temperature 0 takes the likeliest token each time; above 0 tokens are drawn, the same ones for the same `seed`
        and prompt whatever else is asked with it. Raises BenchtuiError where prompt and answer are longer than the
        model can read.
        """
        settings: dict[str, Any] = {"until": list(stop), "max_gen_toks": max_new_tokens, "do_sample": temperature > 0}
        if temperature > 0:
            settings |= {"temperature": temperature}
            settings |= {name: value for name, value in (("top_p", top_p), ("top_k", top_k)) if value is not None}
        texts, single = _many(prompts)
        requests = [
            Instance(request_type="generate_until", doc={}, arguments=(text, settings), idx=0) for text in texts
        ]
        self._refuse_long_prompts(texts, max_new_tokens)
        self._lm.seed = self._prompts.seeds[2] if seed is None else seed
        answers = self._lm.generate_until(requests, disable_tqdm=True)
        return answers[0] if single else answers

    def chat(self, messages: Sequence[Message], **settings: Any) -> str:
        """Answer a list of messages with the keys `role` and `content`, by the model's chat template; `settings` are
        those of `generate`. Raises BenchtuiError where the model has no chat template."""
        if self._prompts.chat_template is None:
            raise BenchtuiError("The model has no chat template.", "Use generate(), or a model that has one.")
        return self.generate(
            self._answering.chat.render([dict(message) for message in messages], add_generation_prompt=True), **settings
        )

    @overload
    def log_likelihood(self, prompts: str, responses: str) -> LogLikelihood: ...
    @overload
    def log_likelihood(self, prompts: Texts, responses: Texts) -> list[LogLikelihood]: ...
    def log_likelihood(self, prompts: str | Texts, responses: str | Texts) -> LogLikelihood | list[LogLikelihood]:
        """Return the log-likelihood of each response after its prompt, as lm-eval computes it. Raises BenchtuiError
        where both together are longer than the model can read."""
        pairs, single = _pairs(prompts, responses)
        for pair in pairs:
            context, continuation = self._encoded(*pair)
            self._refuse_long(len(context) + max(len(continuation) - 1, 0))
        requests = [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0) for pair in pairs]
        found = [LogLikelihood(*answer) for answer in self._lm.loglikelihood(requests, disable_tqdm=True)]
        return found[0] if single else found

    @overload
    def get_logits(self, prompts: str, responses: str | None = None) -> LogProbs: ...
    @overload
    def get_logits(self, prompts: Texts, responses: Texts | None = None) -> list[LogProbs]: ...
    def get_logits(self, prompts: str | Texts, responses: str | Texts | None = None) -> LogProbs | list[LogProbs]:
        """Return the distribution of the next token as normalised logits: log-probabilities in nats, float32.

        With responses: [tokens of the response, vocabulary], row i before its token i. Without: [1, vocabulary], of the
        token after the prompt. Raw logits differ from these by one constant a row, which changes no distribution.
        Raises BenchtuiError where the backend does not give whole distributions, or the text is too long.
        """
        if responses is None:
            texts, single = _many(prompts)
            found = [self._after(text) for text in texts]
        else:
            pairs, single = _pairs(prompts, responses)
            found = [self._within(*pair) for pair in pairs]
        return found[0] if single else found

    @overload
    def get_probabilities(
        self, prompts: str, responses: str | None = None, *, temperature: float = 1.0
    ) -> LogProbs: ...
    @overload
    def get_probabilities(
        self, prompts: Texts, responses: Texts | None = None, *, temperature: float = 1.0
    ) -> list[LogProbs]: ...
    def get_probabilities(
        self, prompts: Any, responses: Any = None, *, temperature: float = 1.0
    ) -> LogProbs | list[LogProbs]:
        """Return what `get_logits` returns as probabilities, float32, each row with the sum 1: the softmax of the
        logits divided by `temperature`, which must be above 0."""
        if temperature <= 0:
            raise ValueError(f"temperature is {temperature}: must be above 0")
        found = self.get_logits(prompts, responses)
        if isinstance(found, list):
            return [_softmax(logits, temperature) for logits in found]
        return _softmax(found, temperature)

    def close(self) -> None:
        """Free what the model holds; asked afterwards, it raises BenchtuiError."""
        held, self._held = self._held, None
        if held is not None:
            held.answering.close()

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _after(self, text: str) -> LogProbs:
        ids = self._lm.tokens.encode([text])[text] or [self._lm.tokens.prefix]
        return self._logprobs(ids, len(ids), len(ids) + 1)

    def _within(self, prompt: str, response: str) -> LogProbs:
        if not response:
            raise ValueError("a response is empty: there is no token to give distributions of")
        context, continuation = self._encoded(prompt, response)
        return self._logprobs([*context, *continuation], len(context), len(context) + len(continuation))

    def _encoded(self, prompt: str, response: str) -> tuple[list[int], list[int]]:
        """Token ids of a prompt and of the response behind it, as lm-eval divides them."""
        if not prompt:
            return [self._lm.tokens.prefix], self._lm.tok_encode(response)
        context, continuation = self._lm._encode_pair(prompt, response)  # noqa: SLF001
        return context or [self._lm.tokens.prefix], continuation

    def _refuse_long(self, tokens: int) -> None:
        if self._lm.backend == "causal" and tokens > self._lm.max_length:
            raise BenchtuiError(
                f"A text of {tokens:,} tokens is longer than the model's window of {self._lm.max_length:,}.",
                "Shorten the text, or give load() a greater max_length if the model can read more.",
            )

    def _refuse_long_prompts(self, texts: Sequence[str], limit: int) -> None:
        """A prompt would be cut at its start; where the server has the only tokenizer, it refuses by itself."""
        tokens = self._answering.tokens
        for _, length in tokens.encode_prompts(texts).values() if tokens is not None else ():
            if self._lm.backend == "causal" and length + limit > self._lm.max_length:
                raise BenchtuiError(
                    f"A prompt of {length:,} tokens and an answer of up to {limit:,} are longer than the model's "
                    f"window of {self._lm.max_length:,}.",
                    "Shorten the prompt, or set a smaller max_new_tokens.",
                )

    def _logprobs(self, ids: Sequence[int], first: int, end: int) -> LogProbs:
        """The distributions at the places `first` … `end` - 1."""
        return np.concatenate([part for part in self._parts(ids, first, end) if len(part)])

    def _parts(self, ids: Sequence[int], first: int, end: int) -> Iterator[LogProbs]:
        if not isinstance(self._answering, Distributions):
            raise BenchtuiError(
                f"The {self.facts.backend} backend does not give whole distributions.",
                "Load the model with backend='hf', or its GGUF file with backend='gguf'.",
            )
        # The last place is that of the token after the text: it is not computed where nobody asks for it.
        read = list(ids)[: max(end - 1, first)]
        self._refuse_long(len(read))
        for part in self._answering.distributions(read, first, Unobserved()):
            yield part.logprobs[: max(end - part.first, 0)]


def _softmax(logits: LogProbs, temperature: float) -> LogProbs:
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: LogProbs = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def _many(texts: str | Texts) -> tuple[list[str], bool]:
    return ([texts], True) if isinstance(texts, str) else (list(texts), False)


def _pairs(prompts: str | Texts, responses: str | Texts) -> tuple[list[tuple[str, str]], bool]:
    if isinstance(prompts, str) is not isinstance(responses, str):
        raise ValueError("prompts and responses must both be texts, or both be lists")
    first, single = _many(prompts)
    second, _ = _many(responses)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} prompts and {len(second)} responses: there must be one response for each")
    return list(zip(first, second, strict=True)), single
