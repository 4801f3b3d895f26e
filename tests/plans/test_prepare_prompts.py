"""Base and fine-tuned see the same prompts: one template, one set of the tokens it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.backends.hf import HF
from benchtui.models.selection import find_model
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import PreparedBench, prepare
from benchtui.plans.tasks import plan_tasks
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import load_catalogue
from tests.e2e.tiny import make_tiny_model

TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}\n{% endfor %}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prompts")
    make_tiny_model(place / "base", chat_template=True)
    make_tiny_model(place / "outputs" / "tuned" / "merged_16bit", chat_template=True)
    return place


def prepared(folders: Path, chat_template: str = "auto") -> PreparedBench:
    choice = Choice(
        outputs=folders / "outputs",
        model="tuned",
        base=str(folders / "base"),
        tasks=("hellaswag",),
        chat_template=chat_template,  # type: ignore[arg-type]
    )
    tasks = plan_tasks(choice, Config(), load_catalogue())
    return prepare(choice, find_model(choice.outputs, "tuned", HF), tasks)


def configure(folder: Path, **settings: object) -> None:
    """Rewrite what the tokenizer in `folder` says of itself; None removes."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    file = folder / "tokenizer_config.json"
    content = {**json.loads(file.read_text()), **settings}
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def test_one_template_for_both(folders: Path) -> None:
    tuned, base = folders / "outputs" / "tuned" / "merged_16bit", folders / "base"
    configure(tuned, chat_template=TEMPLATE)
    configure(base, chat_template="{{ messages }}")
    found = prepared(folders)
    assert found.base is not None
    assert found.fine_tuned.prompts == found.base.prompts
    assert found.fine_tuned.prompts.chat_template == TEMPLATE
    assert any("differs" in note for note in found.notes)


def test_tokens_that_the_template_writes_are_the_same_on_both_sides(folders: Path) -> None:
    tuned, base = folders / "outputs" / "tuned" / "merged_16bit", folders / "base"
    configure(tuned, chat_template=TEMPLATE, bos_token={"content": "</s>"}, eos_token="</s>")
    configure(base, chat_template=TEMPLATE, bos_token="<s>", eos_token="<s>")
    found = prepared(folders)
    assert found.base is not None
    assert found.fine_tuned.prompts == found.base.prompts
    assert found.base.prompts.template_tokens == {"bos_token": "</s>"}, "eos_token is not written by the template"
    assert any("bos_token" in note for note in found.notes)


def test_no_template_where_only_one_side_has_one(folders: Path) -> None:
    tuned, base = folders / "outputs" / "tuned" / "merged_16bit", folders / "base"
    configure(tuned, chat_template=TEMPLATE)
    configure(base, chat_template=None)
    found = prepared(folders)
    assert found.fine_tuned.prompts.chat_template is None
    assert any("base model has none" in note for note in found.notes)
    assert prepared(folders, "on").fine_tuned.prompts.chat_template == TEMPLATE
    assert prepared(folders, "off").fine_tuned.prompts.chat_template is None
