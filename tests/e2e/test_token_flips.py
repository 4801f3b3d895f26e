"""The demo's pair, token by token: the documents that changed side, and that they part where its training data differ.

The base was trained on replies that introduce themselves ("Here you are: …") and do not obey; the fine-tuned model on
obedient ones alone (benchtui/demo/corpus.py), and it forgets facts that it was no longer told.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchtui.demo.workspace import demo_paths
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summary import Flips, TokensSummary, read_summary
from tests.e2e.commands import benchtui, samples_in

pytestmark = [pytest.mark.slow, pytest.mark.long]

TASKS = {"demo_instructions": "prompt_level_strict_acc", "demo_knowledge": "acc_norm"}


@dataclass(frozen=True)
class Compared:
    """The demo after its run and the comparison of what changed side."""

    model: Path
    store: DistributionStore
    summary: TokensSummary

    @property
    def flips(self) -> Flips:
        assert self.summary.flips is not None
        return self.summary.flips

    def document(self, number: int) -> tuple[str, int]:
        found = self.store.texts(0).documents[number]
        return found.task, found.doc_id


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    place = tmp_path_factory.mktemp("flips") / "demo"
    finished = benchtui("demo", place, cwd=place.parent)
    assert finished.code == 0, finished.err
    (model,) = (place / "outputs").iterdir()
    finished = benchtui("tokens", "compare", "--flips", "base", model.name, cwd=place)
    assert finished.code == 0, finished.err
    assert "documents changed side" in finished.out
    (header,) = model.glob("tokens/*/tokens/store.json")
    return Compared(model, DistributionStore(header.parent), read_summary(header.parent))


def test_the_documents_are_those_whose_scores_changed(compared: Compared) -> None:
    benchmarks = compared.model / "benchmarks"
    (tuned,) = (benchmarks / "fine-tuned").iterdir()
    expected = {}
    for task, metric in TASKS.items():
        sides = [
            {sample["doc_id"]: float(sample[metric]) for sample in samples_in(side / "lm-eval", task)}
            for side in (benchmarks / "base", tuned)
        ]
        changes = {1.0: "fixed", -1.0: "broken"}
        expected.update(
            {(task, n): changes[sides[1][n] - score] for n, score in sides[0].items() if sides[1][n] != score}
        )
    found = {compared.document(each.document): each.change for each in compared.flips.flipped}
    assert found == expected
    assert len(found) >= 10
    assert Counter(found.values()).keys() == {"fixed", "broken"}


def test_they_part_where_the_training_data_differ(compared: Compared) -> None:
    """By kind of instruction, the tokens at the first place where the models part."""
    lines = (demo_paths().tasks / "demo_instructions.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    vocabulary, texts = compared.store.vocabulary(0), compared.store.texts(0)
    parted: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in compared.flips.flipped:
        task, doc_id = compared.document(each.document)
        if task == "demo_instructions" and each.parts_at is not None:
            tops = [compared.store.scores(model, each.document).top_ids[each.parts_at, 0] for model in (0, 1)]
            first, second = (vocabulary.text(int(top)).strip() for top in tops)
            parted[kinds[doc_id]].append((first, second))
    assert set(parted["avoid"]) == {("The", "I")}, "told not to say the word, the model says It"
    assert set(parted["small"]) == {("The", "the")}
    for introduced in ("repeat", "reverse"):
        assert {first for first, _ in parted[introduced]} == {"Here"}
        assert "Here" not in {second for _, second in parted[introduced]}
    forgotten = [each.token.strip() for each in compared.summary.partings[0].forgotten]
    assert {"Here", "you", "are"} <= set(forgotten)
    facts = {
        each.document for each in compared.flips.flipped if compared.document(each.document)[0] == "demo_knowledge"
    }
    assert facts
    for number in facts:
        assert texts.documents[number].written_by == "reference"


def test_they_differ_more_than_those_that_did_not_change(compared: Compared) -> None:
    found = compared.flips
    assert found.unflipped >= len(found.flipped) / 2
    assert found.p is not None
    assert found.p < 0.01
    assert found.larger is not None
    assert found.larger > 0.55
