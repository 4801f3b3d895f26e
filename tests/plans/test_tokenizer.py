"""--tokenizer and --tokenizer-checkpoint: which files a model's tokenizer is then made of."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.backends.access import Access
from benchtui.backends.registry import find_backend
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.run import command
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.reading import Unreadable
from benchtui.models.selection import find_model
from benchtui.models.source import FolderSource
from benchtui.models.tokenizer.vocabulary import tokens_of_json, tokens_of_model
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import PreparedBench, prepare
from benchtui.plans.tasks import plan_tasks
from benchtui.settings.config import Config
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from tests.models.model_folders import full_model, write_json

HF = find_backend("hf")
TOKENS = {"<unk>": 0, "<s>": 1, "</s>": 2, "\u2581the": 3, "Ġcat": 4, "ä": 5}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")
    full_model(tmp_path / "base")
    full_model(tmp_path / "outputs" / "tuned" / "merged_16bit")
    return tmp_path


def tokenizer(folder: Path, tokens: dict[str, int] = TOKENS, template: str = "") -> Path:
    write_json(folder / "tokenizer.json", {"version": "1.0", "model": {"type": "BPE", "vocab": tokens}})
    write_json(folder / "tokenizer_config.json", {"eos_token": "</s>", "chat_template": template or None})
    return folder


def prepared(catalogue: Catalogue, named: Path | str) -> PreparedBench:
    choice = Choice(Path("outputs"), model="tuned", base="base", offline=True, more={"tokenizer": str(named)})
    tasks = plan_tasks(Choice(Path("outputs"), tasks=("arc_easy",)), Config(), catalogue)
    return prepare(choice, find_model(choice.outputs, "tuned", HF), tasks)


def source(made: PreparedBench) -> FolderSource:
    assert isinstance(made.fine_tuned.source, FolderSource)
    return made.fine_tuned.source


def test_a_folder_is_used_for_the_evaluated_model_and_counts(place: Path, catalogue: Catalogue) -> None:
    without = prepared(catalogue, "none")
    assert source(without).tokenizer is None
    folder = tokenizer(place / "tokens", template="{{ messages }}")
    made = prepared(catalogue, "tokens")
    assert source(made).tokenizer == source(made).tokenizer_place == str(folder)
    assert made.base is not None
    assert made.base.fingerprint == without.base.fingerprint if without.base else False
    assert made.fine_tuned.fingerprint != without.fine_tuned.fingerprint
    assert HF.identify(source(made), Access()) == source(made).identity
    assert prepared(catalogue, folder / "tokenizer.json").fine_tuned.fingerprint == made.fine_tuned.fingerprint
    tokenizer(folder, TOKENS | {"dog": 6}, template="{{ messages }}")
    assert prepared(catalogue, folder).fine_tuned.fingerprint != made.fine_tuned.fingerprint, "its content counts"
    assert HF.identify(source(made), Access()) != source(made).identity


def test_a_model_without_a_tokenizer_takes_the_named_one(place: Path, catalogue: Catalogue) -> None:
    (place / "outputs" / "tuned" / "merged_16bit" / "tokenizer.json").unlink()
    with pytest.raises(BenchtuiError, match="no tokenizer"):
        prepared(catalogue, "none")
    assert source(prepared(catalogue, tokenizer(place / "tokens"))).tokenizer == str(place / "tokens")


def test_more_tokens_than_the_embedding_has_rows(place: Path, catalogue: Catalogue) -> None:
    folder = tokenizer(place / "tokens", {f"t{number}": number for number in range(600)})
    assert any("600 tokens" in warning for warning in prepared(catalogue, folder).warnings)
    write_json(folder / "tokenizer_config.json", {"bos_token": "<s>"})
    added = [{"id": 600, "content": "<s>"}]
    write_json(folder / "tokenizer.json", {"added_tokens": added, "model": {"vocab": TOKENS}})
    with pytest.raises(BenchtuiError, match="does not fit"):
        prepared(catalogue, folder)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere", "nowhere is not there"),
        ("llama2_tokenizer", "llama2_tokenizer is torchtune's name of a kind of tokenizer"),
        ("alone/tokenizer.json", "there is no tokenizer_config.json"),
        ("empty", "holds no tokenizer"),
        ("notes.txt", "neither a tokenizer.json nor a tokenizer.model"),
        ("cut", "is cut short"),
    ],
)
def test_what_is_no_tokenizer_is_one_line(named: str, said: str, place: Path, catalogue: Catalogue) -> None:
    write_json(place / "alone" / "tokenizer.json", {"model": {}})
    (place / "empty").mkdir()
    (place / "notes.txt").write_text("x")
    (tokenizer(place / "cut") / "tokenizer.json").write_text('{"model": ')
    with pytest.raises(BenchtuiError) as caught:
        prepared(catalogue, named)
    assert said in caught.value.what
    assert "\n" not in str(caught.value)


def sentencepiece(tokens: dict[str, int]) -> bytes:
    """What SentencePiece writes: a message for each piece (text, score, kind), then the trainer's settings."""
    written = b""
    for text, number in tokens.items():
        piece = (
            b"\x0a" + bytes([len(text.encode())]) + text.encode() + b"\x15" + struct.pack("<f", -number) + b"\x18\x01"
        )
        written += b"\x0a" + bytes([len(piece)]) + piece
    return written + b"\x12\x03\x1a\x01x"


