"""The table of all tokens: what the store says, a line for each model and token."""

import io
from pathlib import Path

import numpy as np
from pyarrow import parquet

from benchtui.tokens.table import COLUMNS, write_parquet
from tests.tokens.made_store import made_store

ANSWERS = ["one two three", "so the answer is 18", ""]


def test_every_number_is_the_stores(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS, labels=("base", "sft", "dpo"))
    buffer = io.BytesIO()
    write_parquet(store, buffer)
    table = parquet.read_table(buffer).to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 * sum(len(text.scored) for text in store.texts(0).tokens)
    for number, label in enumerate(store.header.labels):
        of_model = table[table.model == label]
        for name in ("logprob", "entropy", "rank"):
            np.testing.assert_array_equal(of_model[name].to_numpy(), store.column(number, name))
        for name in ("js", "kl", "kl_reverse", "tv", "shift"):
            if number:
                np.testing.assert_array_equal(of_model[name].to_numpy(), store.pair_column(0, number, name))
            else:
                assert of_model[name].isna().all()
        assert set(of_model.bound.dropna()) == ({"exact"} if number else set())
        np.testing.assert_allclose(of_model.margin, of_model.p_top - of_model.p_second, atol=1e-6)
        tops = np.exp(store.column(number, "top_logprobs").astype(float))
        shares = tops / tops.sum(-1, keepdims=True)
        uncertainty = -(shares * np.log(shares)).sum(-1) / np.log(10)
        np.testing.assert_allclose(of_model.uncertainty, uncertainty, atol=1e-5)
        first = of_model[of_model.document == 1]
        text = store.texts(0).documents[1].text
        assert "".join(text[a:b] for a, b in zip(first.start, first.end, strict=True)) == text[first.start.min() :]
        np.testing.assert_allclose(np.log(of_model.p_top), store.column(number, "top_logprobs")[:, 0], rtol=1e-4)
