"""Broken folders are listed with what is wrong, and never stop the others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.models.base import find_base
from benchtui.models.discovery import discover, inspect_model
from tests.models.model_folders import adapter, cut, full_model, gguf, sharded_model, weights, write_json


def _config_not_json(m: Path) -> None:
    (full_model(m / "merged_16bit") / "config.json").write_text('{"model_type": "llama"\n')


def _config_list(m: Path) -> None:
    write_json(full_model(m / "merged_16bit") / "config.json", ["llama"])


def _config_missing(m: Path) -> None:
    (full_model(m / "merged_16bit") / "config.json").unlink()


def _config_is_a_pipe(m: Path) -> None:
    config = full_model(m / "merged_16bit") / "config.json"
    config.unlink()
    os.mkfifo(config)


def _config_binary(m: Path) -> None:
    (full_model(m / "merged_16bit") / "config.json").write_bytes(b"\xff\xfe\x00\x01")


def _cut_short(m: Path) -> None:
    cut(full_model(m / "merged_16bit") / "model.safetensors")


def _cut_in_header(m: Path) -> None:
    os.truncate(full_model(m / "merged_16bit") / "model.safetensors", 20)


def _too_long(m: Path) -> None:
    with (full_model(m / "merged_16bit") / "model.safetensors").open("ab") as file:
        file.write(b"more")


def _empty_weights(m: Path) -> None:
    (full_model(m / "merged_16bit") / "model.safetensors").write_bytes(b"")


def _html_weights(m: Path) -> None:
    (full_model(m / "merged_16bit") / "model.safetensors").write_bytes(b"<!doctype html><p>Sign in" * 20)


def _lfs_pointer(m: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (full_model(m / "merged_16bit") / "model.safetensors").write_bytes(pointer)


def _no_weights(m: Path) -> None:
    (full_model(m / "merged_16bit") / "model.safetensors").unlink()


def _other_weights(m: Path) -> None:
    (full_model(m / "merged_16bit") / "model.safetensors").rename(m / "merged_16bit" / "hf_model_0001_0.pt")


def _shards_missing(m: Path) -> None:
    folder = sharded_model(m / "merged_16bit")
    for name in ("model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"):
        (folder / name).unlink()


def _shard_cut(m: Path) -> None:
    cut(sharded_model(m / "merged_16bit") / "model-00002-of-00003.safetensors")


def _index_missing(m: Path) -> None:
    (sharded_model(m / "merged_16bit") / "model.safetensors.index.json").unlink()


def _index_broken(m: Path) -> None:
    (sharded_model(m / "merged_16bit") / "model.safetensors.index.json").write_text("{}")


def _index_leads_out(m: Path) -> None:
    index = {"weight_map": {"a": "../../../etc/passwd"}}
    write_json(sharded_model(m / "merged_16bit") / "model.safetensors.index.json", index)


def _only_pickles(m: Path) -> None:
    (full_model(m / "merged_16bit") / "model.safetensors").rename(m / "merged_16bit" / "pytorch_model.bin")


def _no_tokenizer(m: Path) -> None:
    full_model(m / "merged_16bit", tokenizer=False)


def _adapter_without_weights(m: Path) -> None:
    (adapter(m / "lora") / "adapter_model.safetensors").unlink()


def _adapter_without_config(m: Path) -> None:
    (adapter(m / "lora") / "adapter_config.json").unlink()


def _adapter_pickled(m: Path) -> None:
    (adapter(m / "lora") / "adapter_model.safetensors").rename(m / "lora" / "adapter_model.bin")


def _gguf_is_text(m: Path) -> None:
    gguf(m / "gguf" / "m.gguf").write_text("<html>")


def _gguf_folder_empty(m: Path) -> None:
    (m / "gguf").mkdir()


def _metrics_broken(m: Path) -> None:
    (full_model(m) / "training_metrics.json").write_text("{")


def _weights_link_to_nothing(m: Path) -> None:
    path = full_model(m / "merged_16bit") / "model.safetensors"
    path.unlink()
    path.symlink_to("gone")


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (_config_not_json, "config.json is not JSON (line 2)"),
    (_config_list, "config.json is not a JSON object"),
    (_config_missing, "config.json is missing"),
    (_config_is_a_pipe, "config.json is not a regular file"),
    (_config_binary, "config.json is not JSON"),
    (_cut_short, "model.safetensors is cut short"),
    (_cut_in_header, "model.safetensors is cut short"),
    (_too_long, "model.safetensors is longer than its header says"),
    (_empty_weights, "model.safetensors is empty"),
    (_html_weights, "model.safetensors is not a safetensors file"),
    (_lfs_pointer, "git lfs pull"),
    (_no_weights, "no weights"),
    (_other_weights, "found hf_model_0001_0.pt"),
    (_shards_missing, "model-00002-of-00003.safetensors and 1 more of 3 shards are missing"),
    (_shard_cut, "model-00002-of-00003.safetensors is cut short"),
    (_index_missing, "model.safetensors.index.json is missing"),
    (_index_broken, "model.safetensors.index.json is not a list of shards"),
    (_index_leads_out, "not a file of this folder"),
    (_only_pickles, "only pickled weights (pytorch_model.bin)"),
    (_no_tokenizer, "no tokenizer"),
    (_adapter_without_weights, "adapter_model.safetensors is missing"),
    (_adapter_without_config, "adapter_config.json is missing"),
    (_adapter_pickled, "only pickled weights (adapter_model.bin)"),
    (_gguf_is_text, "is not a GGUF file"),
    (_gguf_folder_empty, "no .gguf file"),
    (_metrics_broken, "training_metrics.json is not JSON"),
    (_weights_link_to_nothing, "link to nothing"),
]


@pytest.mark.parametrize(("spoil", "expected"), BROKEN, ids=[spoil.__name__.strip("_") for spoil, _ in BROKEN])
def test_what_is_wrong_is_said_and_the_others_are_listed(
    tmp_path: Path, spoil: Callable[[Path], None], expected: str
) -> None:
    full_model(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    spoil(tmp_path / "bad")
    found = {model.name: model for model in discover(tmp_path)}
    assert found["good"].usable
    assert found["good"].all_problems == ()
    assert any(expected in problem for problem in found["bad"].all_problems), found["bad"].all_problems
    if spoil is not _metrics_broken:
        assert not found["bad"].usable


def test_pickles_are_usable_only_when_allowed(tmp_path: Path) -> None:
    _only_pickles(tmp_path / "m")
    (form,) = inspect_model(tmp_path / "m").formats
    assert form.pickled
    assert not form.usable()
    assert form.usable(allow_pickle=True)
    assert form.bytes > 0


def test_the_size_of_a_cut_file_is_told_against_the_whole(tmp_path: Path) -> None:
    path = weights(full_model(tmp_path / "m") / "model.safetensors", numbers=10_000)
    whole = path.stat().st_size
    cut(path, 7)
    assert f"{whole - 7:,} of {whole:,} bytes" in inspect_model(tmp_path / "m").formats[0].problem
    cut(path, 10_000)
    assert "10.2 KB of 20.2 KB" in inspect_model(tmp_path / "m").formats[0].problem


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    full_model(tmp_path / "good")
    full_model(tmp_path / "locked").chmod(0)
    try:
        found = {model.name: model for model in discover(tmp_path)}
        assert "cannot be listed" in found["locked"].problems[0]
    finally:
        (tmp_path / "locked").chmod(0o755)


def test_names_with_control_characters_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    full_model(tmp_path / "red\x1b[31m\nsecond line")
    full_model(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")))
    assert all(model.usable for model in discover(tmp_path))


JUNK = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
        max_leaves=15,
    ).map(lambda value: json.dumps(value).encode()),
)
FILES = st.sampled_from(
    [
        "config.json", "adapter_config.json", "model.safetensors", "adapter_model.safetensors", "README.md",
        "model.safetensors.index.json", "training_metrics.json", "training_params.yaml", "tokenizer.json", "m.gguf",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(files=st.dictionaries(FILES, JUNK, max_size=6), place=st.sampled_from(["", "lora", "merged_16bit", "gguf"]))
def test_random_junk_never_stops_the_listing(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], place: str
) -> None:
    outputs = tmp_path_factory.mktemp("outputs")
    folder = outputs / "m" / place
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (model,) = discover(outputs)
    assert model.formats or model.problems
    for form in model.formats:
        find_base(model, form)
