"""A real model of 135M parameters and an adapter that was trained on GSM8K with its <<…>> marks: over the answers that
both have stored, these marks are what was learnt, and where the two part."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summary import TokensSummary, read_summary
from tests.conftest import Hub
from tests.e2e.commands import benchtui

pytestmark = [pytest.mark.hub, pytest.mark.real, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3000)]

IS_FULL = os.environ.get("BENCHTUI_TEST_REAL_SIZE") == "full"
DOCUMENTS, TOKENS = (40, 120) if IS_FULL else (12, 80)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, real_model: Path, hub: Hub) -> DistributionStore:
    place = tmp_path_factory.mktemp("marks")
    base = place / "SmolLM2-135M-Instruct"  # what the adapter calls its base
    base.symlink_to(real_model / base.name, target_is_directory=True)
    shutil.copytree(real_model / "outputs" / "smollm2-gsm8k" / "lora", place / "outputs" / "smollm2-gsm8k" / "lora")
    finished = benchtui(
        "run", "--base", base, "--tasks", "gsm8k", "--num-fewshot", "0", "--chat-template", "on",
        "--limit", str(DOCUMENTS), "--gen-kwargs", f"max_gen_toks={TOKENS}", cwd=place, env=hub.env, timeout=1400,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    finished = benchtui(
        "tokens", "compare", "base", "smollm2-gsm8k", "--answers", "last", "--keep", "scalars", cwd=place, env=hub.env,
        timeout=1400,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    (header,) = place.glob("outputs/smollm2-gsm8k/tokens/*/tokens/store.json")
    return DistributionStore(header.parent)


@pytest.fixture(scope="module")
def summary(store: DistributionStore) -> TokensSummary:
    return read_summary(store.folder)


def test_both_models_read_the_answers_of_both(store: DistributionStore) -> None:
    documents = store.texts(0).documents
    assert len(documents) == 2 * DOCUMENTS
    assert len({document.group for document in documents}) == DOCUMENTS
    assert {document.task for document in documents} == {"gsm8k"}


def test_most_of_the_frequent_replacements_are_marks(summary: TokensSummary) -> None:
    found = summary.partings[0].replacements[:5]
    assert sum("<<" in each.first + each.second for each in found) >= 3, found
    assert found[0].second == " <<"
    assert found[0].groups > DOCUMENTS / 2


def test_the_marks_are_what_was_learnt_most(summary: TokensSummary) -> None:
    parting = summary.partings[0]
    assert {each.token for each in parting.learnt[:2]} == {" <<", "<<"}
    assert not [each for each in parting.forgotten if "<<" in each.token]
    classes = {each.name: each for each in parting.classes}
    marks, words = classes["marks << >>"], classes["word starts"]
    assert marks.delta_logprob.low is not None
    assert marks.delta_logprob.low > 1
    assert marks.js.low is not None
    assert words.js.high is not None
    assert marks.js.low > words.js.high
    assert marks.entropy_first.value is not None
    assert marks.entropy_second.value is not None
    assert marks.entropy_second.value < marks.entropy_first.value / 2
