"""Generation settings, read as lm-eval and transformers read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from numpy.typing import NDArray
from transformers.generation.configuration_utils import GenerationMode
from transformers.generation.utils import GenerationMixin

from benchtui.worker.answering.hf.spread import input_device
from benchtui.worker.answering.stop_strings import StopStrings

# Processors that look at the logits alone, so that one call serves all rows.
_STATELESS = frozenset(
    {
        "EpsilonLogitsWarper",
        "EtaLogitsWarper",
        "InfNanRemoveLogitsProcessor",
        "LogitNormalization",
        "MinPLogitsWarper",
        "SuppressTokensLogitsProcessor",
        "TemperatureLogitsWarper",
        "TopHLogitsWarper",
        "TopKLogitsWarper",
        "TopPLogitsWarper",
        "TypicalLogitsWarper",
    }
)
# Settings that do more than choose the next token of one row. Requests with one of them use transformers' own loop.
_UNSUPPORTED = (
    "cache_implementation",
    "guidance_scale",
    "max_time",
    "output_attentions",
    "output_hidden_states",
    "output_logits",
    "output_scores",
    "return_dict_in_generate",
    "stop_strings",
    "token_healing",
    "watermarking_config",
)


@dataclass(frozen=True, eq=False)
class GenerationSettings:
    """The generation settings that some requests share.

    `until` are the stop strings cut from the text, `eos` the token ids that end it, `limit` the most tokens, `reserved`
    how many tokens of the window are kept for the answer (the model's generation_config.json may set another limit).
    `processors` makes the list of logits processors for a prompt; it is None where the token with the largest logit is
    taken. `stateless`: the processors look at the logits alone, so that one list serves any number of rows.
    """

    until: tuple[str, ...]
    stops: StopStrings
    eos: frozenset[int]
    limit: int
    reserved: int
    sample: bool
    stateless: bool
    processors: Callable[[NDArray[np.int32]], Any] | None


class UnsupportedSettings(Exception):  # noqa: N818  # says what the settings are, not what failed
    """Only transformers' own generation loop follows these settings."""


class SettingsReader:
    """Reads a request's `gen_kwargs` as `HFLM.generate_until` does."""

    def __init__(self, causal: Any, tokenizer: Any, eos_text: str, default_limit: int) -> None:
        self._causal = causal
        self._tokenizer = tokenizer
        self._eos_text = eos_text
        self._default_limit = default_limit

    def read(self, gen_kwargs: Mapping[str, Any]) -> GenerationSettings:
        """Return the settings. Raises `UnsupportedSettings` where the engine's text would differ from `HFLM`'s."""
        kwargs = dict(normalize_gen_kwargs(dict(gen_kwargs), self._default_limit))
        until = handle_stop_sequences(kwargs.pop("until", None), eos=self._eos_text)
        limit = int(kwargs.pop("max_gen_toks"))
        if "max_length" in kwargs or limit < 1:
            raise UnsupportedSettings("max_length among the generation settings")
        if kwargs["do_sample"] is False:
            kwargs.pop("temperature", None)
        config = self._config(kwargs)
        reserved = limit
        if config.max_new_tokens is not None:  # generation_config.json's: transformers puts it above `max_length`
            limit = int(config.max_new_tokens)
        eos = config._eos_token_tensor  # noqa: SLF001  # where transformers keeps the prepared ids
        processors = self._processors(config, np.zeros(1, dtype=np.int32), limit)
        names = {type(processor).__name__ for processor in processors}
        return GenerationSettings(
            until=tuple(until),
            stops=StopStrings.by_transformers(self._tokenizer, until),
            eos=frozenset(eos.tolist() if eos is not None else ()),
            limit=limit,
            reserved=reserved,
            sample=bool(config.do_sample),
            stateless=names <= _STATELESS,
            processors=(lambda prompt: self._processors(config, prompt, limit)) if names or config.do_sample else None,
        )

    def _config(self, kwargs: Mapping[str, Any]) -> Any:
        if type(self._causal).generate is not GenerationMixin.generate:
            raise UnsupportedSettings(f"{type(self._causal).__name__} generates in its own way")
        config, unknown = self._causal._prepare_generation_config(  # noqa: SLF001  # no public way to ask
            None, pad_token_id=self._tokenizer.pad_token_id, use_cache=True, **kwargs
        )
        unusual = [name for name in _UNSUPPORTED if _is_set(config, name)]
        if unknown or unusual or (config.num_return_sequences or 1) > 1:
            raise UnsupportedSettings(
                f"the generation settings {', '.join([*unknown, *unusual]) or 'for many sequences'}"
            )
        if config.get_generation_mode() not in (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE):
            raise UnsupportedSettings(f"generation by {config.get_generation_mode().value}")
        self._causal._prepare_special_tokens(config, True, device=input_device(self._causal), batch_size=1)  # noqa: SLF001
        return config

    def _processors(self, config: Any, prompt: NDArray[np.int32], limit: int) -> Any:
        ids = torch.from_numpy(prompt.astype(np.int64)).unsqueeze(0).to(input_device(self._causal))
        config.max_length = len(prompt) + limit
        return self._causal._get_logits_processor(  # noqa: SLF001  # no public way to ask
            generation_config=config,
            input_ids_seq_length=len(prompt),
            encoder_input_ids=ids,
            device=input_device(self._causal),
            model_kwargs={},
        )


def _is_set(config: Any, name: str) -> bool:
    value = getattr(config, name, None)
    neutral = name == "guidance_scale" and value == 1
    return not neutral and value is not None and value is not False
