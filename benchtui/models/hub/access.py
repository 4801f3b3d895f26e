"""The small files of a hub model, from the hub or from its cache on this disk; never the weights.

The cache is laid out as models--ORG--NAME/{refs,snapshots}
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.hub.asking import (
    ANSWER_SECONDS,
    COMMIT,
    LOOKUP_SECONDS,
    Repository,
    Unreachable,
    asked,
    checked_endpoint,
    hub_endpoint,
    hub_is_offline,
    quiet,
)
from benchtui.models.hub.cache import hub_cache
from benchtui.text import one_line

SMALL_FILES = (
    "config.json",
    "adapter_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)
CARD = "README.md"
_NAMED_TEMPLATE = re.compile(r"additional_chat_templates/[\w.-]{1,80}\.jinja")

_FILES_SECONDS = 60.0  # the small files, on a slow line
_MAX_SIZED_FILES = 64
_REVISION = re.compile(r"[\w./-]{1,200}", re.ASCII)


@dataclass(frozen=True)
class HubSnapshot:
    """A hub model at one commit.

    `folder` is its snapshot in the cache, with the small files; `sizes` are the repository's files with their bytes
    (None where the hub does not say); `parameters` are counted by dtype, as the hub does it, empty where it does not;
    with `from_cache` the hub was not asked, so `sizes` covers only the files on this disk.
    """

    hub_id: str
    commit: str
    folder: Path
    sizes: Mapping[str, int | None]
    parameters: Mapping[str, int] = field(default_factory=dict)
    from_cache: bool = False
    note: str = ""


def hub_snapshot(hub_id: str, *, revision: str | None = None, offline: bool = False, card: bool = True) -> HubSnapshot:
    """Fetch the small files of `hub_id` at `revision` (main by default) into the cache, with its model card if `card`.
    When the hub cannot be reached, the cached files are used.

    Raises BenchtuiError when the model does not exist, is gated, or is neither on the hub nor in the cache.
    """
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise BenchtuiError(
            f"{one_line(revision, 60)!r} is no revision of a hub model.", "Give a branch, tag or commit."
        )
    if offline or hub_is_offline():
        cached = cached_snapshot(hub_id, revision)
        if cached is None:
            raise _not_cached(hub_id, "benchtui is offline")
        return cached
    try:
        return _fetch(hub_id, revision, card)
    except Unreachable as error:
        cached = cached_snapshot(hub_id, revision, note=f"{error}: the cached copy counts")
        if cached is None:
            raise (error.told or _not_cached(hub_id, str(error))) from None
        return cached


def cached_snapshot(hub_id: str, revision: str | None = None, *, note: str = "") -> HubSnapshot | None:
    """Return what the cache holds of `hub_id` at `revision`, None when nothing; asks nobody."""
    repository = hub_cache() / f"models--{hub_id.replace('/', '--')}"
    commit = _cached_commit(repository, revision)
    if commit is None:
        return None
    folder = repository / "snapshots" / commit
    try:
        sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    except OSError:
        return None
    return HubSnapshot(hub_id, commit, folder, sizes, from_cache=True, note=note) if sizes else None


def _cached_commit(repository: Path, revision: str | None) -> str | None:
    wanted = revision or "main"
    if COMMIT.fullmatch(wanted):
        return wanted
    try:
        commit = (repository / "refs" / wanted).read_text("ascii", "replace").strip()
    except OSError:
        commit = ""
    if COMMIT.fullmatch(commit) or revision is not None:
        return commit if COMMIT.fullmatch(commit) else None
    try:  # fetched by commit, so no branch was recorded: use the newest
        snapshots = [path for path in (repository / "snapshots").iterdir() if COMMIT.fullmatch(path.name)]
        return max(snapshots, key=lambda path: path.stat().st_mtime).name if snapshots else None
    except OSError:
        return None


def _fetch(hub_id: str, revision: str | None, card: bool) -> HubSnapshot:
    from huggingface_hub import HfApi

    endpoint = checked_endpoint()
    quiet()
    repository = Repository("model", hub_id)
    api = HfApi(endpoint=endpoint)
    info = asked(
        repository,
        revision,
        LOOKUP_SECONDS,
        lambda: api.model_info(hub_id, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS),
    )
    commit = str(info.sha or "")
    if not COMMIT.fullmatch(commit):
        raise Unreachable(f"{endpoint} does not answer as a hub does")
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
    wanted = [name for name in (*SMALL_FILES, *((CARD,) if card else ())) if name in sizes]
    if not wanted:
        raise BenchtuiError(
            f"{hub_id} on {endpoint} holds no config.json: it is no model that transformers loads.",
            "Check the name; --base PATH takes a local folder.",
        )
    wanted += [name for name in sizes if _NAMED_TEMPLATE.fullmatch(name)][:_MAX_SIZED_FILES]
    folder = asked(repository, revision, _FILES_SECONDS, lambda: _download(hub_id, wanted, revision, commit))
    sizes |= asked(repository, revision, _FILES_SECONDS, lambda: _missing_sizes(hub_id, commit, sizes))
    parameters = dict(info.safetensors.parameters) if info.safetensors else {}
    return HubSnapshot(hub_id, folder.name, folder, sizes, parameters)


def _download(hub_id: str, names: list[str], revision: str | None, commit: str) -> Path:
    from huggingface_hub import hf_hub_download

    folder = Path()
    for name in names:
        # The first is asked for by branch, so that the cache records the branch's commit.
        at = commit if folder.name else revision or "main"
        path = hf_hub_download(
            hub_id, name, revision=at, cache_dir=hub_cache(), endpoint=hub_endpoint(), etag_timeout=ANSWER_SECONDS
        )
        folder = Path(path).parents[name.count("/")]
        commit = folder.name
    return folder


def _missing_sizes(hub_id: str, commit: str, sizes: Mapping[str, int | None]) -> dict[str, int | None]:
    """Fetch the sizes of weight files that the listing did not give, one short request each."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    unknown = [name for name, size in sizes.items() if size is None and name.endswith((".safetensors", ".bin"))]
    found: dict[str, int | None] = {}
    for name in unknown[:_MAX_SIZED_FILES]:
        url = hf_hub_url(hub_id, name, revision=commit, endpoint=hub_endpoint())
        found[name] = get_hf_file_metadata(url, timeout=ANSWER_SECONDS, endpoint=hub_endpoint()).size
    return found


def _not_cached(hub_id: str, reason: str) -> BenchtuiError:
    return BenchtuiError(
        f"{hub_id} cannot be had: {reason}, and it is not in the cache {hub_cache()}.",
        "Check the network and HF_ENDPOINT, or use --base PATH with a local folder, or --no-base.",
    )
