"""One HTTP client for every server: an address, its key, bounded answers, and failures told apart."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import BusyError, LostError, PassingError, RefusedError, said
from benchtui.worker.answering.http.lines import LineTooLongError

LARGEST_ANSWER = 256 * 2**20
"""Bytes of one answer: the log-probabilities of a whole vocabulary at one position are 5 MB of JSON."""
CONNECT_SECONDS = 5.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Address:
    """Where a server is: `url` without a path that the routes begin with, and the environment's variable that has its
    key. The key itself is read when a client is made, sent in one header, and kept nowhere else."""

    url: str
    key_variable: str = "OPENAI_API_KEY"

    @property
    def name(self) -> str:
        """What messages call the server."""
        return one_line(self.url, 200)


class HttpClient:
    """Asks one server. `timeout` is the longest silence, in seconds, within one request.

    Every method makes one try. They raise BusyError, LostError, PassingError and RefusedError of `failures.py`;
    `refused`, where it is given, may turn an answer that is not 2xx (status, JSON or text of it) into another
    exception; it is not asked where the server is only busy.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout: float = 300.0,
        refused: Callable[[int, Any], Exception | None] | None = None,
    ) -> None:
        self.address = address
        self._key = os.environ.get(address.key_variable, "").strip()
        self._refused = refused
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.AsyncClient(
            base_url=address.url.rstrip("/") + "/",
            headers={"Content-Type": "application/json", **key},
            timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            follow_redirects=False,  # the key would go along
            trust_env=urlsplit(address.url).hostname not in _LOOPBACK,  # no proxy for this machine
        )
        self._timeout = timeout

    async def get(self, path: str, *, timeout: float | None = None) -> Any:
        """The JSON (or text, where it is none) that `path` answers."""
        return parsed(await self._whole("GET", path, None, timeout))

    async def post(self, path: str, body: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """The JSON that the server answers to `body`. Raises PassingError where it is no JSON object."""
        document = parsed(await self._whole("POST", path, body, timeout))
        if not isinstance(document, dict | list):
            raise PassingError(f"no JSON in the answer: {self._safe(one_line(str(document), 80))}")
        return document

    async def get_headers(self, path: str, *, timeout: float | None = None) -> Mapping[str, str]:
        """The headers that `path` answers with, names in lower case."""
        async with self._opened("GET", path, None, timeout) as response:
            return {name.lower(): one_line(value, 200) for name, value in response.headers.items()}

    @asynccontextmanager
    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """While open, gives the bytes of the answer as they come; closed early, the connection is cut, which makes most
        servers stop working on it."""
        async with self._opened("POST", path, body, None) as response:
            yield _bounded(response)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _whole(self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float | None) -> bytes:
        async with self._opened(method, path, body, timeout) as response:
            return b"".join([chunk async for chunk in _bounded(response)])

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float | None
    ) -> AsyncIterator[httpx.Response]:
        limit = httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout)
        silence = self._timeout if timeout is None else timeout
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        try:
            async with self._client.stream(method, path.lstrip("/"), content=content, timeout=limit) as response:
                if not 200 <= response.status_code < 300:
                    raise self._failure(response, b"".join([chunk async for chunk in _bounded(response)]))
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise LostError(self._safe(one_line(str(error) or type(error).__name__)), asked=False) from error
        except httpx.TimeoutException as error:
            raise PassingError(f"no answer within {silence:g} s") from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise LostError(f"the connection broke ({type(error).__name__})", asked=True) from error
        except (httpx.HTTPError, LineTooLongError) as error:
            raise PassingError(self._safe(one_line(str(error) or type(error).__name__))) from error
        except httpx.InvalidURL as error:
            raise BenchtuiError(
                f"{self.address.name} is no address: {one_line(str(error))}.", "Give --server URL."
            ) from error

    def _failure(self, response: httpx.Response, body: bytes) -> Exception:
        """What an answer that is not 2xx means."""
        status = response.status_code
        words = f"HTTP {status}"
        told = self._safe(said(body)) or one_line(response.reason_phrase)
        if status == 429 and "insufficient_quota" not in told and b"insufficient_quota" not in body:
            return BusyError(f"{words}: {told}", _retry_after(response))
        if status == 503:
            return BusyError(f"{words}: {told}", _retry_after(response))
        if self._refused is not None and (other := self._refused(status, parsed(body))) is not None:
            return other
        if status >= 500 or status == 408:
            return PassingError(words)
        return self._refusal(status, told)

    def told(self, document: Mapping[str, Any]) -> Exception:
        """What an error means that came under status 200: by the code that it names, else a refusal."""
        inner = document.get("error")
        code = inner.get("code") if isinstance(inner, Mapping) else None
        if isinstance(code, int) and code >= 500:
            return PassingError(f"error {code} in the answer")
        status = code if isinstance(code, int) else 200
        other = self._refused(status, document) if self._refused is not None else None
        return other or self._refusal(status, self._safe(said(document)))

    def _refusal(self, status: int, told: str) -> RefusedError:
        what = f"{self.address.name} refuses what it is asked (HTTP {status}): {told}"
        variable = self.address.key_variable
        if status in (401, 403):
            step = f"Set the variable {variable} to its key" if not self._key else f"Check the key in {variable}"
            return RefusedError(what, f"{step}, then `benchtui resume`.")
        if 300 <= status < 400:
            return RefusedError(
                f"{self.address.name} sends elsewhere (HTTP {status}).", "Give the last address as --server URL."
            )
        return RefusedError(what, "All answers so far are kept. Correct it, then continue with `benchtui resume`.")

    def _safe(self, text: str) -> str:
        """A server may repeat the key that it was given."""
        return text.replace(self._key, "[key]") if self._key else text


def parsed(body: bytes) -> Any:
    """JSON, also with NaN and Infinity, which servers write; the text where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    received = 0
    async for chunk in response.aiter_bytes():
        received += len(chunk)
        if received > LARGEST_ANSWER:
            raise LineTooLongError(f"an answer of more than {LARGEST_ANSWER:,} bytes")
        yield chunk


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait; a date is not read."""
    try:
        return max(float(response.headers.get("Retry-After", "")), 0.0)
    except ValueError:
        return None
