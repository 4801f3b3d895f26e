"""The vllm backend in its own environment, against hf on the same real model: CONTRIBUTING.md says how to make it.

BENCHTUI_TEST_VLLM names the Python of that environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VLLM, absent
from tests.e2e.commands import benchtui, samples_in
from tests.e2e.local_tasks import write_choice_task, write_data

pytestmark = [pytest.mark.vllm, pytest.mark.long, pytest.mark.timeout(1500)]

QUESTIONS = [
    {"question": "The capital of France is", "choices": [" Paris", " London", " a city in Spain"], "gold": 0},
    {"question": "Water freezes at", "choices": [" zero degrees Celsius", " noon", " the end"], "gold": 0},
    {"question": "Two plus two is", "choices": [" four", " five", " seven hundred"], "gold": 0},
]
TASKS = {
    "letters": (
        "multiple_choice",
        (
            'doc_to_text: "{{question}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\nAnswer:"\n'
            "doc_to_choice: [A, B, C]\ndoc_to_target: '{{gold}}'\nmetric_list:\n  - metric: acc\n"
        ),
    ),
    "rolling": (
        "loglikelihood_rolling",
        "doc_to_text: ''\ndoc_to_target: '{{question}} and so on'\nmetric_list:\n  - metric: word_perplexity\n",
    ),
    "writes": (
        "generate_until",
        (
            "doc_to_text: '{{question}}'\ndoc_to_target: '{{choices[0]}}'\ngeneration_kwargs:\n  until: ['.']\n"
            "  max_gen_toks: 24\nmetric_list:\n  - metric: exact_match\n"
        ),
    ),
}
CLOSE = 1e-3
"""Nats that a request's log-likelihood may differ by."""


def write_tasks(folder: Path, data: Path) -> list[str]:
    """Write the tasks, and return their names."""
    for name, (output_type, more) in TASKS.items():
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
            f"output_type: {output_type}\n{more}"
        )
    return list(TASKS)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By backend and task, what the real model answered."""
    if not VLLM:
        absent("vllm", "BENCHTUI_TEST_VLLM names no Python with vLLM")
    place = tmp_path_factory.mktemp("vllm")
    (place / "outputs" / "smol").mkdir(parents=True)
    (place / "outputs" / "smol" / "merged_16bit").symlink_to(real_model / "SmolLM2-135M-Instruct")
    data = write_data(place / "data.jsonl", QUESTIONS)
    write_choice_task(place / "tasks", "choices", data)
    found = {}
    names = ("choices", *write_tasks(place / "tasks", data))
    for backend, more in (("hf", ()), ("vllm", ("--python", VLLM))):
        done = benchtui(
            "run", "--backend", backend, *more, "--tasks", ",".join(names), "--include-path", "tasks", "--no-base",
            "--offline", "--no-readme", "--no-resume", "--chat-template", "off", cwd=place, timeout=1200,
        )  # fmt: skip
        assert done.code == 0, done.err
        run = max((place / "outputs" / "smol" / "benchmarks" / "fine-tuned").iterdir())
        found[backend] = {name: samples_in(run / "lm-eval", name) for name in names}
    return found


@pytest.mark.parametrize("task", ["choices", "letters"])
def test_every_choice_has_the_log_likelihood_of_hf(samples: dict[str, Any], task: str) -> None:
    pairs = zip(samples["hf"][task], samples["vllm"][task], strict=True)
    answers = [both for hf, vllm in pairs for both in zip(hf["resps"], vllm["resps"], strict=True)]
    assert len(answers) == 3 * len(QUESTIONS)
    for ((nats, greedy),), ((other, also),) in answers:
        assert float(nats) == pytest.approx(float(other), abs=CLOSE)
        assert str(greedy) == str(also)


def test_whole_texts_have_the_log_likelihood_of_hf(samples: dict[str, Any]) -> None:
    for hf, vllm in zip(samples["hf"]["rolling"], samples["vllm"]["rolling"], strict=True):
        assert float(hf["resps"][0][0]) == pytest.approx(float(vllm["resps"][0][0]), abs=CLOSE)


def test_greedy_texts_are_those_of_hf(samples: dict[str, Any]) -> None:
    assert [sample["resps"] for sample in samples["vllm"]["writes"]] == [
        sample["resps"] for sample in samples["hf"]["writes"]
    ]
