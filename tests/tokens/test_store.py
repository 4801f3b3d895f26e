"""What is written into a store is read again, a document at a time; what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.tokens.store import DistributionStore
from tests.tokens.made_store import made_store

ANSWERS = [f"{n} and {n} are {2 * n} , so the answer is {2 * n}" for n in range(12)]


def test_a_document_is_a_part_of_the_whole(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS)
    texts = store.texts(0)
    assert len(texts.shards) > 3
    for name in ("logprob", "entropy", "rank"):
        parts = [getattr(store.scores(1, document), name) for document in range(len(ANSWERS))]
        np.testing.assert_array_equal(np.concatenate(parts), store.column(1, name))
    parts = [store.pair(0, 1, document).js for document in range(len(ANSWERS))]
    np.testing.assert_array_equal(np.concatenate(parts), store.pair_column(0, 1, "js"))
    assert [document.answer for document in texts.documents] == ANSWERS
    assert len(store.scores(0, 3)) == len(texts.tokens[3].scored)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS)
    (tmp_path / "tokens" / "models" / "1" / "shard-0001.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BenchtuiError, match="shard-0001"):
        store.column(1, "logprob")
    (tmp_path / "tokens" / "models" / "1" / "model.json").unlink()
    with pytest.raises(BenchtuiError, match="not scored to the end"):
        _ = DistributionStore(tmp_path / "tokens").models


def test_a_shard_with_too_few_numbers_is_named(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    store = made_store(tmp_path / "tokens", ANSWERS)
    for name, read in (
        ("models/0/shard-0001", lambda: store.column(0, "logprob")),
        ("pairs/0-1/shard-0002", lambda: store.pair_column(0, 1, "js")),
    ):
        file = tmp_path / "tokens" / f"{name}.safetensors"
        save_file({key: array[:-1].copy() for key, array in load_file(file).items()}, file)
        with pytest.raises(BenchtuiError, match=f"{file.stem}.*ends early"):
            read()
