"""The chat template and the special tokens of a folder are those that transformers reads, wherever they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.models.describe import describe
from benchtui.models.reading import Unreadable
from benchtui.models.tokenizer.chat_template import SPECIAL_TOKENS, read_chat_template, read_special_tokens
from tests.e2e.tiny import make_tiny_model

A, B, C = ("{{ messages[0]['content'] }} " + letter for letter in "ABC")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("template") / "model")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tokenizer with nothing said about templates."""
    for file in tiny.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    configure(tmp_path, chat_template=None)
    return tmp_path


def configure(folder: Path, **settings: Any) -> None:
    file = folder / "tokenizer_config.json"
    content = {**json.loads(file.read_text()), **settings}
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def named(*templates: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "template": text} for name, text in templates]


LAID_OUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "configuration": {"chat_template": A},
    "file": {"chat_template.jinja": A},
    "file-before-configuration": {"chat_template.jinja": A, "chat_template": B},
    "windows-line-ends": {"chat_template.jinja": "{% for m in messages %}\r\n{{ m['content'] }}\r\n{% endfor %}"},
    "named-in-configuration": {"chat_template": named(("rag", B), ("default", A))},
    "named-twice": {"chat_template": named(("default", B), ("default", A))},
    "named-without-default": {"chat_template": named(("rag", B), ("tool_use", A))},
    "a-mapping": {"chat_template": {"default": A, "rag": B}},
    "file-before-named": {"chat_template.jinja": A, "chat_template": named(("default", B))},
    "more-files": {"chat_template.jinja": A, "additional_chat_templates/rag.jinja": B},
    "more-files-before-configuration": {
        "chat_template.jinja": A,
        "additional_chat_templates/rag.jinja": B,
        "chat_template": C,
    },
    "default-among-more-files": {"chat_template.jinja": A, "additional_chat_templates/default.jinja": B},
    "only-more-files": {"additional_chat_templates/rag.jinja": B, "chat_template": A},
    "processor": {"chat_template.json": json.dumps({"chat_template": A})},
}


@pytest.mark.parametrize("case", LAID_OUT)
def test_it_is_the_one_that_lm_eval_gets_from_transformers(folder: Path, case: str) -> None:
    from lm_eval.api.model import TemplateLM
    from transformers import AutoTokenizer

    for name, content in LAID_OUT[case].items():
        if name == "chat_template":
            configure(folder, chat_template=content)
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content.encode())
    tokenizer = AutoTokenizer.from_pretrained(folder)

    class Model:
        pass

    Model.tokenizer = tokenizer  # type: ignore[attr-defined]
    ours = read_chat_template(folder)
    try:
        theirs = TemplateLM.chat_template(Model(), True)  # type: ignore[arg-type]
    except ValueError:
        assert ours.text is None
        assert "none is called default" in ours.problem
    else:
        assert ours.text == theirs
        assert not ours.problem
    assert describe(folder).chat_template == ours.text


def test_a_template_for_processors_only_is_mentioned(folder: Path) -> None:
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": A}))
    assert "chat_template.json" in read_chat_template(folder).note


def test_a_changed_named_template_is_another_model(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(A)
    before = describe(folder).identity
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "default.jinja").write_text(B)
    assert describe(folder).identity != before


@pytest.mark.parametrize(
    ("content", "says"), [(b"\xff\xfe{", "chat_template.jinja is not UTF-8"), (b"x" * 1_100_000, "larger than 1 MB")]
)
def test_a_file_that_is_no_template_is_named(folder: Path, content: bytes, says: str) -> None:
    (folder / "chat_template.jinja").write_bytes(content)
    with pytest.raises(Unreadable, match=says):
        read_chat_template(folder)


TOKENS: dict[str, dict[str, Any]] = {
    "as-saved": {},
    "objects": {"bos_token": {"content": "<s>", "lstrip": False, "__type": "AddedToken"}, "eos_token": "</s>"},
    "null": {"bos_token": None, "eos_token": "</s>", "pad_token": None},
    "left-out": {"bos_token": ..., "eos_token": ..., "pad_token": ...},
    "in-the-map": {
        "bos_token": ...,
        "added_tokens_decoder": ...,
        "map": {"bos_token": {"content": "<s>"}, "eos_token": "</s>"},
    },
    "map-before-configuration": {"bos_token": "</s>", "added_tokens_decoder": ..., "map": {"bos_token": "<s>"}},
    "map-not-read": {
        "bos_token": "</s>",
        "added_tokens_decoder": {"0": {"content": "<s>", "special": True}, "1": {"content": "</s>", "special": True}},
        "map": {"bos_token": "<s>"},
    },
    "own": {"image_token": "<s>", "extra_special_tokens": {"think_token": "</s>"}},
}


@pytest.mark.parametrize("case", TOKENS)
def test_special_tokens_are_those_that_the_template_is_given(folder: Path, case: str) -> None:
    from transformers import AutoTokenizer

    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    file = folder / "tokenizer_config.json"
    content = json.loads(file.read_text())
    for name, value in TOKENS[case].items():
        if name == "map":
            (folder / "special_tokens_map.json").write_text(json.dumps(value))
        elif value is ...:
            content.pop(name, None)
        else:
            content[name] = value
    file.write_text(json.dumps(content))
    theirs = AutoTokenizer.from_pretrained(folder).special_tokens_map
    ours = dict(read_special_tokens(folder))
    assert {name: text for name, text in ours.items() if text is not None} == theirs
    assert {name for name, text in ours.items() if text is None} == set(SPECIAL_TOKENS) - set(theirs)
