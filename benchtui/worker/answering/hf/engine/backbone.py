"""A causal language model in two parts: hidden states of every position, and logits of chosen ones only."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody uses

from benchtui.worker.answering.hf.spread import input_device

# Weights of the output projection that are converted to float32 at once.
_BLOCK = 1 << 25


class Backbone:
    """A transformers causal model (or a PEFT model around one) as two functions: `hidden` and `logits`.

    Adapters stay active: PEFT replaces layers in place, so inside `model.disable_adapter()` this is the base model too.
    Nothing is kept between calls.
    """

    causal: Any
    base: Any

    def __init__(self, model: Any, autocast: torch.dtype | None = None) -> None:
        self.model = model
        self.causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        # Without such a part transformers returns the model itself; `capabilities.detect` checks for that.
        self.base = getattr(self.causal, "base_model", self.causal)
        self._autocast = autocast
        self._output_class: type[Any] | None = None

    def at_decoder(self) -> Backbone:
        """Return the same model, split at its decoder: some families' `forward` calls it, and not the base model."""
        other = Backbone(self.model, self._autocast)
        other.base = self.causal.get_decoder()
        return other

    @property
    def config(self) -> Any:
        """The configuration of the text model, also where it is nested in a multimodal one."""
        return self.causal.config.get_text_config(decoder=True)

    @property
    def device(self) -> torch.device:
        """The device of the inputs, and of what `hidden` and `logits` return."""
        return input_device(self.causal)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights, and of additive attention masks."""
        dtype: torch.dtype = self.causal.dtype
        return dtype

    @functools.cached_property
    def layers(self) -> tuple[Any, ...]:
        """The decoder's layers; () where they cannot be told apart."""
        count = getattr(self.config, "num_hidden_layers", None)
        lists = (module for module in self.base.modules() if isinstance(module, torch.nn.ModuleList))
        return tuple(next((each for each in lists if len(each) == count), ()))

    @contextlib.contextmanager
    def before_each_layer(self, call: Callable[[], None]) -> Iterator[None]:
        """While open, `call` is called before each layer computes; what it raises ends the forward pass."""
        hooks = [layer.register_forward_pre_hook(lambda *_: call()) for layer in self.layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextlib.contextmanager
    def _inference(self) -> Iterator[None]:
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=self._autocast, enabled=self._autocast is not None),
        ):
            yield

    def hidden(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | dict[str, torch.Tensor] | None = None,
        cache: Any = None,
    ) -> torch.Tensor:
        """Return the last hidden states [batch, length, width] for token ids [batch, length].

        Without `mask` attention is causal. A mask covers the cached positions first, then those of `ids`.
        """
        with self._inference():
            output = self.base(
                input_ids=ids,
                position_ids=positions,
                attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
                return_dict=True,
            )
        self._output_class = type(output)
        hidden: torch.Tensor = output.last_hidden_state
        return hidden.to(self.device)  # a model on several devices ends on another one

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits [n, vocabulary] for hidden states [n, width].

        Runs the model's own `forward` on a base model that returns `hidden`: whatever a family does after its output
        projection (soft-capping, scaling) is done here too, without knowing the family.
        """
        with self._inference():
            return self._own_forward(hidden)

    def float32_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits like `logits`, with the output projection and what follows it in float32.

        The hidden states keep their precision; rounding the logits to 16 bits as well would put noise of about
        0.02 nats on an entropy. A projection that is not a plain matrix (quantised, under an adapter, in parts on
        several devices) computes in its own precision: see `projects_in_float32`.
        """
        with self._inference(), self._float32_projection():
            return self._own_forward(hidden).float()

    def whole_float32_logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits [length, vocabulary] of the whole model for ids [1, length], projected as in `float32_logits`.

        Virtual tokens that an adapter puts before the text have no place in them.
        """
        with self._inference(), self._float32_projection():
            logits: torch.Tensor = self.model(ids).logits
        return logits[0, -ids.shape[1] :].float()

    @property
    def projects_in_float32(self) -> bool:
        """Whether `float32_logits` can compute the output projection in float32."""
        return self.projection_is_plain or self.dtype == torch.float32

    @property
    def projection_is_plain(self) -> bool:
        """Whether the output projection is a matrix and perhaps a bias: not quantised, under an adapter, or in parts on
        several devices."""
        projection = projecting(self.causal.get_output_embeddings())
        return type(projection).forward is torch.nn.Linear.forward and "forward" not in projection.__dict__

    @contextlib.contextmanager
    def _float32_projection(self) -> Iterator[None]:
        if self.dtype == torch.float32 or not self.projects_in_float32:
            yield
            return
        projection = projecting(self.causal.get_output_embeddings())
        with _forward_replaced(projection, functools.partial(_project, projection)):
            yield

    def _own_forward(self, hidden: torch.Tensor) -> torch.Tensor:
        output_class = self._output_class
        if output_class is None:
            raise RuntimeError("logits() needs hidden states, and hidden() has not been called yet")
        ids = torch.zeros((1, 1), dtype=torch.long, device=self.device)
        output = output_class(last_hidden_state=hidden.unsqueeze(0))
        with _forward_replaced(self.base, lambda *_args, **_kwargs: output):
            logits: torch.Tensor = self.causal(input_ids=ids, use_cache=False, return_dict=True).logits
        return logits[0].to(self.device)

    def plain_logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, length, vocabulary] of the whole model with its adapter, as lm-eval computes them."""
        with self._inference():
            logits: torch.Tensor = self.model(ids).logits
        return logits


def projecting(module: Any) -> Any:
    """Return the module that really projects: of one that PEFT has wrapped the base's own where the adapter is switched
    off, and the trained copy where it was trained whole (`modules_to_save`)."""
    off = getattr(module, "disable_adapters", False) is True
    if hasattr(module, "original_module"):
        trained, active = getattr(module, "modules_to_save", {}), getattr(module, "active_adapters", [])
        if off or any(name not in trained for name in active):
            return module.original_module if off or trained else module
        return trained[active[0]] if len(active) == 1 else module
    return module.base_layer if off and hasattr(module, "base_layer") else module


def _project(projection: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Multiply hidden states by a weight matrix in float32, converting a block of its rows at a time."""
    rows = max(1, _BLOCK // projection.weight.shape[1])
    states = hidden.float()
    with torch.autocast(hidden.device.type, enabled=False):
        logits = torch.cat([F.linear(states, block.float()) for block in projection.weight.split(rows)], dim=-1)
    return logits if projection.bias is None else logits + projection.bias.float()


@contextlib.contextmanager
def _forward_replaced(module: Any, forward: Callable[..., Any]) -> Iterator[None]:
    """Inside this context, calling `module` calls `forward`."""
    own = module.__dict__.get("forward")  # set when a library such as accelerate has wrapped it already
    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own
