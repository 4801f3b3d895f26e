"""`python -m benchtui.worker.answering.hf.checkpoint FILE FOLDER BASE REVISION`: write the state dict in FILE as
FOLDER/model.safetensors, and the tokenizer of the model BASE beside it.

FOLDER holds the config.json of the base, whose architecture says which tensors there must be. Prints lines of JSON:
{"written": bytes, "of": bytes} meanwhile, at last {"notes": […]} or {"error": "…", "next_step": "…"}.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchtui.errors import BenchtuiError
from benchtui.files import no_room
from benchtui.models.layout import size_text
from benchtui.models.tokenizer.files import PATTERNS, tokenizer_files
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.text import one_line
from benchtui.worker.answering.hf.checkpoint.names import Architecture, account, find_pieces
from benchtui.worker.answering.hf.checkpoint.read import read_tensors
from benchtui.worker.answering.hf.checkpoint.write import bytes_of, is_storable, write_tensors
from benchtui.worker.answering.hf.load import load_error
from benchtui.worker.guard import die_with_supervisor

_EVERY = 1.0
"""Seconds between two lines on how far it is: each is a sign of life."""


def put_on_base(file: Path, folder: Path, base: str, revision: str) -> list[str]:
    """Write the weights and the base's tokenizer into `folder`, and return what was recognised, in words.

    Raises BenchtuiError where a tensor is missing, has no place in the model or another shape, and where the disk has
    no room.
    """
    model = architecture_of(folder)
    tensors, notes = read_tensors(file)
    pieces, renamed = find_pieces(tensors, model)
    what = f"{one_line(str(file), 300)} does not fit the base"
    chosen = account(pieces, tensors, model, what)
    odd = next((tensors[piece.source].dtype for piece in chosen if not is_storable(tensors[piece.source])), None)
    if odd is not None:
        raise BenchtuiError(f"{what}: it holds numbers as {odd}.", "Save it in float32, float16 or bfloat16.")
    size, free = bytes_of(chosen, tensors), shutil.disk_usage(folder).free
    if free < size:
        raise BenchtuiError(
            f"{folder.parent} has {size_text(free)} free; the model takes {size_text(size)}.",
            "Free some space, or use --outputs on another disk.",
        )
    _copy_tokenizer(base, revision, folder)
    write_tensors(folder / "model.safetensors", chosen, tensors, _Progress(size))
    return [*notes, *renamed]


def _copy_tokenizer(base: str, revision: str, folder: Path) -> None:
    """Copy the files of the tokenizer of a local folder, or of a hub model at a commit."""
    place = Path(base)
    if not place.is_absolute():
        from huggingface_hub import snapshot_download

        try:
            place = Path(snapshot_download(base, revision=revision, allow_patterns=list(PATTERNS)))
        except Exception as error:  # the hub's library raises its own of many kinds
            raise load_error(base, error) from error
    for source in tokenizer_files(place):
        target = folder / source.relative_to(place)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)


def architecture_of(folder: Path) -> Architecture:
    """Return what a model of the configuration in `folder` holds. No memory is taken for its weights.

    Raises BenchtuiError for a configuration that transformers makes no text model of.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # transformers raises its own of many kinds
        raise BenchtuiError(
            f"No model can be made of the base's config.json: {type(error).__name__}: {one_line(str(error), 200)}.",
            "Name another --base-model.",
        ) from error
    state = model.state_dict(keep_vars=True)
    same: dict[int, set[str]] = {}
    for name, tensor in state.items():
        same.setdefault(id(tensor), set()).add(name)
    text: Any = config.get_text_config()
    heads = getattr(text, "num_attention_heads", 0) or 0
    return Architecture(
        shapes={name: tuple(tensor.shape) for name, tensor in state.items()},
        tied=[frozenset(names) for names in same.values() if len(names) > 1],
        model_type=config.model_type,
        prefix=model.base_model_prefix,
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
    )


class _Progress:
    def __init__(self, total: int) -> None:
        self._total, self._last = total, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            _say({"written": done, "of": self._total})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - the process's answer


def main() -> None:
    """Do what the command line says, and print the answer."""
    die_with_supervisor()
    file, folder, base, revision = sys.argv[1:]
    try:
        _say({"notes": put_on_base(Path(file), Path(folder), base, revision)})
    except BenchtuiError as error:
        _say({"error": error.what, "next_step": error.next_step})
    except Exception as error:
        if no_room(error):
            _say({"error": f"The disk is full: {one_line(str(error), 200)}.", "next_step": "Free some space."})
        elif is_caused_by_out_of_memory(error):
            _say({"error": "Memory ran out while the checkpoint was read.", "next_step": "Close other programs."})
        else:
            raise


if __name__ == "__main__":
    main()
