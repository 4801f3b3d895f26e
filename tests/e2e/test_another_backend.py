"""The whole main job with a backend that benchtui's code has never heard of: it is found by its entry point alone."""

from __future__ import annotations

import os
from pathlib import Path

from tests.backends.test_registry import installed
from tests.e2e.commands import benchtui, results_in, samples_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

ROOT = Path(__file__).parents[2]


def test_a_base_and_a_tuned_model_are_asked_scored_and_compared(tmp_path: Path) -> None:
    installed(tmp_path / "packages", "parrot", "tests.e2e.parrot:PARROT")
    make_tiny_model(tmp_path / "base")
    make_tiny_model(tmp_path / "outputs" / "tuned" / "merged_16bit", seed=1)
    data = write_data(
        tmp_path / "data.jsonl",
        [{"question": f"say {word * 9}:", "choices": [word, "qqqq"], "gold": 0} for word in ("abcd", "efgh", "ijkl")],
    )
    write_choice_task(tmp_path / "tasks", "choose", data)
    repeat = write_choice_task(tmp_path / "tasks", "repeat", data)
    text = repeat.read_text().replace("multiple_choice", "generate_until").replace("metric: acc", "metric: exact_match")
    text = text.replace("doc_to_choice: '{{choices}}'\n", "")
    settings = "generation_kwargs:\n  until: [':']\n  max_gen_toks: 5\n"
    repeat.write_text(text.replace("doc_to_target: '{{gold}}'", "doc_to_target: '{{choices[0]}}'") + settings)
    done = benchtui(
        "run", "--backend", "parrot", "--base", tmp_path / "base", "--tasks", "choose,repeat",
        "--include-path", tmp_path / "tasks", cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "packages"), str(ROOT)])},
    )  # fmt: skip
    assert done.code == 0, done.err
    benchmarks = tmp_path / "outputs" / "tuned" / "benchmarks"
    (tuned,) = (benchmarks / "fine-tuned").iterdir()
    assert results_in(benchmarks / "base" / "lm-eval")["results"]["repeat"]["exact_match,none"] == 0
    results = results_in(tuned / "lm-eval")
    assert results["results"]["choose"]["acc,none"] == 1
    assert results["results"]["repeat"]["exact_match,none"] == 1, "cut at the stop string, as lm-eval cuts"
    assert (results["config"]["model"], results["config"]["model_dtype"]) == ("parrot", "feathers")
    for sample in samples_in(tuned / "lm-eval", "choose"):
        likely, unlikely = (float(answer[0][0]) for answer in sample["resps"])
        assert likely > unlikely
    assert "choose" in done.out
    assert "repeat" in done.out
