"""What is written into a store is read again, a document at a time; what is damaged is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.tokens.arrays import ShardFile
from benchtui.tokens.records import TOP, TokenScores
from benchtui.tokens.store import DistributionStore, StoreWriter
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


@pytest.mark.parametrize(
    ("name", "key", "array"),
    [
        ("models/0/shard-0000", "entropy", np.full(60, np.inf, np.float32)),
        ("models/0/shard-0000", "entropy", np.zeros((60, 1), np.float32)),
        ("models/0/shard-0000", "top_ids", np.zeros((60, 0), np.int32)),
        ("models/0/shard-0000", "top_logprobs", np.full((60, 10), np.nan, np.float32)),
        ("models/0/shard-0000", "rank", np.ones(60, np.bool_)),
        ("pairs/0-1/shard-0000", "js", np.full(60, -1, np.float32)),
        ("texts/0", "first", np.zeros(12, np.int32)),
        ("texts/0", "answer", np.full(12, 999, np.int32)),
        ("texts/0", "starts", np.zeros(3, np.int32)),
        ("texts/0", "shards", np.zeros(0, np.int64)),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, name: str, key: str, array: NDArray[Any]) -> None:
    from safetensors.numpy import load_file, save_file

    store = made_store(tmp_path / "tokens", ANSWERS)
    file = tmp_path / "tokens" / f"{name}.safetensors"
    save_file({**load_file(file), key: array}, file)
    with pytest.raises(BenchtuiError, match=f"{file.name} cannot be read"):
        _read_all(store)


def test_a_shard_whose_texts_have_nothing_to_score(tmp_path: Path) -> None:
    """Answers may be empty: where a shard ends before such ones, the next has no token at all."""
    writer = StoreWriter(tmp_path)
    none, lists = np.zeros(0, np.float32), np.zeros((0, TOP), np.float32)
    empty = TokenScores(none, none, none.astype(np.int32), lists.astype(np.int32), lists, none)
    writer.shard(0, 0, empty, {"hidden": np.zeros((0, 4), np.float32)}, {})
    file = ShardFile(writer.shard_file(0, 0))
    assert file.read("entropy").shape == (0,)
    assert file.read("hidden", slice(0, 0)).shape == (0, 4)


def _read_all(store: DistributionStore) -> None:
    for document in range(len(store.texts(0).documents)):
        store.scores(0, document)
        store.pair(0, 1, document)


def test_a_number_of_a_document_that_no_table_holds_is_refused(tmp_path: Path) -> None:
    made_store(tmp_path / "tokens", ANSWERS)
    file = tmp_path / "tokens" / "texts" / "0.jsonl"
    file.write_text(file.read_text().replace('"doc_id":3,', f'"doc_id":{2**70},'))
    with pytest.raises(BenchtuiError, match=r"texts/0"):
        DistributionStore(tmp_path / "tokens").texts(0)
