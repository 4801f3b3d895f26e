"""Files that somebody else wrote are read within bounds, and YAML builds nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.models.reading import (
    MAX_TEXT,
    Unreadable,
    read_bytes,
    read_front_matter,
    read_json,
    read_yaml_scalars,
    yaml_scalars,
)


def test_scalars_by_their_place() -> None:
    text = "model:\n  base_model: a/b\n  inference_model: 'null'\n  other: null\nlist:\n- x\n- k: y\n- [1, 2]\n"
    assert yaml_scalars(text) == {
        ("model", "base_model"): "a/b",
        ("model", "inference_model"): "null",
        ("list", "0"): "x",
        ("list", "1", "k"): "y",
        ("list", "2", "0"): "1",
        ("list", "2", "1"): "2",
    }


def test_only_the_first_document_counts() -> None:
    assert yaml_scalars("a: 1\n---\na: 2\n") == {("a",): "1"}


@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 30_000, "{a: " * 20_000, "? " * 30_000])
def test_deep_nesting_is_refused_and_does_not_end_the_process(text: str) -> None:
    with pytest.raises(Unreadable):
        yaml_scalars(text)


def test_tags_and_aliases_build_nothing() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nd: !!python/object/apply:os.system ['exit 1']\n"
    assert yaml_scalars(bomb)[("d", "0")] == "exit 1"  # text, and nothing was called


def _flat(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in _flat(inner, (*path, key)).items()}
    if isinstance(value, list):
        return {k: v for index, inner in enumerate(value) for k, v in _flat(inner, (*path, str(index))).items()}
    return {path: str(value)}


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        PRINTABLE,
        st.recursive(
            PRINTABLE,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_the_same_scalars_as_a_yaml_loader(content: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(content, default_flow_style=flow, allow_unicode=True)
    assert yaml_scalars(text) == _flat(content)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_scalars_or_a_reason(text: str) -> None:
    try:
        found = yaml_scalars(text)
    except Unreadable as reason:
        assert str(reason).startswith("is not")  # noqa: PT017 - both ways out are fine
    else:
        assert all(isinstance(value, str) for value in found.values())


def test_front_matter_is_read_from_the_start_of_a_card_only(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("---\nbase_model: a/b\ntags:\n- lora\n---\n# Title\nbase_model: not/this\n")
    assert read_front_matter(card)[("base_model",)] == "a/b"
    card.write_text("# Title\n---\nbase_model: not/this\n---\n")
    assert read_front_matter(card) == {}
    card.write_text("---\nbase_model: never/closed\n")
    assert read_front_matter(card) == {}


def test_a_card_of_two_gigabytes_is_not_taken_into_memory(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("---\nbase_model: a/b\n---\n")
    os.truncate(card, 2_000_000_000)
    assert read_front_matter(card)[("base_model",)] == "a/b"
    data, whole = read_bytes(card, MAX_TEXT)
    assert (len(data), whole) == (MAX_TEXT, False)
    os.truncate(card, 3_000_000_000)
    with pytest.raises(Unreadable, match="larger than"):
        read_yaml_scalars(card)
    with pytest.raises(Unreadable, match="larger than"):
        read_json(card)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ' * 50_000, '{"a": ' + "9" * 5000 + "}", "[1]", "", "nul"])
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(Unreadable):
        read_json(path)


def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "loop", "zero", "."):
        with pytest.raises(Unreadable):
            read_bytes(tmp_path / name, 10)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing", 10)
