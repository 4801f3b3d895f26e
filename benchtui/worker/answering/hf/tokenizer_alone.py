"""The tokenizer of lm-eval's `hf` model without the model, for other backends that load Hugging Face's format."""

from __future__ import annotations

from lm_eval.models.huggingface import HFLM, resolve_max_length
from transformers import AutoConfig

from benchtui.models.source import HuggingFaceSource
from benchtui.worker.answering.protocol import ModelPlan


class TokenizerAlone(HFLM):
    """Encodes and decodes as `HFLM` does with the plan's arguments, and knows how long a text that model reads."""

    def __init__(self, plan: ModelPlan, source: HuggingFaceSource) -> None:
        """Raises what transformers and the hub raise."""
        arguments = plan.prompts.model_args
        places = {"revision": source.revision or "main", "trust_remote_code": plan.permissions.remote_code}
        self.backend = "causal"
        self.truncation = False
        self.add_bos_token = arguments.get("add_bos_token")
        self.custom_prefix_token_id = arguments.get("prefix_token_id")
        self._create_tokenizer(
            source.path, source.tokenizer_place, add_bos_token=self.add_bos_token,
            use_fast_tokenizer=arguments.get("use_fast_tokenizer", True), **places,
        )  # fmt: skip
        self.known_tokens = len(self.tokenizer)
        self._max_length = plan.prompts.max_length
        self._config = AutoConfig.from_pretrained(source.path, **places)

    @property
    def max_length(self) -> int:
        """As HFLM.max_length: what the user said, else the model's configuration, else its tokenizer."""
        if self._max_length:
            return int(self._max_length)
        return int(resolve_max_length(self._config, self.tokenizer, default=self._DEFAULT_MAX_LENGTH))
