"""An output head without the model that it belongs to: from the files of the model, or from one that was kept.

The family's own `forward` computes the logits, with layers that have no values: whatever it does after the projection
(soft-capping, scaling) is done as in the whole model.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.modeling_outputs import BaseModelOutputWithPast

from benchtui.errors import BenchtuiError
from benchtui.models.source import HuggingFaceSource
from benchtui.text import one_line
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.states.head_files import ModelFiles, read_head, write_head
from benchtui.worker.answering.hf.states.head_parts import head_digest, head_tensors

_MOST_LAYERS = 2000
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_AGAIN = "Score the tokens again; --keep-heads puts the heads beside them."


class HeadAlone:
    """Computes logits from hidden states as the model with this head does, bit for bit."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """As `HidesStates.head_logits`; `states` [n, width] in the precision that the model ran in."""
        return self._backbone.float32_logits(states.to(self._backbone.device))


def open_head(
    source: HuggingFaceSource, digest: str, dtype: str, *, device: str = "cpu", remote_code: bool = False
) -> HeadAlone:
    """Read the output head of a model from its files; nothing else of their tensors is read.

    `digest` is what `HidesStates.head_digest` of the loaded model was, `dtype` the precision that its layers ran in
    (PyTorch's name). Raises BenchtuiError where the files have another head now, or cannot be read.
    """
    try:
        config = AutoConfig.from_pretrained(source.path, revision=source.revision, trust_remote_code=remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(source.path, error) from error
    files, layers = ModelFiles(source), _Layers(source.path, config, _dtype(dtype), remote_code)
    # The head may be stored in another precision than the layers ran in, and tied to the embedding or not.
    precisions = dict.fromkeys((_dtype(dtype), *_DTYPES))
    for keys, precision in itertools.product(_places(layers.causal, files), precisions):
        found = {name: files.read(key).to(device, precision) for name, key in keys.items()}
        backbone = layers.under(found)
        if head_digest(backbone) == digest:
            return HeadAlone(backbone)
    raise _other_head(source.path)


def save_head(backbone: Backbone, file: Path) -> None:
    """Write the output head of a model into a file of its own, for `open_kept_head`. Raises OSError."""
    config = backbone.causal.config.to_dict()
    config.pop("_name_or_path", None)  # a place on this machine
    facts = {"config": json.dumps(config, default=str), "dtype": str(backbone.dtype).removeprefix("torch.")}
    write_head(file, head_tensors(backbone), facts)


def open_kept_head(file: Path, digest: str, *, device: str = "cpu") -> HeadAlone:
    """Open a head that `save_head` wrote. Raises BenchtuiError where it is not the one with this `digest`, needs code
    of its own, or cannot be read."""
    tensors, facts = read_head(file)
    try:
        stored = json.loads(facts["config"])
        config = CONFIG_MAPPING[stored["model_type"]].from_dict(stored)
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(str(file), error) from error
    layers = _Layers(str(file), config, _dtype(facts.get("dtype", "")), remote_code=False)
    backbone = layers.under({name: tensor.to(device) for name, tensor in tensors.items()})
    if head_digest(backbone) != digest:
        raise _other_head(str(file))
    return HeadAlone(backbone)


class _Layers:
    """A model of some configuration whose tensors have no values, for a head to be put on. `name` is for messages."""

    def __init__(self, name: str, config: Any, dtype: torch.dtype, remote_code: bool) -> None:
        self._name = name
        config.__dict__.pop("quantization_config", None)  # nothing quantised is computed with
        if int(getattr(config.get_text_config(), "num_hidden_layers", 0)) > _MOST_LAYERS:
            raise _unusable(name, ValueError("its configuration asks for too many layers"))
        try:
            with torch.device("meta"):
                self.causal = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=remote_code)
        except Exception as error:  # every family raises its own for a configuration that it cannot use
            raise _unusable(name, error) from error
        self.causal.eval()

    def under(self, tensors: Mapping[str, torch.Tensor]) -> Backbone:
        """Return the model with the tensors of a head. Raises BenchtuiError where they are not those of its head."""
        for name, tensor in tensors.items():
            self._put(name, tensor)
        projection = self.causal.get_output_embeddings().weight
        for base in (self.causal.base_model, self.causal.get_decoder()):
            backbone = _HeadOnly(self.causal, base, projection.device)
            with suppress(RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError):
                if backbone.float32_logits(projection.new_zeros((1, projection.shape[1]))).device == projection.device:
                    return backbone
        raise _unusable(self._name, ValueError("its output head cannot be applied apart from its layers"))

    def _put(self, name: str, tensor: torch.Tensor) -> None:
        place, _, own = name.rpartition(".")
        try:
            module = self.causal.get_submodule(place)
        except AttributeError as error:
            raise _unusable(self._name, error) from error
        if own in module._parameters:  # noqa: SLF001 - a parameter of another shape can be put nowhere else
            module._parameters[own] = torch.nn.Parameter(tensor, requires_grad=False)  # noqa: SLF001
        else:
            module._buffers[own] = tensor  # noqa: SLF001


class _HeadOnly(Backbone):
    """A backbone whose layers have no values: only `float32_logits` can be called."""

    def __init__(self, causal: Any, base: Any, device: torch.device) -> None:
        super().__init__(causal)
        self.base = base
        self._device = device
        self._output_class = _States

    @property
    def device(self) -> torch.device:
        """The device of the head."""
        return self._device


@dataclass
class _States(BaseModelOutputWithPast):
    """Hidden states as the output of layers: what else a family's `forward` asks for is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


def _places(causal: Any, files: ModelFiles) -> list[dict[str, str]]:
    """Under which names the files may have the head's tensors, the likelier first: the projection may be the matrix of
    the embedding. Raises BenchtuiError where they do not have them."""
    names = {id(module): name for name, module in causal.named_modules()}
    embedding = names[id(causal.get_input_embeddings())] + ".weight"
    projection = names[id(causal.get_output_embeddings())] + ".weight"
    wanted = list(head_tensors(Backbone(causal)))
    tied = bool(causal.config.get_text_config().tie_word_embeddings)
    found = []
    for weight in (embedding, projection) if tied else (projection, embedding):
        keys = {name: files.find(weight if name == projection else name) for name in wanted}
        if None not in keys.values():
            found.append({name: key for name, key in keys.items() if key is not None})
    if not found:
        raise BenchtuiError(
            f"{files.name} has no tensor {one_line(projection, 100)}: its output head is not in its files.", _AGAIN
        )
    return found


def _dtype(name: str) -> torch.dtype:
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise BenchtuiError(f"{one_line(name, 40)!r} is no precision of a model.", _AGAIN)
    return found


def _other_head(name: str) -> BenchtuiError:
    return BenchtuiError(
        f"The output head in {one_line(name, 300)} is another one than that which the tokens were scored with.", _AGAIN
    )


def _unusable(name: str, error: Exception) -> BenchtuiError:
    return BenchtuiError(
        f"The output head of {one_line(name, 300)} cannot be used: {one_line(str(error), 200)}.", _AGAIN
    )
