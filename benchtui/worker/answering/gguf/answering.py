"""A GGUF model that answers: its window, its contexts, and other plans on or beside it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import numpy as np
import psutil
from numpy.typing import NDArray

from benchtui.backends.gguf import GGUF
from benchtui.errors import BenchtuiError, UsageError
from benchtui.machine import free_memory, usable_cores
from benchtui.routing.rules import SignalName
from benchtui.runs.worker_contract import DEVICE_NAME
from benchtui.text import one_line
from benchtui.worker.answering.chat_template import TemplateRenderer
from benchtui.worker.answering.gguf.context import Context, Contexts, ContextSettings
from benchtui.worker.answering.gguf.distributions import check_length, distributions
from benchtui.worker.answering.gguf.generating import generate
from benchtui.worker.answering.gguf.growing_text import CachedText, TextCache
from benchtui.worker.answering.gguf.library import llama
from benchtui.worker.answering.gguf.model import Model
from benchtui.worker.answering.gguf.scoring import SignalOfLogits, score, score_tokens
from benchtui.worker.answering.gguf.tokenizer import GgufTokenizer
from benchtui.worker.answering.growing_text import RecomputedText
from benchtui.worker.answering.next_token import GrowingText, TokenLogProbs, TokensScored
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    GenerateRequest,
    Ids,
    ModelPlan,
    Observer,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.answering.stepped import known_ids
from benchtui.worker.report import Reporter

_ROOM_BESIDE = 2
"""Free memory required before loading a second model, as a multiple of its file."""
_STEPS = 1000
"""Loading is told in thousandths: llama.cpp counts bytes."""
_ARGUMENTS = frozenset({"chat_template_args"})
"""What of --model-args means something here."""


class GgufAnswering(Answering):
    """Weights in llama.cpp's memory that answer for a plan."""

    def __init__(self, model: Model, plan: ModelPlan, settings: ContextSettings) -> None:
        self._model = model
        self._plan = plan
        self._settings = settings
        self._tokens = GgufTokenizer(model)
        self._contexts = Contexts(model, settings)
        self._growing = TextCache(self._make_context, self.window)

    @classmethod
    def open(cls, plan: ModelPlan, reporter: Reporter) -> GgufAnswering:
        """Load what the plan names. Raises BenchtuiError naming the file and what would help."""
        _refuse_arguments(plan)
        settings = _settings(plan, reporter)
        told = 0

        def progress(part: float) -> None:
            nonlocal told
            done = int(part * _STEPS)
            if done > told:  # small tensors are no step
                reporter.advance("tensors", done - told, _STEPS)
                told = done

        model = Model(
            plan.source.path,
            parts=plan.source.places[1:],
            layers_on_gpu=-1 if settings.on_gpu else 0,
            progress=progress,
        )
        try:
            answering = cls(model, plan, settings)
        except BaseException:
            model.close()
            raise
        if not model.shares_prefixes:
            reporter.decision(
                "shared contexts", "read again for each answer", "recurrent layers keep no tokens to share"
            )
        # With one at a time, a worker that ran out of memory is not started again with fewer.
        reporter.batch_size(1, "one document at a time: what shares a batch changes a quantised model's numbers")
        return answering

    @property
    def window(self) -> int:
        """The longest text in tokens: what the plan asks for, else what the model was trained on. Raises BenchtuiError
        where the file names no length."""
        found = self._plan.prompts.max_length or self._model.trained_length
        if found < 1:
            raise BenchtuiError(f"{self._model.path} does not say how long its texts may be.", "Give --max-length N.")
        return found

    @property
    def facts(self) -> AnsweringFacts:
        """Where it runs and how its weights are stored, and what is to be known of its tokenizer."""
        caveats = []
        if self._model.metadata("tokenizer.ggml.pre") == "default" and self._tokens.is_byte_pair:
            caveats.append(
                "The GGUF splits text by llama.cpp's default rule (tokenizer.ggml.pre is default), which is seldom the "
                "model's own: its tokens may be others than in training."
            )
        return AnsweringFacts(
            backend=GGUF.name,
            version=version("llama-cpp-python"),
            device="gpu" if self._settings.on_gpu else "cpu",
            dtype=self._model.quantization,
            context_length=self.window,
            caveats=tuple(caveats),
        )

    @property
    def tokens(self) -> GgufTokenizer:
        """llama.cpp's tokenizer of this file."""
        return self._tokens

    @property
    def chat(self) -> TemplateRenderer:
        """The plan's chat template."""
        return TemplateRenderer(self._model.path, self._tokens.special_tokens, self._plan.prompts)

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        score(self._contexts, self._model.shares_prefixes, requests, answered, observer)

    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: SignalName | None,
        answered: TokensScored,
        observer: Observer,
    ) -> None:
        """As `TokenScorer.score_tokens`."""
        computed = SignalOfLogits(signal, self._known) if signal is not None else None
        score_tokens(self._contexts, self._model.shares_prefixes, requests, computed, answered, observer)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        generate(self._contexts, self._tokens, requests, answered, observer)

    def distributions(self, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
        """As `Distributions.distributions`."""
        check_length(len(ids), self.window)
        return distributions(self._contexts, ids, first, observer)

    @functools.cached_property
    def _known(self) -> NDArray[np.bool_]:
        return known_ids(self.token_bytes())

    def token_bytes(self) -> Sequence[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`."""
        return self._tokens.token_bytes()

    def grow(self, observer: Observer) -> GrowingText:
        """As `TextGrower.grow`."""
        if self._model.shares_prefixes:
            return CachedText(self._growing, observer)
        observer.decision("growing text", "computed again at each step", "recurrent layers keep a state, no tokens")
        return RecomputedText(self.distributions, observer)

    def _make_context(self, cells: int) -> Context:
        return self._contexts.another(cells)

    def end_tokens(self) -> frozenset[int]:
        """As `EndsTexts.end_tokens`: all that the file or llama.cpp knows as an end of turn or text."""
        return frozenset(token for token in range(self._model.vocabulary_size) if self._tokens.ends(token))

    def adapt(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> bool:
        """Answer for another plan of the same file and settings; see `Answering.adapt`."""
        del reporter, memory_share
        if not self._serves(plan):
            return False
        _refuse_arguments(plan)
        self._plan = plan
        self._growing.close()
        self._growing = TextCache(self._make_context, self.window)
        return True

    def _serves(self, plan: ModelPlan) -> bool:
        own = self._plan
        return plan.source == own.source and plan.device == own.device and plan.backend_settings == own.backend_settings

    def beside(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> GgufAnswering | None:
        """Another plan's model in memory as well, where there is room for it; see `Answering.beside`."""
        if memory_share < 1 or free_memory() < _ROOM_BESIDE * self._model.size:
            return None
        return GgufAnswering.open(plan, reporter)

    def close(self) -> None:
        """Free the caches and the weights."""
        self._growing.close()
        self._contexts.close()
        self._model.close()


def _refuse_arguments(plan: ModelPlan) -> None:
    prompts = plan.prompts
    if unknown := sorted(prompts.model_args.keys() - _ARGUMENTS):
        raise BenchtuiError(
            f"The gguf backend has no model argument {one_line(', '.join(unknown), 200)}.", "Leave it out."
        )
    if prompts.dtype != "auto":
        raise BenchtuiError(
            f"--dtype {prompts.dtype}: a GGUF file is computed in the precision that it is stored in.",
            "Leave --dtype out, and choose another file with --format.",
        )


def _settings(plan: ModelPlan, reporter: Reporter) -> ContextSettings:
    on_gpu = plan.device != "cpu" and bool(llama().llama_supports_gpu_offload())
    if plan.device not in ("auto", "cpu") and not on_gpu:
        raise BenchtuiError(
            f"--device {plan.device}: llama-cpp-python was built without GPU support.",
            "Install a build with it (see its README), or use --device cpu.",
        )
    own = plan.backend_settings
    threads, threads_why = _threads(GGUF.setting(own, "threads"))
    device_why = "asked for" if plan.device != "auto" else "what llama.cpp was built for"
    reporter.decision("device", "gpu" if on_gpu else "cpu", os.environ.get(DEVICE_NAME, device_why))
    reporter.decision("threads", str(threads), threads_why)
    return ContextSettings(
        threads=threads,
        wide_cache=GGUF.setting(own, "kv-type") == "f32",
        flash_attention=GGUF.setting(own, "flash-attention") == "on",
        on_gpu=on_gpu,
    )


def _threads(asked: str) -> tuple[int, str]:
    """How many threads compute, and why. llama.cpp's threads spin while they wait for each other: with one more than
    there are free cores, all are slow. Raises UsageError for what is no number."""
    if asked != "auto":
        if not asked.isdecimal() or not int(asked):
            raise UsageError(f"--threads {one_line(asked, 40)} is no number of threads.", "Give a number, or auto.")
        return int(asked), "asked for"
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable):
        return int(variable), "OMP_NUM_THREADS"
    allowed = usable_cores()
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed)), "the cores that it may use"
