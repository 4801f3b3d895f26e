"""Writes the distributions of a model, and the divergences of two, as files of the forms that scripts of RL_onoff read:
distributions.json beside distributions.npz, and one JSON of divergences."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.files import open_run_file, run_folder
from benchtui.models.layout import size_text
from benchtui.text import json_text
from benchtui.tokens.records import FULL, LIKELIEST, LIKELIEST_IDS, TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore

JSON_FILE, ARRAYS_FILE = "distributions.json", "distributions.npz"


@dataclass(frozen=True)
class Distributions:
    """The distributions at some tokens of a text: `ids` int32 and `probabilities` float32 [tokens, k], the likeliest
    first; of a whole vocabulary in the order of the ids. Where a server told fewer, the id is -1 and the probability 0.
    """

    ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]


def answer_rows(tokens: TextTokens) -> slice:
    """Which of the scored tokens are the answer's; all where the answer has none."""
    begin = max(tokens.answer - tokens.first, 0)
    return slice(begin, len(tokens.scored)) if begin < len(tokens.scored) else slice(0, len(tokens.scored))


def distributions_of(store: DistributionStore, model: int, document: int) -> Distributions:
    """Read the distributions at the answer of a document."""
    texts = store.texts(model)
    shard = texts.shard_of(document)
    file, begins = store.shard(model, shard), int(texts.offsets[document] - texts.offsets[texts.shards[shard]])
    own = answer_rows(texts.tokens[document])
    rows = slice(begins + own.start, begins + own.stop)
    if FULL in file:
        probabilities = np.exp(file.read(FULL, rows).astype(np.float32))
        probabilities /= probabilities.sum(-1, keepdims=True)
        ids = np.broadcast_to(np.arange(probabilities.shape[1], dtype=np.int32), probabilities.shape)
        return Distributions(ids, probabilities)
    columns = slice(0, _width(store, model))
    ids, logprobs = file.read(LIKELIEST_IDS, rows)[:, columns], file.read(LIKELIEST, rows)[:, columns]
    return Distributions(ids.astype(np.int32), np.exp(logprobs.astype(np.float32)))


def size_of(store: DistributionStore, model: int) -> int:
    """Return the bytes of all arrays, before they are compressed."""
    texts = store.texts(model)
    rows = map(answer_rows, texts.tokens)
    positions = sum(len(range(own.start, own.stop)) for own in rows)
    return positions * 8 * _width(store, model)


def _width(store: DistributionStore, model: int) -> int:
    """How many tokens there are at a place: as many as were kept, and no more than the tokenizer knows."""
    file = store.shard(model, 0)
    name = FULL if FULL in file else LIKELIEST_IDS
    if name not in file:
        raise BenchtuiError(
            "The store of this run keeps no distributions.", "Compare again with --keep topk or --keep full."
        )
    return min(int(file.read(name, slice(0, 1)).shape[1]), store.models[model].vocabulary)


def write_distributions(store: DistributionStore, model: int, folder: Path, largest: int) -> tuple[Path, Path]:
    """Write both files into `folder`; returns their places. Raises BenchtuiError where the arrays would be larger than
    `largest` bytes, or the store keeps none; OSError where they cannot be written."""
    if (size := size_of(store, model)) > largest:
        raise BenchtuiError(
            f"The arrays would take {size_text(size)}: more than {size_text(largest)}.",
            f"Keep fewer tokens (--top-k 100), take fewer texts (--limit N), or allow it: --largest {size_text(size)}.",
        )
    arrays, record = folder / ARRAYS_FILE, folder / JSON_FILE
    _write(arrays, lambda file: _write_arrays(store, model, file))
    _write(record, lambda file: file.write(_json(store, model).encode()))
    return arrays, record


def _write(place: Path, write: Any) -> None:
    """Write a file under another name first: it is not in memory as a whole."""
    part = place.with_name(f".{place.name}.part")
    with os.fdopen(open_run_file(part, os.O_RDWR | os.O_TRUNC, make_folder=True), "w+b") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    with run_folder(place.parent) as folder:
        os.replace(part.name, place.name, src_dir_fd=folder, dst_dir_fd=folder)


