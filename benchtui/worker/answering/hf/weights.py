"""lm-eval's `hf` model with its weights accounted for: every tensor that it needs came from the files named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.hf.adapters import FIRST_ADAPTER, put_on
from benchtui.worker.answering.hf.spread import input_device, is_spread, waiting_weights
from benchtui.worker.answering.hf.timing import causal_of
from benchtui.worker.not_a_number import NotANumberError

_NAMED = 3
"""How many tensors a message names."""


class AccountedLM(HFLM):
    """Loads as `HFLM` does, and raises BenchtuiError where a tensor of the model or of its adapter was not loaded.

    `caveats` are what does not stop an evaluation and belongs beside its scores.
    """

    AUTO_MODEL_CLASS: Any

    def __init__(self, *args: Any, peft: str | None = None, **settings: Any) -> None:
        self.caveats: list[str] = []
        self._guard: Any = None
        self.known_tokens = 0
        super().__init__(*args, **settings)
        if is_spread(self._model):
            self._device = input_device(self._model)
        if peft:
            self.apply_adapter(peft)
        else:
            self._watch()

    def _create_tokenizer(self, *args: Any, **settings: Any) -> None:
        super()._create_tokenizer(*args, **settings)
        self.known_tokens = len(self.tokenizer)  # before a padding token is added to one that has none

    def _create_model(self, pretrained: str, *args: Any, **settings: Any) -> None:
        chosen: Any = self.AUTO_MODEL_CLASS
        loader = _ReportingLoader(chosen)
        self.AUTO_MODEL_CLASS = loader
        try:
            super()._create_model(pretrained, *args, **settings)
        finally:
            self.AUTO_MODEL_CLASS = chosen
        for report in loader.reports:
            self.caveats += _account_for(pretrained, self._model, report)

    def apply_adapter(self, adapter: str, name: str = FIRST_ADAPTER) -> None:
        """Put a PEFT adapter on the model in memory, as HFLM does with one that it has just loaded (`_create_model`);
        by a `name` of its own on a model that has another one.

        Unlike HFLM it does not tie the model's weights once more: that fails for an adapter with an embedding of its
        own, and changes nothing for others. Raises BenchtuiError naming the adapter when it does not fit the model, or
        only in part.
        """
        if waiting_weights(self._model):  # peft would put nothing on them
            raise BenchtuiError(
                f"The adapter {adapter} cannot be put on a model of which a part waits outside the GPUs' memory.",
                "Merge it into its base first (--format merged_16bit where there is one), or give more GPUs.",
            )
        config = self._model.config
        text = getattr(config, "text_config", None)
        if (getattr(text, "vocab_size", None) or config.vocab_size) != self.known_tokens:
            self._model.resize_token_embeddings(self.known_tokens)
        wrapped, caveats = put_on(self._model, adapter, name)
        self.caveats += caveats
        wrapped.eval()
        self.use(wrapped)

    def use(self, model: Any) -> None:
        """Answer with `model` from now on: the weights that were loaded, with an adapter on them."""
        self.close()
        self._model = model
        self._watch()

    def close(self) -> None:
        """Take everything off the model that was put on it to watch it."""
        if self._guard is not None:
            self._guard.remove()
            self._guard = None

    def _watch(self) -> None:
        """Where the tokenizer knows more tokens than the embedding has rows, stop at the first that has none."""
        embedding = self._model.get_input_embeddings()
        rows, known = getattr(embedding, "num_embeddings", None), len(self.tokenizer)
        if rows is None or known <= rows:
            return

        def check(_module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            largest = int(inputs[0].max()) if inputs and inputs[0].numel() else 0
            if largest >= rows:
                text = one_line(self.tokenizer.decode([largest]), 40)
                raise BenchtuiError(
                    f"The tokenizer has {known:,} tokens, the model's embedding only {rows:,} rows: "
                    f"there is none for token {largest} ({text}).",
                    "Call resize_token_embeddings before training, or put the base model's tokenizer files "
                    "(tokenizer.json, tokenizer_config.json) into the folder.",
                )

        self._guard = embedding.register_forward_pre_hook(check)

    @property
    def prefix_token_id(self) -> int:
        """As HFLM: what stands before a text without a context."""
        token: int | None = super().prefix_token_id
        if token is None:
            raise self._no_special_token("neither bos_token nor eos_token")
        return token

    @property
    def eot_token_id(self) -> int:
        """As HFLM: the token that ends a text."""
        token: int | None = super().eot_token_id
        if token is None:
            raise self._no_special_token("no eos_token")
        return token

    def _no_special_token(self, lacking: str) -> BenchtuiError:
        return BenchtuiError(
            f"The tokenizer of {self.tokenizer.name_or_path} has {lacking}, so no prompt can be built as lm-eval does.",
            "Copy the base model's tokenizer files (tokenizer.json, tokenizer_config.json) into the folder.",
        )

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> Any:
        """As HFLM, but a token is never chosen from NaN."""
        hook = causal_of(self._model).register_forward_hook(_refuse_nan)
        try:
            tokens = super()._model_generate(context, max_length, stop, **settings)
        except (ValueError, TypeError) as error:  # how transformers refuses settings that do not go together
            raise BenchtuiError(
                f"transformers cannot generate with these settings: {one_line(str(error), 300)}",
                "Check generation_config.json beside the model's weights, and --gen-kwargs.",
            ) from error
        finally:
            hook.remove()
        if not isinstance(tokens, torch.Tensor):
            raise BenchtuiError(
                "The model's generation_config.json asks transformers for more than the generated tokens.",
                "Remove return_dict_in_generate and output_* from generation_config.json beside its weights.",
            )
        return tokens


def _refuse_nan(_module: Any, _inputs: Any, output: Any) -> None:
    logits = getattr(output, "logits", None)
    if logits is not None and not finite_rows(logits[:, -1]).all():
        raise NotANumberError


def finite_rows(logits: torch.Tensor) -> torch.Tensor:
    """Of logits [rows, vocabulary] those rows that a token can be chosen from: neither NaN nor +infinity in them, and
    not all -infinity (which some models give tokens that they rule out)."""
    return torch.isfinite(logits.amax(dim=-1))


class _ReportingLoader:
    """An Auto class whose `from_pretrained` keeps transformers' report of what it loaded."""

    def __init__(self, auto: Any) -> None:
        self._auto = auto
        self.reports: list[Mapping[str, Any]] = []

    def from_pretrained(self, *args: Any, **settings: Any) -> Any:
        settings |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
        model, report = self._auto.from_pretrained(*args, **settings)
        self.reports.append(report)
        return model


