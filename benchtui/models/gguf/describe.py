"""Describes a GGUF model before it is loaded: identity, size, shape, tokenizer, chat template."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription, read_generation
from benchtui.models.gguf.digest import gguf_identity
from benchtui.models.gguf.header import GgufArray, GgufHeader, mapped, numbers_of, texts_at
from benchtui.models.gguf.parts import GgufFiles, files_of, is_gguf
from benchtui.models.gguf.quantization import commonest_type
from benchtui.models.gguf.types import WHOLE_NUMBERS
from benchtui.models.reading import Unreadable
from benchtui.models.tokenizer.chat_template import ChatTemplate, chosen_template
from benchtui.models.weights.architecture import Architecture
from benchtui.text import one_line

TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_MODEL = "tokenizer.ggml.model"
_PRE = "tokenizer.ggml.pre"
_ADDS_BOS = "tokenizer.ggml.add_bos_token"
_MOST = 1 << 40
_SPECIAL = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
    "sep_token": "tokenizer.ggml.seperator_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
}
"""The keys of the ids of the tokens that a chat template may write (sic: llama.cpp spells it so)."""
_STRETCHED = ("none", "linear", "yarn", "longrope")
"""How llama.cpp can stretch a context: by another name it ends the process."""


@dataclass(frozen=True)
class GgufDescription(ModelDescription):
    """A model in GGUF files; `name` is the absolute path of the first one, `parts` are those of the others.

    `quantization` is llama.cpp's name of it (Q4_K_M), `tokenizer_model` and `pre_tokenizer` what the file says of its
    tokenizer ("" for nothing), `generation_beside` the generation_config.json of the folder that it was made of, which
    llama.cpp does not read, `adds_bos` whether texts begin with BOS (None: as llama.cpp does for that tokenizer).
    """

    parts: tuple[str, ...] = ()
    quantization: str = ""
    tokenizer_model: str = ""
    pre_tokenizer: str = ""
    adds_bos: bool | None = None
    generation_beside: Mapping[str, Any] = field(default_factory=dict)


def describe_gguf(location: str | Path) -> GgufDescription:
    """Describe the model in the GGUF file at `location`, the first of its parts or any other. Loads no weights.

    Raises UsageError when there is no such file, BenchtuiError naming what is broken or missing.
    """
    path = Path(location).expanduser().absolute()
    shown = one_line(str(path), 300)
    if not is_gguf(path):
        what = f"{shown} is no GGUF file." if path.exists() else f"There is no GGUF file {shown}."
        raise UsageError(what, "Give the path of a .gguf file; `benchtui models` lists those in outputs/.")
    found = files_of(path)
    if found.problem:
        raise BenchtuiError(
            f"{one_line(str(found.files[0]), 300)} {found.problem}.", "Copy or convert it again, or take another file."
        )
    try:
        return _described(found)
    except (FileNotFoundError, Unreadable) as error:
        reason = str(error) if isinstance(error, Unreadable) else "is gone"
        raise BenchtuiError(f"{shown} {reason}.", "Copy it again.") from None


def _described(found: GgufFiles) -> GgufDescription:
    first, header = found.files[0], found.headers[0]
    shown = one_line(str(first), 300)
    tokenizer = header.text(_MODEL) or ""
    pre = header.text(_PRE) or ""
    if tokenizer in ("", "no_vocab"):
        raise BenchtuiError(
            f"{shown} holds no tokenizer.", "Convert the model again, with its tokenizer files beside it."
        )
    if tokenizer == "gpt2" and not pre:
        raise BenchtuiError(
            f"{shown} does not say how its texts are cut into words before they are tokenised ({_PRE} is missing): "
            "llama.cpp would guess, and its scores would not be the model's.",
            "Convert the model again with a current convert_hf_to_gguf.py.",
        )
    with mapped(first) as data:
        tokens = header.array(_TOKENS)
        ids = {name: header.number(key) for name, key in _SPECIAL.items()}
        wanted = [number for number in ids.values() if number is not None]
        texts = texts_at(data, tokens, wanted) if tokens else {}
        architecture = _architecture(header, data)
    _refuse_replaced(shown, tokenizer, header, architecture)
    most = commonest_type(found.headers)
    return GgufDescription(
        name=str(first),
        identity=gguf_identity(found.files, found.headers),
        revision=None,
        weight_bytes=sum(path.stat().st_size for path in found.files),
        parameters=sum(tensor.elements for part in found.headers for tensor in part.tensors.values()),
        parameters_estimated=False,
        dtype=WHOLE_NUMBERS.get(most),
        template=_template(header),
        has_tokenizer=True,
        architecture=architecture,
        special_tokens=tuple((name, texts.get(number) if number is not None else None) for name, number in ids.items()),
        warnings=(*found.warnings, *_warnings(tokenizer, pre)),
        parts=tuple(str(path) for path in found.files[1:]),
        quantization=found.quantization,
        tokenizer_model=one_line(tokenizer, 40),
        pre_tokenizer=one_line(pre, 40),
        adds_bos=_flag(header, _ADDS_BOS),
        generation_beside=_generation_beside(first.parent),
    )


def _generation_beside(folder: Path) -> dict[str, Any]:
    """Read the settings of the model as transformers has it: beside the file, above its folder or in another format."""
    places = (folder, folder.parent, folder.parent / "merged_16bit")
    return next((found for place in places if (found := read_generation(place))), {})


def _refuse_replaced(shown: str, tokenizer: str, header: GgufHeader, architecture: Architecture) -> None:
    """Raise BenchtuiError for metadata in whose place llama.cpp would take something else without a word."""
    problem = ""
    size = architecture.vocab_size or 0
    for name in ("bos_token", "eos_token"):
        number = header.number(_SPECIAL[name])
        if number is not None and not 0 <= number < size:
            problem = f"names token {number} as its {name} ({_SPECIAL[name]}), but its vocabulary has {size:,} tokens"
    if tokenizer == "gpt2" and _flag(header, _ADDS_BOS) and header.number(_SPECIAL["bos_token"]) is None:
        problem = f"says that texts begin with BOS ({_ADDS_BOS}), but not which token that is"
    if problem:
        raise BenchtuiError(
            f"{shown} {problem}: llama.cpp would take another one, and its scores would not be the model's.",
            "Convert the model again, with its tokenizer files beside it.",
        )
    key = f"{architecture.model_type}.rope.scaling.type"
    stretched = header.text(key)
    if stretched is not None and stretched not in _STRETCHED:
        raise BenchtuiError(
            f"{shown} stretches its context in a way that llama.cpp does not know ({key}: {one_line(stretched, 40)}).",
            "Update it (python -m pip install --upgrade llama-cpp-python), or convert the model again.",
        )


def _warnings(tokenizer: str, pre: str) -> tuple[str, ...]:
    if tokenizer != "gpt2" or pre != "default":
        return ()
    said = (
        f"its {_PRE} is 'default', as old conversions wrote it: its texts may be tokenised otherwise than by the model "
        "that it was made of"
    )
    return (said,)


def _template(header: GgufHeader) -> ChatTemplate:
    """Return the template that llama.cpp uses: the one without a name, else the one that is called default."""
    keys = [key for key in header.places if key == TEMPLATE or key.startswith(f"{TEMPLATE}.")]
    if any(key in header.too_long for key in keys):
        return ChatTemplate(file=TEMPLATE, problem="cannot use its chat template: it is larger than 1 MB")
    named = {key.removeprefix(TEMPLATE).removeprefix(".") or "default": header.text(key) for key in keys}
    if not any(named.values()):
        return ChatTemplate()
    return chosen_template(named, {name: TEMPLATE if name == "default" else f"{TEMPLATE}.{name}" for name in named})


def _architecture(header: GgufHeader, data: mmap.mmap) -> Architecture:
    name = header.text("general.architecture") or ""

    def figure(key: str) -> int | None:
        value = header.metadata.get(f"{name}.{key}")
        if isinstance(value, GgufArray):  # one number a layer: the largest
            value = max(numbers_of(data, value), default=None)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST else None

    tokens = header.array(_TOKENS)
    heads, width = figure("attention.head_count"), figure("embedding_length")
    return Architecture(
        model_type=one_line(name, 100) or None,
        max_positions=figure("context_length"),
        vocab_size=tokens.count if tokens else figure("vocab_size"),
        hidden_size=width,
        layers=figure("block_count"),
        kv_heads=figure("attention.head_count_kv") or heads,
        head_dim=figure("attention.key_length") or (width // heads if width and heads else None),
    )


def _flag(header: GgufHeader, key: str) -> bool | None:
    value = header.metadata.get(key)
    return value if isinstance(value, bool) else None
