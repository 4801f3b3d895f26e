"""Writes the example of use in a new README: code that loads what the folder holds."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.text import one_line

_BEST_FIRST = ("merged_16bit", "full", "lora", "merged_4bit", "gguf")


def usage(model: TrainedModel, part: str, base: str | None) -> str:
    """Return the example for the folder `part` of a model; for its own README ("") with the best format. "" for none.

    Python names folders relative to the one above the README's, the shell names files relative to the README's.
    """
    if part == "gguf":
        return _llama_cpp(model.path / part, [form for form in model.formats if form.kind == "gguf"])
    if part:
        return _transformers(part, base, adapter=part == "lora")
    best = min((form for form in model.formats if form.kind in _BEST_FIRST), key=_rank, default=None)
    if best is None or not best.path.is_relative_to(model.path):
        return ""
    if best.kind == "gguf":
        return _llama_cpp(model.path, [best])
    return _transformers((Path(model.name) / best.path.relative_to(model.path)).as_posix(), base, adapter=best.adapter)


def _rank(form: ModelFormat) -> tuple[bool, int]:
    return not form.usable(), _BEST_FIRST.index(form.kind)


def _transformers(place: str, base: str | None, *, adapter: bool) -> str:
    if adapter:
        imports = ["from peft import AutoPeftModelForCausalLM", "from transformers import AutoTokenizer"]
    else:
        imports = ["from transformers import AutoModelForCausalLM, AutoTokenizer"]
    of_model = "AutoPeftModelForCausalLM" if adapter else "AutoModelForCausalLM"
    # An adapter often comes without a tokenizer. A base on this disk is nowhere for who reads this.
    tokenizer = base if adapter and base and not Path(base).is_absolute() else place
    return _code(
        "python",
        *imports,
        "",
        f"model = {of_model}.from_pretrained({place!r})",
        f"tokenizer = AutoTokenizer.from_pretrained({tokenizer!r})",
    )


def _llama_cpp(folder: Path, forms: list[ModelFormat]) -> str:
    names = [form.path.relative_to(folder).as_posix() for form in forms if form.path.is_relative_to(folder)]
    return _code("bash", *(f"llama-cli -m {shlex.quote(one_line(name, 300))} -cnv" for name in names)) if names else ""


def _code(language: str, *lines: str) -> str:
    return "\n".join(["## Usage", "", f"```{language}", *lines, "```"])
