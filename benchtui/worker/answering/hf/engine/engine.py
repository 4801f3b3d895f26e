"""A model together with what is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.capabilities import Capabilities, detect
from benchtui.worker.answering.hf.engine.observer import Observer


@dataclass(frozen=True)
class Engine:
    """What every call of the engine starts from."""

    backbone: Backbone
    capabilities: Capabilities

    @classmethod
    def of(cls, model: Any, autocast: torch.dtype | None, encoder_decoder: bool, observer: Observer) -> Engine:
        """Look at a model, and tell the observer once what is not possible with it."""
        backbone, capabilities = detect(Backbone(model, autocast), encoder_decoder)
        name = type(backbone.causal).__name__
        if not capabilities.shares:
            observer.decision("engine", f"lm-eval's own for {name}", capabilities.why)
        elif capabilities.why:
            generation = "the engine's" if capabilities.steps else "lm-eval's own"
            choice = f"one path a row for {name}, {generation} generation"
            observer.decision("engine", choice, capabilities.why)
        return cls(backbone, capabilities)

    def is_for(self, model: Any) -> bool:
        """Whether this is about `model`."""
        return self.backbone.model is model