def _account_for(name: str, model: Any, report: Mapping[str, Any]) -> list[str]:
    """Caveats; raises BenchtuiError where a tensor is missing. `report` is transformers' own."""
    mismatched = {key: (tuple(found), tuple(wanted)) for key, found, wanted in report.get("mismatched_keys", ())}
    missing = set(report.get("missing_keys", ())) - mismatched.keys()
    unused = set(report.get("unexpected_keys", ()))
    if mismatched:
        raise _mismatch(name, mismatched)
    if missing:
        raise BenchtuiError(*_missing_words(name, _untied(model, missing), unused, _tensor_count(model)))
    if errors := report.get("error_msgs"):
        raise BenchtuiError(f"{name} cannot be loaded: {one_line(str(errors[0]), 300)}", "Export the model again.")
    if not unused:
        return []
    verb = "is" if len(unused) == 1 else "are"
    return [f"{_count(len(unused), 'tensor')} in the file of {name} {verb} not used by the model: {_listed(unused)}."]


def _tensor_count(model: Any) -> int:
    """Parameters and stored buffers, tied ones once."""
    parameters = {id(parameter) for parameter in model.parameters()}
    buffers = {name for name, _ in model.named_buffers()} & set(model.state_dict())
    return len(parameters) + len(buffers)


def _untied(model: Any, names: Collection[str]) -> list[str]:
    """The names without those of tied tensors that another of the names is for too."""
    tensors = model.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    for name in sorted(names, key=lambda name: (name.startswith("lm_head"), name)):
        first.setdefault(id(tensors.get(name, name)), name)
    return list(first.values())


def _mismatch(name: str, mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> BenchtuiError:
    key = min(mismatched)
    found, wanted = (" x ".join(map(str, shape)) or "a single number" for shape in mismatched[key])
    more = f" (and {len(mismatched) - 1} more)" if len(mismatched) > 1 else ""
    if all(0 in found for found, _ in mismatched.values()):
        return BenchtuiError(
            f"{name}: {_count(len(mismatched), 'tensor')} in the file are empty, among them {key}.",
            "The weights were saved before they were gathered (ZeRO-3, FSDP): save the model again with gathering on.",
        )
    return BenchtuiError(
        f"{name}: {key} is {found} in the file, but {wanted} by config.json{more}.",
        "Use the config.json that was saved with these weights.",
    )


def _missing_words(name: str, missing: Collection[str], unused: Collection[str], total: int) -> tuple[str, str]:
    what = f"{name}: {len(missing)} of {total} tensors are not in the file"
    prefix = common_prefix(unused, missing)
    if prefix:
        which = "all" if all(tensor.startswith(prefix) for tensor in unused) else "most of those in the file"
        step = "A wrapper was saved with the model: save what is inside it (for PEFT: merge_and_unload)."
        return f"{what} ({which} have the prefix {prefix}).", step
    extra = f", while {_listed(unused)} is there and fits nothing" if unused else ""
    return f"{what}: {_listed(missing)}{extra}.", "Export the model again; what is missing would be random numbers."


def common_prefix(found: Iterable[str], wanted: Iterable[str]) -> str:
    """The prefix under which `found` has the names `wanted`, "" where most have none; also for `model.`-less names."""
    tails = {tail for name in wanted for tail in (name, name.split(".", 1)[-1])}
    prefixes: Counter[str] = Counter()
    names = list(found)
    for name in names:
        parts = name.split(".")
        for cut in range(1, len(parts)):
            if ".".join(parts[cut:]) in tails:
                prefixes[".".join(parts[:cut]) + "."] += 1
                break
    if not prefixes:
        return ""
    prefix, count = prefixes.most_common(1)[0]
    return prefix if 2 * count > len(names) else ""


def _listed(names: Collection[str]) -> str:
    """A few names, numbers of layers and experts folded together."""
    folded = list(
        dict.fromkeys(re.sub(r"\.\d+\.", ".N.", name) if len(names) > _NAMED else name for name in sorted(names))
    )
    more = f" and {len(folded) - _NAMED} more kinds" if len(folded) > _NAMED else ""
    return one_line(", ".join(folded[:_NAMED]) + more, 300)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
