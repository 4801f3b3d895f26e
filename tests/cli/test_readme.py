from __future__ import annotations

from pathlib import Path

from tests.cli.results_commands import benchtui, one_line_error, write_model


def test_the_results_are_put_into_the_readmes(tmp_path: Path) -> None:
    model = write_model(tmp_path, "llama-lima", 90, 20)
    (model / "lora").mkdir()
    (model / "lora" / "README.md").write_text("# Adapter\n")
    ended = benchtui("readme", "llama-lima", "--outputs", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == ["README.md: created.", "lora/README.md: updated."]
    text = (model / "lora" / "README.md").read_text()
    assert text.startswith("# Adapter\n")
    assert "| Fine-tuned | 63.03% | 63.03% | 63.03% | 63.03% |" in text
    assert benchtui("readme", "llama-lima", "--outputs", tmp_path).out.count("already up to date") == 2


def test_a_model_without_results_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line_error(benchtui("readme", "empty", "--outputs", tmp_path), 1, ["has no benchmark results yet"])
