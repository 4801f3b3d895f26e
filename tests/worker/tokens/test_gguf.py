"""A GGUF file compared token by token with the folder that it was made of: another backend, the same distributions."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchtui.models.source import GgufSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import TokenModel
from tests.worker.tiny_models import make_base
from tests.worker.tokens.comparisons import compare, new_run, plan_of

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]


@pytest.mark.parametrize("quantized", [False, True])
def test_it_tells_what_its_folder_tells(tmp_path: Path, quantized: bool) -> None:
    from tests.worker.answering.gguf.files import write_gguf

    folder = make_base(tmp_path / "base")
    file = write_gguf(folder, tmp_path / "base.gguf", quantized=quantized)
    plan = plan_of({"folder": folder, "file": folder})
    model = TokenModel(
        label="file", source=GgufSource(path=str(file), identity="file"), prompts=PromptSettings(), backend="gguf"
    )
    store = compare(new_run(tmp_path, msgspec.structs.replace(plan, models=(plan.models[0], model))))
    assert [one.keep for one in store.models] == ["hidden", "full"]
    assert store.models[0].tokenizer == store.models[1].tokenizer
    assert store.pair(0, 1, 0).bound == "exact"
    kl, tv = store.pair_column(0, 1, "kl"), store.pair_column(0, 1, "tv")
    if quantized:
        assert 1e-7 < kl.mean() < 0.05
    else:
        assert kl.max() < 1e-4
        assert tv.max() < 5e-3
