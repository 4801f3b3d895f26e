"""Checks the Hugging Face hub and its cache."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchtui.doctor.check import Check
from benchtui.models.hub.asking import hub_endpoint, hub_is_offline
from benchtui.models.hub.cache import has_token, hub_cache
from benchtui.models.layout import size_text
from benchtui.text import one_line

_ANSWER_SECONDS = 1.8
_MEASURE_SECONDS = 1.0
_USUAL = "https://huggingface.co"


def check_hub(*, offline: bool = False) -> Iterator[Check]:
    """Check where models and data sets come from, and whether it answers; nobody is asked when `offline`."""
    endpoint = hub_endpoint()
    shown = one_line(endpoint, 100) + ("" if endpoint == _USUAL else " (HF_ENDPOINT)")
    if offline or hub_is_offline():
        why = "--offline" if offline else "HF_HUB_OFFLINE"
        yield Check("Hub", "ok", f"offline by {why}: only what is cached is used, {shown} is not asked")
        return
    token = "a token is set" if has_token() else "no token, so gated and private models are closed"
    refusal = _refusal(endpoint)
    if refusal:
        step = "Check the network and HF_ENDPOINT, or work with what is cached: --offline."
        yield Check("Hub", "warning", f"{shown} cannot be reached ({refusal})", step)
    else:
        yield Check("Hub", "ok", f"{shown} answers; {token}")


def check_cache() -> Iterator[Check]:
    cache = hub_cache()
    if not cache.is_dir():
        yield Check("Hub cache", "ok", f"{cache}, nothing in it yet")
        return
    size, models, datasets, whole = measure_cache(cache, _MEASURE_SECONDS)
    least = "" if whole else "at least "
    counts = f"{models} model{'' if models == 1 else 's'}, {datasets} data set{'' if datasets == 1 else 's'}"
    if os.access(cache, os.W_OK):
        yield Check("Hub cache", "ok", f"{cache}: {least}{size_text(size)}, {counts}")
    else:
        step = "Set HF_HOME to a folder that you may write to, or work offline."
        yield Check("Hub cache", "warning", f"{cache} is read-only: nothing new can be downloaded; {counts}", step)


def measure_cache(cache: Path, seconds: float) -> tuple[int, int, int, bool]:
    """Count bytes, models and data sets in `cache`; also returns whether all of it could be counted within
    `seconds`."""
    end = time.monotonic() + seconds
    size, models, datasets = 0, 0, 0
    for repository in cache.glob("*--*"):
        models += repository.name.startswith("models--")
        datasets += repository.name.startswith("datasets--")
        try:
            with os.scandir(repository / "blobs") as blobs:
                for blob in blobs:
                    size += blob.stat(follow_symlinks=False).st_size
                    if time.monotonic() > end:
                        return size, models, datasets, False
        except OSError:
            continue  # a repository that is being fetched or removed right now
    return size, models, datasets, True


def _refusal(endpoint: str) -> str:
    """Return why `endpoint` does not answer, "" when it does; any HTTP answer is one."""
    if not endpoint.startswith(("http://", "https://")):
        return "it is no web address"
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - http and https only, as just checked
    try:
        # An opener of its own: urlopen keeps the first one, with the proxies of that moment, for the whole process.
        with urllib.request.build_opener().open(request, timeout=_ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        return one_line(str(getattr(error.reason, "strerror", None) or error.reason), 80)
    except (OSError, ValueError) as error:
        return one_line(str(error), 80) or type(error).__name__
