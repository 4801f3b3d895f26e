"""What is stored of models is enough: any pair of them later, exactly, with the output heads alone."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.plan import write_plan
from benchtui.tokens.records import PairScores
from benchtui.tokens.store import DistributionStore
from benchtui.worker.tokens.statistics import KnownTokens, distributions, pair_scores
from tests.worker.tiny_models import make_base
from tests.worker.tokens.comparisons import TEXTS, compare, new_run, perturbed, plan_of

LABELS = ("base", "step 1", "step 2", "step 3")
EVERY = tuple(itertools.combinations(range(4), 2))


@pytest.fixture
def checkpoints(tmp_path: Path) -> dict[str, Path]:
    """Four checkpoints of one model; the last two have the head of the second."""
    base = make_base(tmp_path / "base", tie_word_embeddings=False)
    first = perturbed(base, tmp_path / "step 1", seed=1)
    others = [perturbed(first, tmp_path / f"step {n}", seed=n, heads=False) for n in (2, 3)]
    return dict(zip(LABELS, (base, first, *others), strict=True))


def online(store: DistributionStore, folders: Sequence[Path], pair: tuple[int, int], document: int) -> PairScores:
    """Both models in memory, transformers' own forward pass over one text."""
    tokens = store.texts(0).tokens[document]
    known = KnownTokens.of(store.vocabulary(0))
    found = []
    for number in pair:
        model = AutoModelForCausalLM.from_pretrained(folders[number], dtype=torch.float32)
        with torch.inference_mode():
            logits = model(torch.from_numpy(tokens.ids.astype(np.int64))[None]).logits[0]
        found.append(distributions(logits[tokens.first - 1 : -1], known).logprobs)
    return pair_scores(*found)


def only_heads_left(folder: Path) -> None:
    """Replace the weights by a file that has nothing but the output head."""
    tensors = load_file(folder / "model.safetensors")
    save_file({"lm_head.weight": tensors["lm_head.weight"]}, folder / "model.safetensors", {"format": "pt"})


def test_any_pair_is_exact_without_the_layers(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    folders = [shutil.copytree(folder, tmp_path / "kept" / name) for name, folder in checkpoints.items()]
    run = new_run(tmp_path, plan_of(checkpoints, pairs=()))
    assert not compare(run).pairs
    for folder in checkpoints.values():
        only_heads_left(folder)
    write_plan(run.plan_file, plan_of(checkpoints, pairs=EVERY))
    store = compare(run)
    assert store.pairs == list(EVERY)
    for pair in EVERY:
        for document in range(len(TEXTS)):
            found, exact = store.pair(*pair, document), online(store, folders, pair, document)
            for name in ("kl", "kl_reverse", "js", "tv"):
                np.testing.assert_allclose(getattr(found, name), getattr(exact, name), atol=1e-6)
            assert (found.shift == exact.shift).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_heads_are_kept_once_each_and_need_no_model_folder(
    tmp_path: Path, checkpoints: dict[str, Path], dtype: str
) -> None:
    """The numbers of a second time are those of the first, bit for bit."""
    prompts = PromptSettings(dtype=dtype)
    first = new_run(tmp_path, plan_of(checkpoints, pairs=EVERY, prompts=prompts), 10)
    compare(first)
    run = new_run(tmp_path, plan_of(checkpoints, pairs=(), prompts=prompts, keep_heads=True), 20)
    store = compare(run)
    assert {model.dtype for model in store.models} == {dtype}
    heads = sorted((store.folder / "heads").iterdir())
    assert len(heads) == 2, "the last three checkpoints share one"
    with safe_open(heads[0], "pt") as file:
        assert len(list(file.keys())) == 1
    for folder in checkpoints.values():
        shutil.rmtree(folder)
    write_plan(run.plan_file, plan_of(checkpoints, pairs=EVERY, prompts=prompts, keep_heads=True))
    again, before = compare(run), DistributionStore(first.path / "tokens")
    for pair, name in itertools.product(EVERY, ("kl", "kl_reverse", "js", "tv", "shift")):
        assert (again.pair_column(*pair, name) == before.pair_column(*pair, name)).all()


def test_another_head_is_refused(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(checkpoints, pairs=()))
    compare(run)
    folder = checkpoints["base"]
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"][7, 3] += 0.5
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    write_plan(run.plan_file, plan_of(checkpoints, pairs=EVERY))
    with pytest.raises(BenchtuiError, match="is another one than that which the tokens were scored with"):
        compare(run)
    shutil.rmtree(folder)
    with pytest.raises(BenchtuiError, match="base"):
        compare(run)


def test_a_head_that_several_have_is_read_from_any_of_them(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    run = new_run(tmp_path, plan_of(checkpoints, pairs=()))
    compare(run)
    shutil.rmtree(checkpoints["step 1"])
    write_plan(run.plan_file, plan_of(checkpoints, pairs=((0, 1),)))
    assert compare(run).pairs == [(0, 1)]
