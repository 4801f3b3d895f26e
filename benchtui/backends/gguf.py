"""The gguf backend: GGUF files, read by llama.cpp in the worker itself through llama-cpp-python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, Need, OwnSetting
from benchtui.machine import instruction_set

if TYPE_CHECKING:
    from benchtui.models.describe import ModelDescription
    from benchtui.models.layout import ModelFormat
    from benchtui.models.source import Source

BATCH_LAYOUT = "1"
"""How requests share a forward pass (`worker/answering/gguf/layout.py`). A quantised model's scores depend on it, so it
stands in the fingerprint: count it up with every change of the layout."""

_INSTALL = (
    'python -m pip install "llama-cpp-python>=0.3.30" (it is compiled then: 5 to 10 minutes, and a C++ compiler is '
    "needed, such as the package g++ or build-essential; without one: python -m pip install llama-cpp-python "
    "--extra-index-url https://abetlen.github.io/llama-cpp-python/whl/cpu, its author's own index of built packages)"
)


class _Gguf(Backend):
    def describe(self, location: str, access: Access) -> ModelDescription:
        from benchtui.models.gguf.describe import describe_gguf

        del access
        return describe_gguf(location)

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        from benchtui.backends.gguf_models import gguf_source

        del base, access
        return gguf_source(form, own)

    def identify(self, source: Source, access: Access) -> str:
        from benchtui.backends.gguf_models import present_gguf

        del access
        return present_gguf(source)

    def identity(self, access: Access) -> dict[str, str]:
        return {**super().identity(access), "batch layout": BATCH_LAYOUT, "instruction set": instruction_set()}


GGUF = _Gguf(
    spreads_itself="Leave it out, and --devices: llama.cpp puts a model's layers on all GPUs that its worker sees.",
    name="gguf",
    title="llama.cpp, in process",
    takes=("gguf",),
    gives=Gives(generate=True, loglikelihood=True, distributions="full", chat=True),
    costs="memory: what the file takes; one sample at a time",
    answering="benchtui.worker.answering.gguf.open",
    needs=(Need("llama-cpp-python", _INSTALL, checked="0.3.36"),),
    settings=(
        OwnSetting(
            "kv-type", "Numbers of the key-value cache: f16, or f32 for exact comparisons.", ("f16", "f32"), "f16"
        ),
        OwnSetting("flash-attention", "llama.cpp's fused attention: on or off.", ("off", "on"), "off"),
        OwnSetting("threads", "Threads that compute; auto: one a core.", (), "auto", metavar="N", scores=False),
    ),
    reserved_arguments={
        "dtype": "--format",
        "max_length": "--max-length",
        "enable_thinking": "--enable-thinking",
        "think_end_token": "--think-end-token",
    },
)
