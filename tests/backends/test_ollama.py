"""The whole main job with a model of an Ollama server, whose right answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import Finished, benchtui, results_in
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama

pytestmark = pytest.mark.slow

TEMPLATE = "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }} {% endfor %}[assistant]"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    data = folder / "data.jsonl"
    questions = [f"Say {number} now" for number in range(20)]
    questions[7] = "Say 7\u2028now"  # no end of a line, whatever splitlines thinks
    data.write_text("".join(f'{{"question": "{question}"}}\n' for question in questions), encoding="utf-8")
    (folder / "say.yaml").write_text(
        f"task: say\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: \"{{question.split()[1]}}\"\n"
        "generation_kwargs: {until: [' '], max_gen_toks: 8}\nmetric_list:\n  - metric: exact_match\n"
    )
    (folder / "template.jinja").write_text(TEMPLATE)
    return folder


def number_of(prompt: str) -> str:
    """The answer: the number in a prompt by the right template, and what a task cuts off; else "no"."""
    parts = prompt.split()
    right = len(parts) == 5 and (parts[0], parts[4]) == ("[user]", "[assistant]")
    return f"{parts[2]} and more" if right else "no"


def run(tasks: Path, fake: FakeOllama, *more: str | Path) -> Finished:
    return benchtui(
        "run", "--outputs", tasks.parent / "outputs", "--backend", "ollama", "--no-base", "--include-path", tasks,
        *more, cwd=tasks.parent, env={"OLLAMA_HOST": fake.url.removeprefix("http://"), "OLLAMA_MODELS": str(tasks)},
    )  # fmt: skip


def directory(tasks: Path) -> RunDirectory:
    (found,) = (tasks.parent / "outputs" / "fake-latest" / "benchmarks" / "fine-tuned").iterdir()
    return RunDirectory(found)


def score(tasks: Path) -> float:
    return float(results_in(directory(tasks).lm_eval)["results"]["say"]["exact_match,none"])


def test_a_served_model_is_evaluated_and_what_had_no_answer_is_asked_again(tasks: Path) -> None:
    broken = [True]
    fake = FakeOllama(number_of)
    fake.fault = lambda path, body: (
        (500, {"error": "broken"}) if broken[0] and "Say 13 now" in str(body.get("prompt")) else None
    )
    with serving(fake):
        done = run(tasks, fake, "--tasks", "say", "--chat-template", tasks / "template.jinja", "--max-length", "64")
        assert done.code == 3, done.err
        assert "1 of 20 unanswered (HTTP 500 after 3 tries)" in done.err
        assert answered_requests(directory(tasks).journal) == 19
        assert fake.most <= 4
        broken[0] = False
        before = len(fake.bodies())
        again = benchtui("resume", "--outputs", tasks.parent / "outputs", "--include-path", tasks, cwd=tasks.parent)
        assert again.code == 0, again.err
        asked = [body["prompt"] for body in fake.bodies()[before:]]
        assert [prompt for prompt in asked if "Say" in prompt] == ["[user] Say 13 now [assistant]"]
        assert score(tasks) == 1.0
        settings = directory(tasks).plan().score_settings()
        assert settings["Ollama"] == "0.30.1"
        assert settings["model content"] == "a" * 64
        assert settings["instruction set"]
        wrong = run(tasks, fake, "--tasks", "say", "--model", "fake:lates", "--chat-template", "off")
        assert wrong.code == 2
        assert "It has fake:latest." in " ".join(wrong.err.split())
        needs = run(tasks, fake, "--tasks", "hellaswag", "--chat-template", "off")
        assert needs.code == 2
        words = " ".join(needs.err.split())
        assert (
            "hellaswag needs log-likelihoods; the server (ollama) gives none (they need its GGUF: fake:latest is not"
            in words
        )
    gone = run(tasks, fake, "--tasks", "say")
    assert gone.code == 1
    assert "`ollama serve`" in gone.err
