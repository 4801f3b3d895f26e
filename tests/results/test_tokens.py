"""A comparison by token whose summary names what its store does not have is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.errors import BenchtuiError
from benchtui.results.tokens import read_tokens
from benchtui.tokens.store import STORE
from benchtui.tokens.summarise import summarise
from benchtui.tokens.summary import Place, TokensSummary, write_summary
from tests.tokens.made_store import made_store


def test_a_summary_that_names_what_is_not_there(tmp_path: Path) -> None:
    store = made_store(tmp_path / STORE, ["one two three", "four five six"])
    summary = summarise(store)
    write_summary(store.folder, summary)
    assert read_tokens(tmp_path).summary == summary
    for wrong in _wrong(summary):
        write_summary(store.folder, wrong)
        with pytest.raises(BenchtuiError, match=r"summary\.json cannot be read"):
            read_tokens(tmp_path)


def _wrong(summary: TokensSummary) -> list[TokensSummary]:
    [parting], [pair] = summary.partings, summary.pairs
    replace = msgspec.structs.replace
    places = [Place(7, 0), Place(-1, 0), Place(0, 99), Place(0, -1)]
    return [
        replace(summary, pairs=(replace(pair, second=7),)),
        replace(summary, models=summary.models * 2),
        *(replace(summary, partings=(replace(parting, furthest=(place,)),)) for place in places),
        replace(summary, partings=(replace(parting, first=-1),)),
    ]
