"""The files of a hub data set at one commit, from the hub or from its cache on this disk.

Nothing of a data set is run: files are listed, and those that are asked for are downloaded.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.files import read_regular, write_atomic
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

CONVERTED = "refs/convert/parquet"
"""The branch where the Hub keeps what it made of a data set as Parquet files, CONFIG/SPLIT/0000.parquet
(https://huggingface.co/docs/dataset-viewer/parquet)."""
_FILES_SECONDS = 24 * 3600.0
"""A data set may be large and the line slow; who waits sees each file that arrives."""
_MAX_FILES = 100_000


@dataclass(frozen=True)
class HubDataset:
    """A data set of the hub at `commit` of `revision`: the names of its `files`.

    With `from_cache` the hub was not asked; `note` says why. `files` are all that there are, or where that was never
    noted (not `whole`) those on this disk.
    """

    name: str
    revision: str
    commit: str
    files: tuple[str, ...]
    from_cache: bool = False
    note: str = ""
    whole: bool = True


def hub_dataset(name: str, listings: Path, *, revision: str = "main", offline: bool = False) -> HubDataset:
    """List the files of the data set `name` (ORG/NAME) at `revision`, or of the cached commit without the hub.

    The list is kept in the folder `listings`: the hub's cache holds only files that were fetched, and cannot tell which
    are missing.

    Raises BenchtuiError when it does not exist, is gated, or is neither on the hub nor in the cache.
    """
    if offline or hub_is_offline():
        return _cached(name, revision, listings, "benchtui is offline")
    try:
        return _listed(name, revision, listings)
    except Unreachable as error:
        try:
            return _cached(name, revision, listings, str(error))
        except BenchtuiError:
            raise (error.told or _not_cached(name, str(error))) from None


def fetch_files(
    dataset: HubDataset, names: Iterable[str], arrived: Callable[[str, int, int], None] = lambda *_: None
) -> list[Path]:
    """Return the files `names` on this disk, downloaded where they are not. `arrived` is told of each: its name, how
    many there are now, how many there will be.

    Raises BenchtuiError where one cannot be had.
    """
    wanted = list(names)
    folder = _repository(dataset.name) / "snapshots" / dataset.commit
    found: list[Path] = []
    for count, name in enumerate(wanted, 1):
        path = folder / name
        found.append(path if path.is_file() else _downloaded(dataset, name))
        arrived(name, count, len(wanted))
    return found


def _downloaded(dataset: HubDataset, name: str) -> Path:
    if dataset.from_cache:
        raise _not_cached(f"{dataset.name}: {name}", dataset.note)
    from huggingface_hub import hf_hub_download

    def download() -> str:
        return hf_hub_download(
            dataset.name,
            name,
            repo_type="dataset",
            # By branch, so that the cache records its commit; another commit than was listed is told below.
            revision=dataset.revision,
            cache_dir=hub_cache(),
            endpoint=hub_endpoint(),
            etag_timeout=ANSWER_SECONDS,
        )

    try:
        path = Path(asked(Repository("dataset", dataset.name), dataset.revision, _FILES_SECONDS, download))
    except Unreachable as error:
        raise (error.told or _not_cached(f"{dataset.name}: {name}", str(error))) from None
    if path.parents[name.count("/")].name != dataset.commit:
        raise BenchtuiError(f"{dataset.name} changed on the hub while it was downloaded.", "Start again.")
    return path


def _listed(name: str, revision: str, listings: Path) -> HubDataset:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=checked_endpoint())
    quiet()
    repository = Repository("dataset", name)
    info = asked(
        repository,
        revision,
        LOOKUP_SECONDS,
        lambda: api.dataset_info(name, revision=revision, timeout=ANSWER_SECONDS),
    )
    commit = str(info.sha or "")
    if not COMMIT.fullmatch(commit):
        raise Unreachable(f"{hub_endpoint()} does not answer as a hub does")
    files = tuple(sibling.rfilename for sibling in (info.siblings or [])[:_MAX_FILES] if _is_safe(sibling.rfilename))
    with contextlib.suppress(OSError):  # a cache that cannot be written is done without
        write_atomic(_listing(name, commit, listings), json.dumps(files))
    return HubDataset(name, revision, commit, files)


def _listing(name: str, commit: str, listings: Path) -> Path:
    return listings / f"{name.replace('/', '--')}-{commit}.json"


def _read_listing(file: Path) -> tuple[str, ...]:
    """Read the names that were noted, none where there is no such list."""
    try:
        names = json.loads(read_regular(file))
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(filter(_is_safe, names))


def _cached(name: str, revision: str, listings: Path, why: str) -> HubDataset:
    repository = _repository(name)
    try:
        commit = (repository / "refs" / revision).read_text("ascii", "replace").strip()
        if not COMMIT.fullmatch(commit):
            raise _not_cached(name, why)
        folder = repository / "snapshots" / commit
        files = tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
    except OSError:
        files = ()
    if not files:
        raise _not_cached(name, why)
    known = _read_listing(_listing(name, commit, listings))
    note = f"{why}: the cached copy counts"
    return HubDataset(name, revision, commit, known or files, from_cache=True, note=note, whole=bool(known))


def _repository(name: str) -> Path:
    return hub_cache() / f"datasets--{name.replace('/', '--')}"


def _is_safe(name: str) -> bool:
    """Return whether a name that the hub lists stays below the folder it is written to."""
    return not name.startswith("/") and ".." not in name.split("/") and "\\" not in name and "\0" not in name


def _not_cached(name: str, reason: str) -> BenchtuiError:
    return BenchtuiError(
        f"{name} cannot be had: {reason}, and it is not in the cache {hub_cache()}.",
        "Check the network and HF_ENDPOINT, or give a file of this disk with --data FILE.",
    )
