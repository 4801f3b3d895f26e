"""What the review says before a run."""

from __future__ import annotations

from pathlib import Path

from benchtui.plans.choice import Choice
from benchtui.wizard.preflight import preflight
from tests.e2e.tiny import make_tiny_model


def test_the_review_says_from_which_gains_on_the_samples_show_something(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base")
    make_tiny_model(tmp_path / "outputs" / "tuned" / "merged_16bit", seed=1)

    def said(**settings: object) -> str:
        model = {"outputs": tmp_path / "outputs", "base": str(base), "offline": True, "max_length": 4096}
        choice = Choice(**{**model, **settings})  # type: ignore[arg-type]
        return " ".join(check.message for check in preflight(choice) if check.name == "Samples")

    assert said(suite="quick").startswith("Can show gains from 5.5 points (Instruction-Following). ")
    assert said(suite="quick", limit=100.0).startswith("Can show gains from 12.8 points")
    assert "6.5 points (Instruction-Following)" in said(suite="full"), "one of four tasks"
    assert said(suite="quick", decide_early=2.0) != said(suite="quick"), "looks have their price"
    assert said(suite="test") == "So few samples can show no gain at all."
    assert said(suite="quick", compare=False) == "", "there is nothing to compare with"

    (tmp_path / "mine.jsonl").write_text(
        "".join(f'{{"question": "[red]What is {n}?", "answer": "{n:03}"}}\n' for n in range(400))
    )
    own = {"data": (str(tmp_path / "mine.jsonl"),), "suite": "none"}
    assert said(**own).startswith("Can show gains from")
    choice = Choice(tmp_path / "outputs", base=str(base), offline=True, **own)  # type: ignore[arg-type]
    lines = [check.message for check in preflight(choice) if check.name == "Your data"]
    assert lines[0] == "mine, 400 samples, an answer is written and matched."
    assert "| [red]What is 0?" in lines, "three prompts as they will be asked"
    assert "expected: 002" in lines
    assert not (tmp_path / "tasks").exists(), "a run that waits may be about to load a task of the same name"
