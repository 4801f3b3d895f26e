"""A transformers model that answers: its sizes, its adapter, and other models on or beside its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from benchtui.backends.hf import engine_of
from benchtui.backends.hf_batch import choose_batch
from benchtui.models.source import HuggingFaceSource, Source, hugging_face
from benchtui.out_of_memory import fewer_rows, is_out_of_memory
from benchtui.worker.answering.hf import remembered
from benchtui.worker.answering.hf.chat import HFChat
from benchtui.worker.answering.hf.load import NoRoomForModelError, choose_device, choose_dtype, construct
from benchtui.worker.answering.hf.memory import free_memory, release_memory
from benchtui.worker.answering.hf.next_token import NextTokens, T
from benchtui.worker.answering.hf.spread import layers_by_device, waiting_weights
from benchtui.worker.answering.hf.timing import causal_of
from benchtui.worker.answering.hf.tokenizer import HFTokenizer
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    BatchTooLargeError,
    GenerateRequest,
    ModelPlan,
    Observer,
    OutOfMemoryError,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.adapters import BaseProof
    from benchtui.worker.answering.hf.model import HFModel

ROOM_BESIDE = 2
"""Free memory required before loading a second model, as a multiple of its weights."""


class HFAnswering(NextTokens, Answering):
    """Weights that answer for a plan. `lm` is lm-eval's `hf` model with benchtui's ways of asking it."""

    def __init__(self, lm: HFModel, plan: ModelPlan, device: str, dtype: str) -> None:
        super().__init__(lm)
        self._plan = plan
        self._device = device
        self._dtype = dtype
        self._memory_share = 1.0
        self._shares_weights = False
        # While it answers, all adapters are switched off: it is the base then, as was proven when each was put on.
        self._proof: BaseProof | None = None
        # What PEFT calls its adapter where others may be on the same weights.
        self._adapter_name = ""
        self._adapters = 0

    @classmethod
    def open(cls, plan: ModelPlan, reporter: Reporter, memory_share: float) -> HFAnswering:
        """Load what the plan names. Raises BenchtuiError naming the model and what would help."""
        share = _share(plan, memory_share, reporter)
        torch.manual_seed(plan.prompts.seeds[2])
        device, device_why = choose_device(plan)
        dtype, dtype_why = choose_dtype(plan, device)
        reporter.decision("device", device, device_why)
        reporter.decision("dtype", dtype, dtype_why)
        answering = cls(
            construct(plan, plan.source.path, device, dtype, adapter=hugging_face(plan.source).adapter),
            plan,
            device,
            dtype,
        )
        answering._set_up(reporter, share)
        return answering

    @property
    def facts(self) -> AnsweringFacts:
        """Where and in which precision the model runs, and what is to be known of its weights."""
        return AnsweringFacts(
            backend="hf",
            version=version("transformers"),
            device=self._device,
            dtype=self._dtype,
            context_length=self.lm.max_length,
            encoder_decoder=self.lm.backend != "causal",
            caveats=tuple(self.lm.caveats),
        )

    @property
    def tokens(self) -> HFTokenizer:
        """The model's tokenizer."""
        return HFTokenizer(self.lm)

    @property
    def chat(self) -> HFChat:
        """The plan's chat template."""
        return HFChat(self.lm.tokenizer, self.lm.chat_template_args, self._plan.prompts)

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        self.asked(lambda: self.lm.score(requests, answered, observer))

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        self.asked(lambda: self.lm.generate(requests, answered, observer))

    def asked(self, ask: Callable[[], T]) -> T:
        """As `NextTokens.asked`."""
        try:
            with self.as_planned():
                return ask()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = " ".join(str(error).split())[:160]
        # Outside the handler: the first error must not live on as this one's context, with every tensor of its frames.
        raise BatchTooLargeError(said)

    def as_planned(self) -> AbstractContextManager[None]:
        """While open, the model in memory is what the plan says."""
        if self._adapter_name and self.lm.model.active_adapter != self._adapter_name:
            self.lm.model.set_adapter(self._adapter_name)
        if self._proof is None:
            return nullcontext()
        off: AbstractContextManager[None] = self.lm.model.disable_adapter()
        return off

    # Sizes.

    @property
    def takes_more(self) -> bool:
        """As `TakesMore.takes_more`."""
        return self.lm.takes_more

    @property
    def peak_device_memory(self) -> int | None:
        """As `Answering.peak_device_memory`."""
        if not self._device.startswith("cuda"):
            return None
        return sum(int(torch.cuda.max_memory_allocated(device)) for device in self._devices)

    @property
    def _devices(self) -> list[torch.device]:
        """The devices that the model computes on: one, unless it is spread over several."""
        return list(layers_by_device(causal_of(self.lm.model)))

    @property
    def rows(self) -> int | None:
        """Sequences in a batch; None where the engine divides requests by a number of tokens."""
        size = self.lm.batch_size_per_gpu
        return size if isinstance(size, int) else None

    @contextmanager
    def sized_for(self, kind: str, began: int | None, observer: Observer) -> Iterator[int | None]:
        """Start where this model and kind of task fitted before, or as the run began; see `Answering.sized_for`."""
        planned = self.lm.batch_size_per_gpu
        if isinstance(planned, int):
            size, why = planned, ""
            if self._plan.batch_size == "auto" and began is not None and self._memory_share == 1:
                size, why = began, "as this run began"
            fits = remembered.batch_size(self._plan, kind)
            if fits is not None and fits < size:
                size, why = fits, f"{size} did not fit into memory before"
            if size != planned:
                self.lm.batch_size_per_gpu = size
                observer.batch_size(size, why)
        try:
            yield self.rows
            self._remember(kind, planned)
        finally:
            self.lm.batch_size_per_gpu = planned  # another kind of task may have more room

    def _remember(self, kind: str, planned: int | str) -> None:
        fitted = self.rows
        if fitted is not None and (fitted != planned or self._memory_share < 1):
            remembered.store_batch_size(self._plan, kind, fitted)
        elif self._memory_share < 1:  # the engine sizes its batches by itself
            remembered.store_memory_share(self._plan, self._memory_share)

    def shrink(self, said: str, observer: Observer) -> None:
        """Halve the batch; see `Answering.shrink`."""
        release_memory(self._device)
        size, fewer = self.rows, fewer_rows(self.rows)
        if fewer is None:
            raise OutOfMemoryError(
                f"memory is not enough for one request: {said}",
                "Use --format merged_4bit, a smaller --max-length, or a larger machine.",
            )
        self.lm.batch_size_per_gpu = fewer
        observer.batch_size(fewer, f"memory ran out at {size}; what was answered is kept")

    # Other plans.

    def adapt(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> bool:
        """Answer for another plan on the same weights, with its adapter put on them; see `Answering.adapt`."""
        if not self._serves(plan.source):
            return False
        share = _share(plan, memory_share, reporter)
        torch.manual_seed(plan.prompts.seeds[2])
        if plan.source != self._plan.source:
            before = self.lm
            before.close()
            self.lm = construct(plan, before.model, self._device, self._dtype)
            self.lm.caveats = list(before.caveats)
            adapter = hugging_face(plan.source).adapter
            if adapter and not self._own.adapter:
                self.lm.apply_adapter(adapter)
        self._plan = plan
        self._set_up(reporter, share)
        return True

    def _serves(self, source: Source) -> bool:
        """Whether these weights are those of `source`, or become them when its adapter is put on."""
        adapter = hugging_face(source).adapter
        if self._proof is not None and adapter:
            return False
        return source.loads == self._own.loads and self._own.adapter in (None, adapter)

    @property
    def _own(self) -> HuggingFaceSource:
        return hugging_face(self._plan.source)

    def _set_up(self, reporter: Reporter, memory_share: float) -> None:
        """Give the model the plan's chat template and batch size. `memory_share` below 1 plans for that part of the
        memory."""
        plan, lm = self._plan, self.lm
        self._memory_share = memory_share
        if plan.prompts.chat_template is not None:
            lm.tokenizer.chat_template = plan.prompts.chat_template
            lm.chat_template_args = lm.chat_template_args | plan.prompts.template_tokens
        size, why = self._planned_rows()
        if size is None:
            lm.memory_share = memory_share  # the fast engine plans by tokens, and says what it chose
            return
        if memory_share < 1:
            size, why = max(1, int(size * memory_share)), f"memory ran out at {size}"
        lm.batch_size_per_gpu = size
        reporter.batch_size(size, why)

    def _planned_rows(self) -> tuple[int | None, str]:
        if isinstance(self._plan.batch_size, int):
            return self._plan.batch_size, "asked for"
        if engine_of(self._plan.backend_settings) == "fast":
            return None, ""
        choice = choose_batch(
            self.lm.config,
            device=self._device.split(":")[0],
            free=min(map(free_memory, self._devices)),
            max_length=self.lm.max_length,
            element_bytes=torch.finfo(getattr(torch, self._dtype)).bits // 8,
        )
        return choice.size, choice.why

    def beside(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> HFAnswering | None:
        """Another plan's model on the same weights where that is proven to leave this one, its base, what it is, else
        loaded as well; see `Answering.beside`. Raises as `open` does."""
        share = _share(plan, memory_share)
        torch.manual_seed(plan.prompts.seeds[2])
        on_base = self._own.adapter is None and plan.source.loads == self._own.loads
        if on_base and (shared := self._with_adapter(plan, reporter, share)):
            return shared
        if self._own.adapter:
            return None  # putting the adapter on has changed the base: it has to be loaded again, by itself
        needed = ROOM_BESIDE * self.lm.model.get_memory_footprint()
        unlike = hugging_face(plan.source).load_in_4bit != self._own.load_in_4bit
        if unlike or share < 1 or sum(map(free_memory, self._devices)) < needed:
            return None
        with suppress(NoRoomForModelError):  # somebody else may have taken the memory meanwhile
            return HFAnswering.open(plan, reporter, memory_share)
        release_memory(self._device)
        return None

    def _with_adapter(self, plan: ModelPlan, reporter: Reporter, memory_share: float) -> HFAnswering | None:
        """The adapter of `plan` on these weights, which then answer with it off, as do other adapters on them. None
        when that would not be the base; these weights then have the adapter, if it had to be tried."""
        from peft import PeftConfig

        from benchtui.worker.answering.hf.adapters import FIRST_ADAPTER, BaseProof, adapter_error, why_base_is_needed

        adapter = hugging_face(plan.source).adapter
        if adapter is None:
            return None
        try:
            reason = why_base_is_needed(PeftConfig.from_pretrained(adapter))
        except Exception as error:  # peft and the hub each raise their own
            raise adapter_error(adapter, error) from error
        if reason:
            reporter.decision("base", "loaded by itself", f"the adapter switched off is not the base: {reason}")
            return None
        if waiting_weights(self.lm.model):
            reporter.decision("base", "loaded by itself", "some of its weights are not on a device to be compared")
            return None
        proof = self._proof or BaseProof(self.lm.model)
        name = f"adapter{self._adapters}" if self._adapters else FIRST_ADAPTER
        self._adapters += 1
        lm = construct(plan, self.lm.model, self._device, self._dtype)
        lm.apply_adapter(adapter, name)
        if reason := proof.broken_by(lm.model):
            self._plan = plan
            reporter.decision("base", "loaded by itself", f"the adapter switched off is not the base: {reason}")
            return None
        lm.caveats = [*self.lm.caveats, *lm.caveats]
        self.lm.use(lm.model)
        other = HFAnswering(lm, plan, self._device, self._dtype)
        self._proof, other._adapter_name = proof, name
        self._shares_weights = other._shares_weights = True
        other._set_up(reporter, memory_share)
        return other

    @property
    def shares_weights(self) -> bool:
        """As `Answering.shares_weights`."""
        return self._shares_weights

    def close(self) -> None:
        """Free the weights, unless another model stands on them."""
        self.lm.close()
        del self.lm
        release_memory(self._device)


def _share(plan: ModelPlan, memory_share: float, reporter: Reporter | None = None) -> float:
    """Of the memory that would be planned for, the part that fitted before. lm-eval's own code remembers batch sizes
    instead."""
    if engine_of(plan.backend_settings) != "fast" or isinstance(plan.batch_size, int):
        return memory_share
    share = min(memory_share, remembered.memory_share(plan))
    if share < memory_share and reporter is not None:
        reporter.decision("memory", f"{share:.3g} of what would be planned", "more did not fit before")
    return share
