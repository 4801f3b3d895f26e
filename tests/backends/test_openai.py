"""The whole main job with a model behind a server, whose right answers are known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.worker.answering.openai.fake import Asked, Fake, Reply

pytestmark = pytest.mark.slow

KEY = "sk-secret-key-0123456789"
QUESTIONS = [f"Say {number}" for number in range(20)]


def words(prompt: str) -> str:
    """The answer: the last word of the prompt, and what a task cuts off."""
    return prompt.split()[-1] + " and more"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    data = folder / "data.jsonl"
    data.write_text("".join(f'{{"question": "{question}"}}\n' for question in QUESTIONS))
    (folder / "say.yaml").write_text(
        f"task: say\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: \"{{question.split(' ')[1]}}\"\n"
        "generation_kwargs: {until: [' '], max_gen_toks: 8}\nmetric_list:\n  - metric: exact_match\n"
    )
    return folder


def run(tasks: Path, fake: Fake, *more: str) -> Finished:
    return benchtui(
        "run", "--outputs", tasks.parent / "outputs", "--backend", "openai", "--server", fake.url, "--no-base",
        "--tasks", "say", "--include-path", tasks, *more, cwd=tasks.parent, env={"OPENAI_API_KEY": KEY},
    )  # fmt: skip


def directory(tasks: Path) -> RunDirectory:
    benchmarks = tasks.parent / "outputs" / "fake-1" / "benchmarks" / "fine-tuned"
    (found,) = benchmarks.iterdir()
    return RunDirectory(found)


def score(found: RunDirectory) -> float:
    value = results_in(found.lm_eval)["results"]["say"]["exact_match,none"]
    return float(value)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_a_served_model_is_evaluated_and_the_key_is_written_nowhere(tasks: Path, endpoint: str) -> None:
    def answer(prompt: str) -> str:
        return words(prompt.removesuffix("\n<assistant>"))

    with Fake(answer) as fake:
        done = run(tasks, fake, "--endpoint", endpoint)
        assert done.code == 0, done.err
        found = directory(tasks)
        assert score(found) == 1.0
        keys = [asked.headers.get("Authorization") for asked in fake.asked if asked.path != "/v1/models"]
        assert set(keys[-3:]) == {f"Bearer {KEY}"}, "a list of models that anybody may read is asked without it"
        sent = fake.bodies("/v1/chat/completions" if endpoint == "chat" else "/v1/completions")
        assert all(body["temperature"] == 0 and body["repetition_penalty"] == 1.0 for body in sent)
        assert "seed" not in sent[-1]
    texts = [sample["arguments"] for sample in samples_in(found.lm_eval, "say")]
    assert "Say 3" in str(texts[3])
    written = [file for file in tasks.parent.rglob("*") if file.is_file()]
    assert not [file for file in written if b"sk-secret" in file.read_bytes()]


class Thirteen(Fake):
    """Fails at one document every time, until the test repairs it."""

    broken = True

    def fault(self, asked: Asked) -> Reply | None:
        return Reply(504, {}) if self.broken and asked.body.get("prompt") == "Say 13" else None


def test_one_failure_voids_no_other_and_resume_asks_for_that_one_only(tasks: Path) -> None:
    with Thirteen(words) as fake:
        done = run(tasks, fake)
        assert done.code == 3, done.err
        assert "1 of 20 unanswered (HTTP 504 after 3 tries)" in done.err
        assert answered_requests(directory(tasks).journal) == 19
        fake.broken = False
        before = len(fake.bodies())
        again = benchtui("resume", "--outputs", tasks.parent / "outputs", "--include-path", tasks, cwd=tasks.parent)
        assert again.code == 0, again.err
        asked = [body["prompt"] for body in fake.bodies()[before:]]
        assert [prompt for prompt in asked if prompt != "Hello"] == ["Say 13"]
    assert score(directory(tasks)) == 1.0


def test_a_server_that_is_not_there_leaves_no_results(tasks: Path) -> None:
    fake = Fake(words).start()
    fake.stop()
    done = run(tasks, fake)
    assert done.code == 1
    assert "does not answer" in done.err
    assert not list(tasks.parent.rglob("results_*.json"))


class Hanging(Fake):
    """Never answers one document."""

    def fault(self, asked: Asked) -> Reply | None:
        if asked.body.get("prompt") == "Say 13":
            time.sleep(8)
        return None


@pytest.mark.long
def test_a_request_that_hangs_is_given_up_after_three_tries(tasks: Path) -> None:
    with Hanging(words) as fake:
        done = run(tasks, fake, "--request-timeout", "0.5")
    assert done.code == 3, done.err
    assert "1 of 20 unanswered (no answer within 0.5 s after 3 tries)" in done.err


def test_an_unknown_model_is_answered_with_the_nearest_names(tasks: Path) -> None:
    with Fake(words) as fake:
        done = run(tasks, fake, "--model", "fake-2")
    assert done.code == 2
    assert "has no model 'fake-2'. It has fake-1." in " ".join(done.err.replace("→", "").split())


class Changing(Fake):
    """Has another model after ten answers."""

    def fault(self, asked: Asked) -> Reply | None:
        if len(self.bodies()) > 10:
            self.owned_by, self.window = "fake", 17
        return None

    def model_card(self) -> dict[str, object]:
        return {**super().model_card(), "root": f"weights-{self.window}"}


@pytest.mark.long
def test_a_model_that_changes_makes_the_answers_void(tasks: Path) -> None:
    with Changing(words) as fake:
        done = run(tasks, fake)
    assert done.code == 1, done.err
    assert "has another model than at the start" in done.err
    assert answered_requests(directory(tasks).journal) == 0
