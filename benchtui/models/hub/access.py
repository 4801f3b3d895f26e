"""The small files of a hub model, from the hub or from its cache on this disk; never the weights.

Endpoint, cache and offline state are read from the environment when they are needed, by huggingface_hub's own names
and defaults: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE. The cache is laid out as
models--ORG--NAME/{refs,snapshots} (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchtui.errors import BenchtuiError
from benchtui.models.hub.cache import hub_cache, unwritable_cache
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

_ANSWER_SECONDS = 5.0  # one request
_LOOKUP_SECONDS = 9.0  # the first answer of the hub, with DNS and every address it may have
_FILES_SECONDS = 60.0  # the small files, on a slow line
_MAX_SIZED_FILES = 64
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[\w./-]{1,200}", re.ASCII)

T = TypeVar("T")


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


def hub_endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_is_offline() -> bool:
    """Return whether the environment forbids asking the hub."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


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
    except _Unreachable as error:
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


class _Unreachable(Exception):  # noqa: N818 - a state of the world, worded for the user
    """The reason why the hub could not be asked; `told` is the message for the user where the hub is not to blame."""

    def __init__(self, why: str, told: BenchtuiError | None = None) -> None:
        super().__init__(why)
        self.told = told


def _cached_commit(repository: Path, revision: str | None) -> str | None:
    wanted = revision or "main"
    if _COMMIT.fullmatch(wanted):
        return wanted
    try:
        commit = (repository / "refs" / wanted).read_text("ascii", "replace").strip()
    except OSError:
        commit = ""
    if _COMMIT.fullmatch(commit) or revision is not None:
        return commit if _COMMIT.fullmatch(commit) else None
    try:  # fetched by commit, so no branch was recorded: use the newest
        snapshots = [path for path in (repository / "snapshots").iterdir() if _COMMIT.fullmatch(path.name)]
        return max(snapshots, key=lambda path: path.stat().st_mtime).name if snapshots else None
    except OSError:
        return None


def _fetch(hub_id: str, revision: str | None, card: bool) -> HubSnapshot:
    from huggingface_hub import HfApi

    endpoint = _checked_endpoint()
    _quiet()
    api = HfApi(endpoint=endpoint)
    info = _asked(
        hub_id,
        revision,
        _LOOKUP_SECONDS,
        lambda: api.model_info(hub_id, revision=revision, files_metadata=True, timeout=_ANSWER_SECONDS),
    )
    commit = str(info.sha or "")
    if not _COMMIT.fullmatch(commit):
        raise _Unreachable(f"{endpoint} does not answer as a hub does")
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
    wanted = [name for name in (*SMALL_FILES, *((CARD,) if card else ())) if name in sizes]
    if not wanted:
        raise BenchtuiError(
            f"{hub_id} on {endpoint} holds no config.json: it is no model that transformers loads.",
            "Check the name; --base PATH takes a local folder.",
        )
    wanted += [name for name in sizes if _NAMED_TEMPLATE.fullmatch(name)][:_MAX_SIZED_FILES]
    folder = _asked(hub_id, revision, _FILES_SECONDS, lambda: _download(hub_id, wanted, revision, commit))
    sizes |= _asked(hub_id, revision, _FILES_SECONDS, lambda: _missing_sizes(hub_id, commit, sizes))
    parameters = dict(info.safetensors.parameters) if info.safetensors else {}
    return HubSnapshot(hub_id, folder.name, folder, sizes, parameters)


def _download(hub_id: str, names: list[str], revision: str | None, commit: str) -> Path:
    from huggingface_hub import hf_hub_download

    folder = Path()
    for name in names:
        # The first is asked for by branch, so that the cache records the branch's commit.
        at = commit if folder.name else revision or "main"
        path = hf_hub_download(
            hub_id, name, revision=at, cache_dir=hub_cache(), endpoint=hub_endpoint(), etag_timeout=_ANSWER_SECONDS
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
        found[name] = get_hf_file_metadata(url, timeout=_ANSWER_SECONDS, endpoint=hub_endpoint()).size
    return found


def _asked(hub_id: str, revision: str | None, seconds: float, call: Callable[[], T]) -> T:
    """Run `call` and translate the hub's errors into words for a user. Raises BenchtuiError, _Unreachable."""
    from huggingface_hub import errors

    http_error: type[Exception] = errors.HfHubHTTPError.__bases__[0]  # httpx's, under whatever name this version has it
    where = hub_endpoint()
    try:
        return _within(seconds, call)
    except errors.GatedRepoError:
        raise BenchtuiError(
            f"{hub_id} is gated: its owner lets nobody in without a token.",
            f"Accept its terms at {where}/{hub_id}, then set HF_TOKEN or run `hf auth login`.",
        ) from None
    except errors.RevisionNotFoundError:
        raise BenchtuiError(
            f"{hub_id} on {where} has no revision {revision!r}.", "Check its branches and tags."
        ) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError, errors.DisabledRepoError):
        raise BenchtuiError(
            f"There is no model {hub_id} on {where}, or it is private.",
            "Check the name, or set HF_TOKEN; --base PATH takes a local folder, --no-base goes without.",
        ) from None
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        hint = ", is HF_TOKEN right?" if code in (401, 403) else ""
        raise _Unreachable(f"{where} answered with an error ({code}{hint})") from None
    except TimeoutError:
        raise _Unreachable(f"{where} did not answer within {seconds:.0f} s") from None
    except (http_error, OSError) as error:
        if unwritable := unwritable_cache(error):
            raise _Unreachable(unwritable.what.rstrip("."), unwritable) from None
        reason = one_line(str(error).replace("[Errno ", "[error "), 100)
        raise _Unreachable(f"{where} cannot be reached ({reason or type(error).__name__})") from None
    except (ValueError, KeyError, TypeError):
        raise _Unreachable(f"{where} does not answer as a hub does") from None


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Run `call()` in a thread that is abandoned when it takes longer. Raises TimeoutError and what `call` raises.

    A request's own time limit applies to each address tried and not to DNS, so it does not limit the whole.
    """
    answers: queue.Queue[tuple[bool, Any]] = queue.Queue(1)

    def work() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - handed over and raised below
            answers.put((False, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        done, value = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if not done:
        raise value
    answer: T = value
    return answer


def _checked_endpoint() -> str:
    endpoint = hub_endpoint()
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./-]*)?|https?://\[[0-9a-fA-F:]+\](:\d+)?", endpoint):
        raise BenchtuiError(
            f"HF_ENDPOINT is {one_line(endpoint, 80)!r}, which is no web address.", "Correct or unset it."
        )
    return endpoint


def _quiet() -> None:
    """Silence the hub library's bars and warnings, which would damage our display."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS"):
        disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _not_cached(hub_id: str, reason: str) -> BenchtuiError:
    return BenchtuiError(
        f"{hub_id} cannot be had: {reason}, and it is not in the cache {hub_cache()}.",
        "Check the network and HF_ENDPOINT, or use --base PATH with a local folder, or --no-base.",
    )