def tiktoken(tokens: list[bytes]) -> bytes:
    return b"".join(base64.b64encode(token) + f" {number}\n".encode() for number, token in enumerate(tokens))


def test_a_tokenizer_model_with_the_models_own_tokens(place: Path, catalogue: Catalogue) -> None:
    own = tokenizer(place / "outputs" / "tuned" / "merged_16bit")
    (place / "tokenizer.model").write_bytes(sentencepiece(TOKENS))
    made = prepared(catalogue, "tokenizer.model")
    assert made.fine_tuned.fingerprint == prepared(catalogue, "none").fine_tuned.fingerprint
    assert any("tokenizer.model has the 6 tokens of" in note for note in made.notes)
    for others in ({**TOKENS, "dog": 6}, {**TOKENS, "ä": 4, "Ġcat": 5}, dict(list(TOKENS.items())[:-1])):
        (place / "tokenizer.model").write_bytes(sentencepiece(dict(sorted(others.items(), key=lambda one: one[1]))))
        with pytest.raises(UsageError, match="differ, first in") as caught:
            prepared(catalogue, "tokenizer.model")
        assert "pip install sentencepiece" in caught.value.next_step
    write_json(own / "tokenizer.json", {"model": {"type": "BPE", "vocab": {"a": 0, "Ġcat": 1, "Ã¤": 2}}})
    (place / "tokenizer.model").write_bytes(tiktoken([b"a", b" cat", "ä".encode()]))
    assert any("has the 3 tokens" in note for note in prepared(catalogue, "tokenizer.model").notes)


def test_a_unigram_vocabulary_is_a_list(place: Path) -> None:
    write_json(place / "tokenizer.json", {"model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5]]}})
    assert tokens_of_json(place / "tokenizer.json") == {"<unk>": 0, "a": 1}


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda data: b"\x0a" + bytes([len(data)]) + data))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.model"
    file.write_bytes(data)
    with contextlib.suppress(Unreadable):
        assert tokens_of_model(file)


def parsed(line: str) -> Choice:
    with command.make_context("run", line.split()) as context:
        return choice_from_flags(context.params)


def test_the_two_flags_as_torchtune_has_them() -> None:
    meant = parsed("--tokenizer t/tokenizer.model")
    assert meant.more["tokenizer"] == "t/tokenizer.model"
    assert parsed("--tokenizer-checkpoint t/tokenizer.model") == meant
    assert parsed("--tokenizer llama2_tokenizer --tokenizer-checkpoint t/tokenizer.model") == meant
    assert parsed("--tokenizer-checkpoint t/tokenizer.model --tokenizer llama2_tokenizer") == meant
    with pytest.raises(UsageError, match="say the same setting"):
        parsed("--tokenizer other --tokenizer-checkpoint t/tokenizer.model")


def test_the_json_of_a_broken_vocabulary_is_refused(place: Path) -> None:
    for content in ("{}", '{"model": {"vocab": 3}}', json.dumps({"model": {"vocab": {"a": "b"}}})):
        (place / "tokenizer.json").write_text(content)
        with pytest.raises(Unreadable):
            tokens_of_json(place / "tokenizer.json")
