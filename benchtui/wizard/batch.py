"""How many sequences at once, advised before anything is loaded: the backend's own rule on the memory free now."""

from __future__ import annotations

from benchtui.backends.backend import BatchAdvice, Machine
from benchtui.backends.registry import find_backend
from benchtui.machine import free_gpu_memory, free_memory
from benchtui.models.describe import ModelDescription
from benchtui.plans.choice import Choice, backend_settings


def advise_batch(choice: Choice, model: ModelDescription) -> BatchAdvice | None:
    """For a model described but not loaded; None where the backend cannot tell. Asks the GPU's driver, which takes a
    moment."""
    backend = find_backend(choice.backend)
    settings = backend_settings(choice, backend)
    return backend.advise(model, _machine(choice.device), max_length=choice.max_length, settings=settings)


def _machine(device: str) -> Machine:
    gpu = free_gpu_memory() if device == "auto" or device.startswith("cuda") else None
    return Machine("cpu", free_memory()) if gpu is None else Machine("cuda", gpu)