def _write_arrays(store: DistributionStore, model: int, file: BinaryIO) -> None:
    """Write the arrays as `numpy.savez_compressed` does, a document at a time."""
    vocabulary = store.models[model].vocabulary
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for number in range(len(store.texts(model).documents)):
            found = distributions_of(store, model, number)
            arrays: dict[str, NDArray[Any]] = {
                "indices": found.ids,
                "values": found.probabilities,
                "vocab_size": np.array(vocabulary),
                "top_k": np.array(found.ids.shape[1]),
            }
            for name, array in arrays.items():
                with archive.open(f"dist_{number}_{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)


def _json(store: DistributionStore, model: int) -> str:
    texts = store.texts(model)
    entropies = [
        store.scores(model, number).entropy[answer_rows(tokens)].astype(np.float64)
        for number, tokens in enumerate(texts.tokens)
    ]
    results: dict[tuple[str, str, int], dict[str, Any]] = {}
    width = _width(store, model)
    for number, (document, tokens) in enumerate(zip(texts.documents, texts.tokens, strict=True)):
        example = results.setdefault(
            (document.prompt, document.task, document.doc_id),
            {"example_id": len(results), "question": document.prompt, "prompt": document.prompt, "samples": []},
        )
        sample = _sample(store, model, number, document, tokens, entropies[number], width)
        example["samples"].append({"sample_id": len(example["samples"]), **sample})
    whole = np.concatenate(entropies) if entropies else np.zeros(0)
    record = {
        "statistics": {
            "model": store.header.labels[model],
            "backend": store.models[model].backend,
            "num_examples": len(results),
            "num_samples": len(texts.documents),
            "total_tokens": len(whole),
            "mean_entropy": float(np.nanmean(whole)) if np.isfinite(whole).any() else None,
            "vocab_size": store.models[model].vocabulary,
            "top_k": width,
        },
        "results": list(results.values()),
        "distributions_file": ARRAYS_FILE,
        "num_distributions": len(texts.documents),
    }
    return json_text(record)


def _sample(
    store: DistributionStore,
    model: int,
    number: int,
    document: TokenDocument,
    tokens: TextTokens,
    entropy: NDArray[np.float64],
    width: int,
) -> dict[str, Any]:
    ids = tokens.scored[answer_rows(tokens)].tolist()
    vocabulary = store.vocabulary(model)
    return {
        "response": document.answer,
        "token_ids": ids,
        "token_strings": [vocabulary.text(one) for one in ids],
        "distribution_index": number,
        "distribution_shape": [len(ids), width],
        "top_k": width,
        "num_tokens": len(ids),
        "per_token_entropy": entropy.tolist(),
    }


def divergences_json(store: DistributionStore, first: int, second: int) -> str:
    """Return the divergences at every token of the answers, in nats: KL(first‖second) without any ε, and JS. Raises
    BenchtuiError where the store cannot be read."""
    texts = store.texts(first)
    results = list(_divergences(store, first, second))
    summary: dict[str, Any] = {}
    for letter, model in (("a", first), ("b", second)):
        summary |= {f"model_{letter}": store.header.labels[model], f"backend_{letter}": store.models[model].backend}
    summary |= {"num_pairs": len(texts.documents), "bound": _bound(store, first, second)}
    for name in ("kl", "js"):
        means = [each[f"{name}_mean"] for each in results if each[f"{name}_mean"] is not None]
        summary[f"{name}_statistics"] = _statistics(means)
    return json_text({"summary": summary, "results": results})


def _bound(store: DistributionStore, first: int, second: int) -> str:
    return store.pair(first, second, 0).bound if store.texts(first).documents else "exact"


def _divergences(store: DistributionStore, first: int, second: int) -> Iterator[dict[str, Any]]:
    texts = store.texts(first)
    for number, (document, tokens) in enumerate(zip(texts.documents, texts.tokens, strict=True)):
        pair, rows = store.pair(first, second, number), answer_rows(tokens)
        each: dict[str, Any] = {"question": document.prompt, "solution": document.answer}
        for name, values in (("kl", pair.kl[rows]), ("js", pair.js[rows])):
            finite = values[np.isfinite(values)].astype(np.float64)
            each[f"{name}_divergence"] = values.tolist()
            each[f"{name}_mean"] = float(finite.mean()) if len(finite) else None
            each[f"{name}_max"] = float(finite.max()) if len(finite) else None
        yield each


def _statistics(means: Sequence[float]) -> dict[str, float | None]:
    if not means:
        return {"mean": None, "std": None, "min": None, "max": None}
    return {
        "mean": float(np.mean(means)),
        "std": float(np.std(means)),
        "min": float(min(means)),
        "max": float(max(means)),
    }
