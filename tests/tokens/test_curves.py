"""A curve over checkpoints has the numbers of the summary's models and pairs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchtui.plans.tokens import reference_pairs
from benchtui.tokens.curves import curve
from benchtui.tokens.records import StoreHeader
from benchtui.tokens.store import DistributionStore, StoreWriter
from benchtui.tokens.summarise import summarise
from tests.tokens.made_store import made_store


def test_each_checkpoint_is_seen_against_the_first_and_the_one_before(tmp_path: Path) -> None:
    labels = ("base", "checkpoint-100", "checkpoint-200")
    store = made_store(tmp_path / "tokens", [f"{n} and {n}" for n in range(12)], labels=labels)
    shards = range(len(store.texts(0).shards) - 1)
    for shard in shards:
        between = StoreWriter(store.folder).pair_file(1, 2, shard)
        between.parent.mkdir(exist_ok=True)
        between.write_bytes(StoreWriter(store.folder).pair_file(0, 2, shard).read_bytes())
    header: StoreHeader = msgspec.structs.replace(store.header, pairs=reference_pairs(3))
    StoreWriter(store.folder).header(header)
    summary = summarise(DistributionStore(store.folder))
    points, pairs = curve(summary), {(pair.first, pair.second): pair for pair in summary.pairs}
    assert [point.label for point in points] == list(labels)
    assert [point.entropy for point in points] == [model.entropy for model in summary.models]
    assert points[0].js_first is points[0].js_previous is None
    assert points[1].js_first == points[1].js_previous == pairs[0, 1].js
    assert points[2].js_first == pairs[0, 2].js
    assert points[2].js_previous == pairs[1, 2].js
