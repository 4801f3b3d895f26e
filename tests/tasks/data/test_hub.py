"""Hub data sets by name: which files are a configuration's split, without running anything of theirs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.cache import cache_folder
from benchtui.tasks.data.hub import HubName, fetch_split, is_hub_id, parse_hub_name
from tests.conftest import Hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hub:m-a-p/MusicTheoryBench", HubName("m-a-p/MusicTheoryBench")),
        ("hub:openai/gsm8k:main", HubName("openai/gsm8k", "main")),
        ("hub:openai/gsm8k:main/test", HubName("openai/gsm8k", "main", "test")),
        ("hub:google/IFEval/train", HubName("google/IFEval", None, "train")),
    ],
)
def test_names(text: str, name: HubName) -> None:
    assert parse_hub_name(text) == name
    assert str(name) == text


@pytest.mark.parametrize("text", ["hub:gsm8k", "hub:a/b/c/d", "hub:../../etc", "hub:a/b:../c", "hub:", "hub:a b/c"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no data set"):
        parse_hub_name(text)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert str(parse_hub_name(text)).removeprefix("hub:") == text.removeprefix("hub:")


def test_bare_ids_among_tasks() -> None:
    assert is_hub_id("m-a-p/MusicTheoryBench")
    assert not any(map(is_hub_id, ("hellaswag", "tasks/mine.yaml", "./a/b", "a/b/c", "../x", "/abs/x")))


class Cached:
    """A data set in the hub's cache, as huggingface_hub lays it out, and the list of its files that benchtui keeps."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def put(
        self, name: str, files: dict[str, str], revision: str = "main", *, listed: tuple[str, ...] | None = ()
    ) -> None:
        """`listed` are files that the hub has besides; None: the list was never kept."""
        folder = self._cache / f"datasets--{name.replace('/', '--')}"
        (folder / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        commit = COMMIT if revision == "main" else COMMIT[::-1]
        (folder / "refs" / revision).write_text(commit)
        if listed is not None:
            listing = cache_folder() / "datasets" / f"{name.replace('/', '--')}-{commit}.json"
            listing.parent.mkdir(parents=True, exist_ok=True)
            listing.write_text(json.dumps([*files, *listed]))
        for file, text in files.items():
            place = folder / "snapshots" / commit / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cached:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    return Cached(tmp_path)


def names(text: str) -> tuple[str, list[str]]:
    found = fetch_split(parse_hub_name(text), offline=True)
    return str(found.name), [path.name for path in found.paths]


def card(configs: str) -> str:
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# A card\n"


def test_the_card_says_which_files_are_a_split(cached: Cached) -> None:
    configs = (
        "- config_name: easy\n  data_files:\n  - {split: test, path: 'data/easy/**/t-*.jsonl'}\n"
        "  - {split: train, path: [a.csv, b.csv]}\n"
        "- config_name: hard\n  data_dir: h\n  data_files: '*.jsonl'"
    )
    files = ["data/easy/t-2.jsonl", "data/easy/x/t-1.jsonl", "data/easy/u-1.jsonl", "a.csv", "b.csv", "h/1.jsonl"]
    cached.put("o/n", {"README.md": card(configs), **dict.fromkeys(files, "{}")})
    assert names("hub:o/n:easy") == ("hub:o/n:easy/test", ["t-2.jsonl", "t-1.jsonl"])
    assert names("hub:o/n:easy/train") == ("hub:o/n:easy/train", ["a.csv", "b.csv"])
    assert names("hub:o/n:hard") == ("hub:o/n:hard/train", ["1.jsonl"])
    with pytest.raises(UsageError, match="has 2 configurations: easy, hard"):
        names("hub:o/n")
    with pytest.raises(UsageError, match="no configuration esay") as refused:
        names("hub:o/n:esay")
    assert "hub:o/n:easy" in refused.value.next_step
    with pytest.raises(UsageError, match="no split dev; its splits: test, train"):
        names("hub:o/n:easy/dev")


def test_without_a_list_the_names_tell_the_split(cached: Cached) -> None:
    cached.put("o/n", {"README.md": "# none", "my-train-0.jsonl": "", "dev/x.jsonl": "", "latest.csv": ""})
    assert names("hub:o/n") == ("hub:o/n/validation", ["x.jsonl"])
    assert names("hub:o/n/train") == ("hub:o/n/train", ["my-train-0.jsonl"])
    cached.put("o/m", {"latest.csv": "", "b.csv": "", ".hidden.csv": "", "contest.csv": ""})
    assert names("hub:o/m") == ("hub:o/m/train", ["b.csv", "contest.csv", "latest.csv"])


def test_a_script_is_not_run_and_the_hubs_own_parquet_is_read(cached: Cached, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    cached.put("o/n", {"README.md": "# none", "n.py": f"open({str(canary)!r}, 'w')"})
    with pytest.raises(UsageError, match=r"no data files that can be read, only README\.md, n\.py"):
        names("hub:o/n")
    cached.put("o/n", {"plain/test/0000.parquet": "", "plain/train/0000.parquet": ""}, "refs/convert/parquet")
    found = fetch_split(parse_hub_name("hub:o/n"), offline=True)
    assert (str(found.name), found.commit) == ("hub:o/n:plain/test", COMMIT[::-1])
    assert any("not run" in line for line in found.said)
    assert not canary.exists()


def test_what_is_not_cached_is_said(cached: Cached) -> None:
    with pytest.raises(BenchtuiError, match="o/n cannot be had: benchtui is offline"):
        names("hub:o/n")
    cached.put("o/p", {"train.jsonl.gz": ""})
    with pytest.raises(UsageError, match="packed files"):
        names("hub:o/p")


def test_part_of_a_data_set_in_the_cache_is_never_the_whole(cached: Cached) -> None:
    cached.put("o/n", {"train-00000-of-00001.jsonl": ""}, listed=("test-00000-of-00001.jsonl",))
    with pytest.raises(BenchtuiError, match=r"test-00000-of-00001\.jsonl cannot be had: benchtui is offline"):
        names("hub:o/n")
    assert names("hub:o/n/train") == ("hub:o/n/train", ["train-00000-of-00001.jsonl"])
    cached.put("o/m", {"train-00000-of-00010.parquet": ""}, listed=None)
    with pytest.raises(UsageError, match="Which splits o/m has is not known"):
        names("hub:o/m")
    with pytest.raises(BenchtuiError, match="Of 10 parts of train in o/m, 1 are there"):
        names("hub:o/m/train")


def test_configurations_by_folder_and_rows_in_several_formats(cached: Cached) -> None:
    configs = (
        "- {config_name: a, data_dir: a}\n- {config_name: b, data_dir: ./b}\n- config_name: c\n  data_files: 'c/**'"
    )
    files = ["a/test.jsonl", "b/test.csv", "b/test.jsonl", "b/more-test.csv", "c/README.md", "c/x.parquet", "c/x.json"]
    cached.put("o/n", {"README.md": card(configs), **dict.fromkeys(files, "")})
    assert names("hub:o/n:a") == ("hub:o/n:a/test", ["test.jsonl"])
    assert names("hub:o/n:b") == ("hub:o/n:b/test", ["more-test.csv", "test.csv"])
    assert names("hub:o/n:c") == ("hub:o/n:c/train", ["x.parquet"])
    found = fetch_split(parse_hub_name("hub:o/n:c"), offline=True)
    assert "Files of one format are read; left out: c/x.json." in found.said


@pytest.mark.parametrize("text", ["---\nconfigs: [\n---\n", "---\nconfigs: {a: 1}\n---\n", card("- 1\n- {}"), "--- "])
def test_a_card_that_makes_no_sense_is_as_none(cached: Cached, text: str) -> None:
    cached.put("o/n", {"README.md": text, "test.jsonl": ""})
    assert names("hub:o/n") == ("hub:o/n/test", ["test.jsonl"])


@pytest.mark.hub
def test_real_data_sets_are_fetched_once_and_found_again_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in hub.env.items():
        monkeypatch.setenv(name, value)
    arrived: list[str] = []
    first = fetch_split(parse_hub_name("hub:openai/gsm8k"), arrived=lambda name, *_: arrived.append(name))
    assert str(first.name) == "hub:openai/gsm8k:main/test"
    assert first.splits == ("train", "test")
    assert len(arrived) == 1
    again = fetch_split(first.name, offline=True)
    assert again.paths == first.paths
    assert fetch_split(parse_hub_name("hub:cais/mmlu:anatomy/dev")).paths[0].name.startswith("dev-")
    assert fetch_split(parse_hub_name("hub:google/IFEval")).paths[0].name == "ifeval_input_data.jsonl"
    with pytest.raises(BenchtuiError, match="There is no data set nobody/nothing"):
        fetch_split(parse_hub_name("hub:nobody/nothing"))
