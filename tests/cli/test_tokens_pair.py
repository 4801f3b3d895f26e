"""`benchtui tokens pair` on a comparison of real tiny models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.tokens.store import open_store
from tests.worker.tiny_models import make_base
from tests.worker.tokens.comparisons import compare, new_run, perturbed, plan_of


def benchtui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchtui", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_two_more_models_are_compared_from_what_is_stored(tmp_path: Path) -> None:
    base = make_base(tmp_path / "models" / "base")
    models = {"base": base, "one": perturbed(base, tmp_path / "models" / "one")}
    run = new_run(tmp_path / "outputs", plan_of(models, pairs=()))
    compare(run)
    for unlike, said in (("none", "'none' is no model of this run"), ("base", "does not differ from itself")):
        ran = benchtui("tokens", "pair", str(run.path), "base", unlike, "--outputs", str(tmp_path / "outputs"))
        assert ran.returncode == 2
        assert said in ran.stderr
    ran = benchtui("tokens", "pair", str(run.path), "base", "one", "--outputs", str(tmp_path / "outputs"))
    assert ran.returncode == 0, ran.stderr
    store = open_store(run.path)
    assert store.pairs == [(0, 1)]
    assert "JS" in ran.stdout
    again = benchtui("tokens", "pair", str(run.path), "base", "one", "--outputs", str(tmp_path / "outputs"))
    assert again.stdout == ran.stdout
