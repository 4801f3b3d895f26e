"""The GGUF of a model of Ollama's, opened in this process: its tokenizer at once, its weights when they are needed.

Ollama's routes tell log-probabilities of the tokens that it writes, never those of a given text.
"""

from __future__ import annotations

import msgspec

from benchtui.backends.gguf import GGUF
from benchtui.errors import BenchtuiError
from benchtui.models.gguf.describe import GgufDescription, describe_gguf
from benchtui.models.ollama_store import find_stored
from benchtui.models.source import GgufSource, ServedSource
from benchtui.plans.load import LoadPlan
from benchtui.worker.answering.gguf.answering import GgufAnswering
from benchtui.worker.answering.gguf.model import Model
from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer
from benchtui.worker.answering.ollama.agreement import PROMPTS, TOKENS, Agreement
from benchtui.worker.answering.ollama.asking import Asking
from benchtui.worker.answering.ollama.server import Server
from benchtui.worker.answering.protocol import ModelPlan, Unobserved
from benchtui.worker.report import Reporter

_WHOLE = frozenset({"F32", "F16", "BF16"})
"""Quantisations that are none: builds of llama.cpp part at ties only."""


class OwnGguf:
    """The file that a server has loaded for `source`, with `context` tokens for a text."""

    def __init__(self, source: ServedSource, plan: ModelPlan, context: int) -> None:
        """Read its tokenizer. Raises BenchtuiError where the file is no longer that of the server's model."""
        file = find_stored(source.path, source.identity).gguf
        self._described: GgufDescription = describe_gguf(file)
        self._plan = LoadPlan(
            GGUF.name,
            GgufSource(str(file), self._described.identity, quantization=self._described.quantization),
            msgspec.structs.replace(plan.prompts, max_length=context),
            device=plan.device,
        )
        self._vocabulary = Model(str(file), vocabulary_only=True)
        self._answering: GgufAnswering | None = None
        try:
            self.tokens = GgufTokenizer(self._vocabulary)
        except BaseException:
            self._vocabulary.close()
            raise

    @property
    def answering(self) -> GgufAnswering:
        """The model in this process. Call `open` before."""
        if self._answering is None:
            raise RuntimeError("the GGUF is not open")
        return self._answering

    def open(self, server: Server, asking: Asking, reporter: Reporter) -> None:
        """Load the weights where that was not done yet, and check them against the server's answers.

        Raises BenchtuiError where they are not the same model, or where the server is too old to tell.
        """
        if self._answering is not None:
            return
        answering = GgufAnswering.open(self._plan, reporter)
        try:
            self._check(answering, server, asking)
        except BaseException:
            answering.close()
            raise
        self._answering = answering

    def _check(self, answering: GgufAnswering, server: Server, asking: Asking) -> None:
        agreement, nobody = Agreement(), Unobserved()
        for prompt in PROMPTS:
            answer = server.run(server.ask(asking.probe(prompt, TOKENS), nobody.tokens))
            agreement.compare(answering, prompt, answer.logprobs, nobody)
        if problem := agreement.problem(quantised=self._described.quantization not in _WHOLE):
            raise BenchtuiError(
                f"The GGUF of {server.name} answers otherwise here than at Ollama {server.facts.version}: {problem}.",
                "Log-likelihoods from it would not be those of the model that Ollama runs. Update Ollama (0.12.11 or "
                "later) and llama-cpp-python; or evaluate the file alone, with --backend gguf.",
            )

    def close(self) -> None:
        """Free the weights and the vocabulary."""
        try:
            if self._answering is not None:
                self._answering.close()
        finally:
            self._vocabulary.close()
