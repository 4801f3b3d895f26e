"""Sources of models that a server has, for every backend that asks one."""

from __future__ import annotations

from benchtui.backends.hugging_face import BASE
from benchtui.errors import BenchtuiError
from benchtui.models.describe import ModelDescription
from benchtui.models.layout import ModelFormat
from benchtui.models.served import ServedDescription
from benchtui.models.source import ServedSource
from benchtui.text import one_line


def served_source(form: ModelFormat | None, own: ModelDescription) -> ServedSource:
    """Return the source of a model that a server described; `form` None is a base."""
    if not isinstance(own, ServedDescription):
        raise BenchtuiError(f"{one_line(own.name, 200)} is no model of a server.", "Give the name that it has there.")
    return ServedSource(
        own.name,
        own.identity,
        BASE if form is None else "served",
        server=own.server,
        product=own.product,
        gguf=own.gguf,
        quantization=own.quantization,
    )
