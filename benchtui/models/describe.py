"""Describes a model before it is loaded: identity, size, shape, chat template."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.hub.access import HubSnapshot, hub_snapshot
from benchtui.models.identity import content_files, local_identity
from benchtui.models.layout import TOKENIZER_FILES
from benchtui.models.reading import Unreadable, read_json
from benchtui.models.tokenizer.chat_template import ChatTemplate, read_chat_template, read_special_tokens
from benchtui.models.tokenizer.check import check_tokenizer
from benchtui.models.weights.adapter_check import check_adapter
from benchtui.models.weights.architecture import Architecture, read_architecture
from benchtui.models.weights.files import (
    ADAPTER_CONFIG,
    CONFIG,
    INDEX,
    PICKLE,
    PICKLE_INDEX,
    SINGLE,
    Weights,
    adapter_weights,
    full_model_weights,
    list_entries,
)
from benchtui.models.weights.full_check import Findings, Tensors, check_full_model, embedding_rows, stale_quantization
from benchtui.models.weights.safetensors import Header
from benchtui.text import one_line

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "U8": "uint8", "I8": "int8"}
_DTYPE_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_CONFIG_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_HUB_WEIGHTS = re.compile(r"(model(-\d+-of-\d+)?|adapter_model)\.safetensors")
_HUB_PICKLES = re.compile(r"(pytorch_model(-\d+-of-\d+)?|adapter_model)\.bin")


@dataclass(frozen=True)
class ModelDescription:
    """A model, local or on the hub, as its small files and headers describe it; None where they say nothing.

    `name` is an absolute path or a hub id. `identity` changes when anything changes that can change a score: it is the
    commit of a hub model (also in `revision`), `sha256:…` or `sampled:…` of a local one (identity.py says what each
    covers). `weight_bytes` is the stored size, `parameters` the number of weights (`parameters_estimated` when computed
    from the bytes), `dtype` torch's name for the type of most weights. `special_tokens` are the (name, text) pairs that
    the chat template may write (bos_token, …); text is None where the tokenizer is known to have none. An adapter
    (`adapter` True) is put on `adapter_base`. `from_cache` is True when the hub was not reached or must not be asked; a
    loader should then not ask it either. `config` is the content of config.json or adapter_config.json, `generation`
    that of generation_config.json, `tensors` are listed from the headers of the weights, empty where these are not on
    this disk. `note` and `warnings` are for the user.
    """

    name: str
    identity: str
    revision: str | None
    weight_bytes: int
    parameters: int | None
    parameters_estimated: bool
    dtype: str | None
    template: ChatTemplate
    has_tokenizer: bool
    architecture: Architecture
    adapter: bool = False
    adapter_base: str | None = None
    pickled: bool = False
    special_tokens: tuple[tuple[str, str | None], ...] = ()
    from_cache: bool = False
    note: str = ""
    generation: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    tensors: Tensors = field(default_factory=dict, repr=False, compare=False)

    @property
    def local(self) -> bool:
        return self.revision is None

    @property
    def chat_template(self) -> str | None:
        return self.template.text


def describe(
    name_or_path: str | Path, *, revision: str | None = None, offline: bool = False, allow_pickle: bool = False
) -> ModelDescription:
    """Describe the model in a local folder, or of a hub id at `revision` (main by default). Loads no weights.

    `offline` uses only what is cached. Raises BenchtuiError naming the model when it is missing, broken, gated or
    cannot be reached, or has only pickled weights and `allow_pickle` is False.
    """
    name = str(name_or_path)
    path = Path(name).expanduser() if name.startswith("~/") else Path(name)
    if name.strip() and path.is_dir():
        return _describe_folder(path.resolve(), allow_pickle)
    if path.is_file():
        raise UsageError(f"{one_line(name)} is a file, not a model folder.", "Give the folder that holds config.json.")
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"There is no model folder {one_line(name)!r}.", "Check the path, or give a hub id (org/name)."
        )
    return _describe_hub(name, revision, offline, allow_pickle)


def _describe_folder(folder: Path, allow_pickle: bool) -> ModelDescription:
    shown = one_line(str(folder), 300)
    try:
        entries = list_entries(folder)
        adapter = is_adapter(entries)
        config = _config(folder, adapter)
        weights = adapter_weights(folder, entries) if adapter else full_model_weights(folder, entries)
        _check(weights, shown, allow_pickle)
        found = _found(folder, config, weights, adapter)
        headers = _headers(weights)
        identity = local_identity(content_files(folder), headers)
        template, tokens = read_chat_template(folder), read_special_tokens(folder)
    except Unreadable as error:
        raise _broken(shown, str(error)) from None
    except OSError as error:
        raise _broken(shown, f"cannot be read ({error.strerror})") from None
    architecture = Architecture() if adapter else read_architecture(config)
    if stale_quantization(config, weights.tensors):
        raise BenchtuiError(
            f"{shown}: its config.json has a quantization_config ({architecture.quantization}), but its weights "
            "are not quantised.",
            f"Remove quantization_config from {folder / 'config.json'}.",
        )
    if found.problem:
        raise _broken(shown, f"cannot be used: {found.problem}")
    size = _size(_elements(headers), weights.bytes, architecture)
    return ModelDescription(
        name=str(folder),
        identity=identity,
        revision=None,
        weight_bytes=weights.bytes,
        parameters=size.parameters,
        parameters_estimated=size.estimated,
        dtype=size.dtype,
        template=template,
        special_tokens=tokens,
        has_tokenizer=bool(TOKENIZER_FILES & entries.keys()),
        architecture=architecture,
        adapter=adapter,
        adapter_base=_text(config.get("base_model_name_or_path")) if adapter else None,
        pickled=weights.pickled,
        generation=read_generation(folder),
        warnings=found.warnings,
        config=config,
        tensors=weights.tensors,
    )


def _describe_hub(hub_id: str, revision: str | None, offline: bool, allow_pickle: bool) -> ModelDescription:
    snapshot = hub_snapshot(hub_id, revision=revision, offline=offline, card=False)
    adapter = is_adapter(snapshot.sizes)
    try:
        config = _config(snapshot.folder, adapter)
        template, tokens = read_chat_template(snapshot.folder), read_special_tokens(snapshot.folder)
        weights, elements = _hub_weights(snapshot, adapter)
        found = _found(snapshot.folder, config, weights, adapter) if weights.headers else Findings()
    except Unreadable as error:
        raise BenchtuiError(
            f"{hub_id} ({snapshot.commit[:8]}) {error}.",
            f"Its copy is in {snapshot.folder}: remove that folder to have it fetched again, or take another model.",
        ) from None
    if snapshot.from_cache and weights.problem and not weights.pickled:
        reason = f" ({snapshot.note})" if snapshot.note else ""
        raise BenchtuiError(
            f"{hub_id} is only partly in the cache: {weights.problem}{reason}.",
            "Run once with the hub in reach, or use --base PATH with a local folder, or --no-base.",
        )
    _check(weights, hub_id, allow_pickle)
    if found.problem:
        raise _broken(hub_id, f"cannot be used: {found.problem}")
    architecture = Architecture() if adapter else read_architecture(config)
    size = _size(elements, weights.bytes, architecture)
    return ModelDescription(
        name=hub_id,
        identity=snapshot.commit,
        revision=snapshot.commit,
        weight_bytes=weights.bytes,
        parameters=size.parameters,
        parameters_estimated=size.estimated,
        dtype=size.dtype,
        template=template,
        special_tokens=tokens,
        has_tokenizer=bool(TOKENIZER_FILES & snapshot.sizes.keys()),
        architecture=architecture,
        adapter=adapter,
        adapter_base=_text(config.get("base_model_name_or_path")) if adapter else None,
        pickled=weights.pickled,
        from_cache=snapshot.from_cache,
        note=snapshot.note,
        generation=read_generation(snapshot.folder),
        warnings=found.warnings,
        config=config,
        tensors=weights.tensors,
    )


def _hub_weights(snapshot: HubSnapshot, adapter: bool) -> tuple[Weights, Mapping[str, int]]:
    """Return the weights in the cache when they are complete there, else as the hub lists them."""
    entries = list_entries(snapshot.folder)
    here = adapter_weights(snapshot.folder, entries) if adapter else full_model_weights(snapshot.folder, entries)
    if snapshot.from_cache or not here.problem:
        return here, _elements(_headers(here)) if not here.problem else {}
    stored = {name: size or 0 for name, size in snapshot.sizes.items() if _HUB_WEIGHTS.fullmatch(name)}
    if stored:
        return Weights(bytes=sum(stored.values())), snapshot.parameters
    pickles = {name: size or 0 for name, size in snapshot.sizes.items() if _HUB_PICKLES.fullmatch(name)}
    if pickles:
        problem = f"only pickled weights ({min(pickles)}), which can run code when they are loaded"
        return Weights(bytes=sum(pickles.values()), problem=problem, pickled=True), {}
    return Weights(problem="no weights that transformers loads (model.safetensors is wanted)"), {}


@dataclass(frozen=True)
class _Size:
    parameters: int | None
    estimated: bool
    dtype: str | None


def _size(elements: Mapping[str, int], weight_bytes: int, architecture: Architecture) -> _Size:
    """Compute the size from the number of elements by safetensors dtype where known, else from bytes and configured
    dtype."""
    if not elements:
        width = _CONFIG_BYTES.get(architecture.dtype or "", 2)
        return _Size(weight_bytes // width if weight_bytes else None, True, architecture.dtype)
    packed = {"U8": 2, "I32": 8} if architecture.four_bit else {}  # 4-bit numbers, packed into wider ones
    parameters = sum(count * packed.get(dtype, 1) for dtype, count in elements.items())
    most = max(elements, key=lambda dtype: elements[dtype])
    return _Size(parameters, bool(packed), _DTYPES.get(most, most.lower()))


def _elements(headers: Mapping[Path, Header | None]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for header in headers.values():
        for tensor in header.tensors.values() if header else ():
            start, end = tensor.data_offsets
            counts[tensor.dtype[:20]] += max(end - start, 0) // _DTYPE_BYTES.get(tensor.dtype, 1)
    return counts


def _headers(weights: Weights) -> dict[Path, Header | None]:
    return {path: weights.headers.get(path) for path in weights.files}


def _found(folder: Path, config: Mapping[str, Any], weights: Weights, adapter: bool) -> Findings:
    """Check what the headers show, and whether the tokenizer beside the weights fits them."""
    if weights.pickled or weights.problem:
        return Findings()
    tensors = weights.tensors
    if adapter:
        return check_adapter(config, tensors)
    found = check_full_model(config, tensors)
    fit = check_tokenizer(folder, embedding_rows(tensors))
    return Findings(found.problem or fit.problem, (*weights.warnings, *found.warnings, *fit.warnings))


def is_adapter(names: Container[str]) -> bool:
    """Return whether these files are an adapter. One beside full weights is ignored, since peft is not used then."""
    return ADAPTER_CONFIG in names and not any(name in names for name in (SINGLE, INDEX, PICKLE, PICKLE_INDEX))


def _config(folder: Path, adapter: bool) -> dict[str, Any]:
    name = ADAPTER_CONFIG if adapter else CONFIG
    try:
        return read_json(folder / name)
    except FileNotFoundError:
        raise Unreadable(f"has no {name}") from None
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its {name} {error}") from None


def read_generation(folder: Path) -> dict[str, Any]:
    """Read the model's generation_config.json; empty when none can be read, which transformers ignores as well."""
    try:
        return read_json(folder / "generation_config.json")
    except (FileNotFoundError, Unreadable):
        return {}


def _check(weights: Weights, shown: str, allow_pickle: bool) -> None:
    if weights.pickled and not allow_pickle:
        raise BenchtuiError(
            f"{shown} has {weights.problem}.",
            "Save it as safetensors, or allow pickles for this run with --allow-pickle if you trust its source.",
        )
    if weights.problem and not weights.pickled:
        raise _broken(shown, f"cannot be used: {weights.problem}")


def _broken(shown: str, reason: str) -> BenchtuiError:
    return BenchtuiError(
        f"{shown} {reason}.", "Save or copy it again, or take another format or model; `benchtui models` shows them."
    )


def _text(value: Any) -> str | None:
    return value[:300] if isinstance(value, str) and value else None
