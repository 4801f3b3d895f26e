"""IFEval by a server that repeats recorded answers scores as lm-eval scores that file."""

from __future__ import annotations

from pathlib import Path

import langdetect
import nltk
import pytest

from benchtui.runs.directory import RunDirectory
from tests.conftest import Hub
from tests.e2e.commands import benchtui, results_in, samples_in
from tests.worker.answering.openai.fake import Fake

ANSWERS = ("Yes, of course.", "WELL, NO.", '"a title"\n\n* one\n* two\n* three', "<<Title>> this is lower case", "")


def recorded(prompt: str) -> str:
    """One of five answers, by the prompt alone."""
    return ANSWERS[sum(prompt.encode()) % len(ANSWERS)]


@pytest.mark.hub
@pytest.mark.slow
def test_recorded_answers_score_as_lm_eval_scores_them(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nltk.data, "path", [hub.env["NLTK_DATA"], *nltk.data.path])
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", 0)
    from lm_eval.tasks.ifeval.utils import agg_inst_level_acc, process_results

    with Fake(recorded) as fake:
        done = benchtui(
            "run", "--outputs", tmp_path / "outputs", "--backend", "openai", "--server", fake.url, "--no-base",
            "--tasks", "ifeval", "--limit", "20", cwd=tmp_path, env=hub.env,
        )  # fmt: skip
    assert done.code == 0, done.err
    (place,) = (tmp_path / "outputs" / "fake-1" / "benchmarks" / "fine-tuned").iterdir()
    run = RunDirectory(place)
    samples = samples_in(run.lm_eval, "ifeval")
    assert len(samples) == 20
    scored = [process_results(sample["doc"], [recorded(sample["doc"]["prompt"])]) for sample in samples]
    found = results_in(run.lm_eval)["results"]["ifeval"]
    for metric in ("prompt_level_strict_acc", "prompt_level_loose_acc"):
        assert found[f"{metric},none"] == pytest.approx(sum(one[metric] for one in scored) / 20, abs=1e-12)
    for metric in ("inst_level_strict_acc", "inst_level_loose_acc"):
        assert found[f"{metric},none"] == pytest.approx(agg_inst_level_acc([one[metric] for one in scored]), abs=1e-12)
    assert 0 < found["inst_level_loose_acc,none"] < 1
