"""References of tasks become documents: behind the prompts of a benchmark, as lm-eval itself writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.source import HubSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import TaskReferences, TokenModel, TokensPlan
from benchtui.runs.events import Event, Warned
from benchtui.tasks.suites import TaskPlan
from benchtui.tokens.records import TokenDocument
from benchtui.worker.report import Reporter
from benchtui.worker.tokens.texts.references import reference_documents
from tests.e2e.local_tasks import write_data

DATA = [
    {"q": "one", "a": "eins", "choices": ["zwei", "eins"], "gold": 1, "text": "one two"},
    {"q": "two", "a": "zwei", "choices": ["zwei", "eins"], "gold": 0, "text": "three four"},
    {"q": "three", "a": "", "choices": ["drei", "vier"], "gold": 0, "text": "five"},
]
GENERATE = "output_type: generate_until\ndoc_to_text: \"Q: {{q}}\\nA:\"\ndoc_to_target: '{{a}}'\nfewshot_split: test\n"
CHOICES = "output_type: multiple_choice\ndoc_to_text: '{{q}}'\ndoc_to_choice: '{{choices}}'\ndoc_to_target: gold\n"


class Events:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


class Chat:
    name = "chat"

    def render(self, messages: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        text = "".join(f"<{message['role']}>{message['content']}" for message in messages)
        return text + ("<assistant>" if add_generation_prompt else "")


def read(
    folder: Path, yaml: str, *, shots: int | None = None, limit: float | None = None, chat: Chat | None = None,
    events: Events | None = None,
) -> list[TokenDocument]:  # fmt: skip
    data = write_data(folder / "data.jsonl", DATA)
    file = folder / "made.yaml"
    header = f"task: made\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
    file.write_text(header + yaml)
    texts = TaskReferences((TaskPlan("made", shots, limit),), {"made": str(file)}, {}, {"made": ("made",)})
    prompts = PromptSettings(chat_template="a template" if chat is not None else None)
    model = TokenModel(label="m", source=HubSource("m", "identity"), prompts=prompts, backend="hf")
    plan = TokensPlan(model_name="m", bench_id="b", created="2026-11-28T10:00:00+00:00", models=(model,), texts=texts)
    return reference_documents(plan, texts, chat, Reporter(events or Events()), lambda: None)


def texts(documents: list[TokenDocument]) -> list[tuple[str, str]]:
    return [(document.prompt, document.answer) for document in documents]


def test_a_task_that_generates_has_its_target_behind_the_delimiter(tmp_path: Path) -> None:
    events = Events()
    documents = read(tmp_path, GENERATE, events=events)
    assert texts(documents) == [("Q: one\nA:", " eins"), ("Q: two\nA:", " zwei")]
    first = documents[0]
    assert (first.place, first.group, first.written_by, first.span) == ("made #0", "made/0", "reference", None)
    assert len(first.doc_hash) == 64
    assert events.warnings == ["made: 1 documents without a reference are left out."]


def test_examples_stand_before_the_prompt_and_look_like_the_reference(tmp_path: Path) -> None:
    for prompt, answer in texts(read(tmp_path, GENERATE, shots=1)):
        example, _, question = prompt.rpartition("\n\n")
        assert question.startswith("Q: ")
        assert example.startswith("Q: ")
        if answer == " eins":
            assert question == "Q: one\nA:"


def test_a_chat_template_takes_the_delimiters_place(tmp_path: Path) -> None:
    documents = read(tmp_path, GENERATE, chat=Chat())
    assert texts(documents)[0] == ("<user>Q: one\nA:<assistant>", "eins")


def test_what_begins_the_answer_belongs_to_the_prompt(tmp_path: Path) -> None:
    yaml = GENERATE + "gen_prefix: 'The answer is'\n"
    assert texts(read(tmp_path, yaml))[0] == ("Q: one\nA: The answer is", " eins")


def test_of_choices_the_right_one_is_the_reference(tmp_path: Path) -> None:
    documents = read(tmp_path, CHOICES)
    assert texts(documents) == [("one", " eins"), ("two", " zwei"), ("three", " drei")]
    assert documents[0].span == (0, 5)
    by_name = CHOICES.replace("doc_to_target: gold", "doc_to_target: '{{choices[gold]}}'")
    assert texts(read(tmp_path, by_name)) == texts(documents)


def test_of_beginnings_the_right_one_is_the_prompt(tmp_path: Path) -> None:
    yaml = "output_type: multiple_choice\ndoc_to_text: gold\ndoc_to_choice: '{{choices}}'\ndoc_to_target: '{{q}}'\n"
    assert texts(read(tmp_path, yaml))[:2] == [("eins", " one"), ("zwei", " two")]


def test_a_text_of_a_perplexity_task_has_no_prompt(tmp_path: Path) -> None:
    yaml = "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{text}}'\n"
    yaml += "metric_list: [{metric: word_perplexity}]\n"
    assert texts(read(tmp_path, yaml, limit=2)) == [("", "one two"), ("", "three four")]


def test_a_loglikelihood_task_has_its_continuation(tmp_path: Path) -> None:
    yaml = "output_type: loglikelihood\ndoc_to_text: '{{q}}'\ndoc_to_target: ' {{a}}'\nmetric_list: [{metric: acc}]\n"
    assert texts(read(tmp_path, yaml, limit=2)) == [("one", " eins"), ("two", " zwei")]


@pytest.mark.parametrize("target", ["0", "' '"])
def test_a_task_without_references_is_refused_by_name(tmp_path: Path, target: Any) -> None:
    yaml = GENERATE.replace("doc_to_target: '{{a}}'", f"doc_to_target: {target}")
    with pytest.raises(BenchtuiError, match="Task made has no references"):
        read(tmp_path, yaml)
