"""Asking the hub: its address, what its errors mean for a user, and how long an answer may take.

Endpoint and offline state are read from the environment when they are needed, by huggingface_hub's own names and
defaults: HF_ENDPOINT, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from benchtui.errors import BenchtuiError
from benchtui.models.hub.cache import unwritable_cache
from benchtui.text import one_line

ANSWER_SECONDS = 5.0
"""One request."""
LOOKUP_SECONDS = 9.0
"""The first answer of the hub, with DNS and every address it may have."""
COMMIT = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


@dataclass(frozen=True)
class Repository:
    """A repository of the hub, for messages."""

    kind: Literal["model", "dataset"]
    name: str

    @property
    def words(self) -> str:
        return "model" if self.kind == "model" else "data set"

    @property
    def page(self) -> str:
        return self.name if self.kind == "model" else f"datasets/{self.name}"

    @property
    def instead(self) -> str:
        if self.kind == "model":
            return "--base PATH takes a local folder, --no-base goes without."
        return "--data FILE takes a file of this disk."


def hub_endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_is_offline() -> bool:
    """Return whether the environment forbids asking the hub."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


class Unreachable(Exception):  # noqa: N818 - a state of the world, worded for the user
    """The reason why the hub could not be asked; `told` is the message for the user where the hub is not to blame."""

    def __init__(self, why: str, told: BenchtuiError | None = None) -> None:
        super().__init__(why)
        self.told = told


def asked(repository: Repository, revision: str | None, seconds: float, call: Callable[[], T]) -> T:
    """Run `call` and translate the hub's errors into words for a user. Raises BenchtuiError and Unreachable."""
    from huggingface_hub import errors

    http_error: type[Exception] = errors.HfHubHTTPError.__bases__[0]  # httpx's, under whatever name this version has it
    where = hub_endpoint()
    try:
        return _within(seconds, call)
    except errors.GatedRepoError:
        raise BenchtuiError(
            f"{repository.name} is gated: its owner lets nobody in without a token.",
            f"Accept its terms at {where}/{repository.page}, then set HF_TOKEN or run `hf auth login`.",
        ) from None
    except errors.RevisionNotFoundError:
        raise BenchtuiError(
            f"{repository.name} on {where} has no revision {revision!r}.", "Check its branches and tags."
        ) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError, errors.DisabledRepoError):
        raise BenchtuiError(
            f"There is no {repository.words} {repository.name} on {where}, or it is private.",
            f"Check the name, or set HF_TOKEN; {repository.instead}",
        ) from None
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        hint = ", is HF_TOKEN right?" if code in (401, 403) else ""
        raise Unreachable(f"{where} answered with an error ({code}{hint})") from None
    except TimeoutError:
        raise Unreachable(f"{where} did not answer within {seconds:.0f} s") from None
    except (http_error, OSError) as error:
        if unwritable := unwritable_cache(error):
            raise Unreachable(unwritable.what.rstrip("."), unwritable) from None
        reason = one_line(str(error).replace("[Errno ", "[error "), 100)
        raise Unreachable(f"{where} cannot be reached ({reason or type(error).__name__})") from None
    except (ValueError, KeyError, TypeError):
        raise Unreachable(f"{where} does not answer as a hub does") from None


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


def checked_endpoint() -> str:
    endpoint = hub_endpoint()
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./-]*)?|https?://\[[0-9a-fA-F:]+\](:\d+)?", endpoint):
        raise BenchtuiError(
            f"HF_ENDPOINT is {one_line(endpoint, 80)!r}, which is no web address.", "Correct or unset it."
        )
    return endpoint


def quiet() -> None:
    """Silence the hub library's bars and warnings, which would damage our display."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS"):
        disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
