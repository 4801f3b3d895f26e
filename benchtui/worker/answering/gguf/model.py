"""A GGUF file in memory: its weights, its vocabulary and its metadata."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.gguf.library import LOG, Pending, llama

_LONGEST_VALUE = 1 << 20
"""Bytes of a metadata value that are read: chat templates are long."""


class Model:
    """The weights of a GGUF file, or with `vocabulary_only` its vocabulary and metadata alone.

    A split model has more `parts`, in their order; llama.cpp would look for them by their names, which may be changed.

    `layers_on_gpu`: 0 for none, -1 for all. `progress` is called with the part that is loaded, 0..1, and may raise.
    Raises BenchtuiError naming the file: it is not there, is damaged, needs another llama.cpp, has a tokenizer that
    llama.cpp would guess, or is no causal language model.
    """

    def __init__(
        self,
        path: str,
        *,
        parts: Sequence[str] = (),
        vocabulary_only: bool = False,
        layers_on_gpu: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.path = path
        self._parts = tuple(parts)
        self._library = llama()
        self.handle: Any = self._load(vocabulary_only, layers_on_gpu, progress)
        try:
            self.vocabulary: Any = self._library.llama_model_get_vocab(self.handle)
            self._check_tokenizer()
            if not vocabulary_only:
                self._check_kind()
        except BaseException:
            self.close()
            raise

    def _load(self, vocabulary_only: bool, layers_on_gpu: int, progress: Callable[[float], None] | None) -> Any:
        if not Path(self.path).is_file():
            raise BenchtuiError(f"There is no file {self.path}.", "`benchtui models` lists the GGUF files it finds.")
        library, pending = self._library, Pending()

        def loaded(part: float, _data: Any) -> bool:
            if progress is not None:
                pending.guard(lambda: progress(part))
            return not pending

        settings = library.llama_model_default_params()
        settings.vocab_only = vocabulary_only
        settings.n_gpu_layers = layers_on_gpu
        settings.progress_callback = callback = library.llama_progress_callback(loaded)
        LOG.clear()
        files = [name.encode() for name in (self.path, *self._parts)]
        if self._parts:
            handle = library.llama_model_load_from_splits((ctypes.c_char_p * len(files))(*files), len(files), settings)
        else:
            handle = library.llama_model_load_from_file(files[0], settings)
        del callback  # it had to live until here
        for kept in (pending, LOG.pending):
            kept.raise_kept()
        if not handle:
            raise load_error(self.path, LOG.reason())
        return handle

    def _check_tokenizer(self) -> None:
        if LOG.says("missing pre-tokenizer"):
            raise BenchtuiError(
                f"{self.path} does not say how its text is split before it is tokenised (tokenizer.ggml.pre): "
                "llama.cpp would guess, and score other tokens than the model was trained on.",
                "Convert the model again with a current llama.cpp (convert_hf_to_gguf.py).",
            )
        if self.metadata("tokenizer.ggml.model") in (None, "no_vocab", "none"):
            raise BenchtuiError(f"{self.path} has no tokenizer.", "Convert the model again, with its tokenizer.")

    def _check_kind(self) -> None:
        library, handle = self._library, self.handle
        architecture = one_line(self.metadata("general.architecture") or "", 40)
        problem = ""
        if library.llama_model_has_encoder(handle):
            problem = "an encoder-decoder model"
        elif not library.llama_model_has_decoder(handle) or self.metadata(f"{architecture}.pooling_type"):
            problem = "a model that makes embeddings"
        elif library.llama_model_is_diffusion(handle):
            problem = "a diffusion model"
        if problem:
            raise BenchtuiError(
                f"{self.path} is {problem} ({architecture}): the gguf backend takes causal language models only.",
                "Use its transformers folder with --backend hf.",
            )

    def metadata(self, key: str) -> str | None:
        """Return a value of the file's metadata as text, None where it has none (lists are not read)."""
        buffer = ctypes.create_string_buffer(256)
        length = self._library.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        if length < 0:
            return None
        if length >= len(buffer):
            buffer = ctypes.create_string_buffer(min(length, _LONGEST_VALUE) + 1)
            self._library.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode(errors="replace")

    @property
    def vocabulary_size(self) -> int:
        """Tokens in the vocabulary, which is also the number of logits."""
        return int(self._library.llama_vocab_n_tokens(self.vocabulary))

    @property
    def trained_length(self) -> int:
        """The longest text that the model was trained on, in tokens."""
        return int(self._library.llama_model_n_ctx_train(self.handle))

    @property
    def quantization(self) -> str:
        """llama.cpp's name of the file's type, such as Q4_1 or F32."""
        name = self._library.llama_ftype_name(self._library.llama_model_ftype(self.handle))
        text = one_line(name.decode(errors="replace"), 40) if name else "unknown"
        return text.removeprefix("(guessed) ").removeprefix("all ")

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return int(self._library.llama_model_size(self.handle))

    @property
    def cache_values_per_token(self) -> int:
        """Numbers that a key-value cache holds for each token, in all layers together."""
        library, handle = self._library, self.handle
        architecture = self.metadata("general.architecture")
        layers, heads = int(library.llama_model_n_layer(handle)), int(library.llama_model_n_head_kv(handle))
        usual = int(library.llama_model_n_embd(handle)) // max(1, int(library.llama_model_n_head(handle)))
        widths = (self.metadata(f"{architecture}.attention.{name}_length") for name in ("key", "value"))
        return layers * heads * sum(int(width) if width and width.isdecimal() else usual for width in widths)

    @property
    def shares_prefixes(self) -> bool:
        """Whether several texts can stand on one beginning, and be cut: recurrent layers keep a state, not tokens."""
        library, handle = self._library, self.handle
        return not (library.llama_model_is_recurrent(handle) or library.llama_model_is_hybrid(handle))

    def close(self) -> None:
        """Free the weights."""
        if self.handle:
            self._library.llama_model_free(self.handle)
            self.handle = None


def load_error(path: str, reason: str) -> BenchtuiError:
    """What llama.cpp said about a file that it could not load, as one line with the next step."""
    lowered = reason.lower()
    what = f"{path} cannot be loaded: {reason.removeprefix('error loading model: ')}"
    if "unknown model architecture" in lowered or "unknown pre-tokenizer" in lowered or "unknown tokenizer" in lowered:
        return BenchtuiError(what, "Update llama.cpp: python -m pip install --upgrade llama-cpp-python")
    if "split" in lowered:
        return BenchtuiError(what, "Give the first part, with all parts beside it under the names they were made with.")
    if "alloc" in lowered or "memory" in lowered or "mmap" in lowered:
        return BenchtuiError(what, "Choose a smaller quantisation with --format, or a larger machine.")
    return BenchtuiError(what, "The file is damaged, cut short or no model: download or convert it again.")
