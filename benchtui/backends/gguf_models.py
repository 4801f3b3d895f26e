"""Models in GGUF files, for every backend that opens them itself."""

from __future__ import annotations

from benchtui.backends.hugging_face import BASE
from benchtui.errors import BenchtuiError
from benchtui.models.describe import ModelDescription
from benchtui.models.gguf.describe import GgufDescription, describe_gguf
from benchtui.models.layout import ModelFormat
from benchtui.models.source import GgufSource, Source
from benchtui.text import one_line


def gguf_source(form: ModelFormat | None, own: ModelDescription) -> GgufSource:
    """Return the source of the model that `describe_gguf` described; `form` None is a base."""
    if not isinstance(own, GgufDescription):
        raise BenchtuiError(f"{one_line(own.name, 200)} is no GGUF file.", "Give the path of a .gguf file.")
    label = BASE if form is None else form.label
    return GgufSource(own.name, own.identity, label, parts=own.parts, quantization=own.quantization)


def present_gguf(source: Source) -> str:
    """Return the identity that the files of a plan's model have now."""
    return describe_gguf(source.path).identity
