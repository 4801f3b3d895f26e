"""The server of a plan, asked patiently and about many things at once; and whether it still has the same model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from benchtui.backends.servers import ServedModel, ServerFacts, look
from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.http.at_once import Loop, at_once
from benchtui.worker.answering.http.client import Address, HttpClient
from benchtui.worker.answering.http.failures import BusyError, LostError, PassingError, UnansweredError, said
from benchtui.worker.answering.http.patience import Patience, Tries
from benchtui.worker.answering.protocol import GenerateRequest, ModelChangedError, Observer, ScoreRequest, Unobserved

T = TypeVar("T")
R = TypeVar("R")
_TOO_LONG = ("context length", "context_length_exceeded", "exceed_context_size_error", "exceeds the available context")


class Server:
    """A server with the model that a plan names. `width` is how many requests are under way at a time.

    Its coroutines are run by `run`, or by `ask_all` for many requests.
    """

    def __init__(
        self,
        address: Address,
        model: str,
        *,
        width: int = 8,
        timeout: float = 300.0,
        patience: Patience | None = None,
    ) -> None:
        """Look at the server. Raises BenchtuiError where it does not answer, UsageError where it has no such model."""
        self.address = address
        self.facts: ServerFacts = look(address.url, address.key_variable)
        self.model: ServedModel = self.facts.model(model)
        self.width = width
        self._observer: Observer = Unobserved()
        self._loop = Loop()
        self._client = HttpClient(address, timeout=timeout, refused=too_long)
        self._tries = Tries(
            address.name, patience or Patience(), alive=self._alive, returned=self._returned, tell=self._tell
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that the server answers, asked again while that may help.

        Raises UnansweredError where this request has no answer, BenchtuiError where none will have one.
        """

        async def once() -> Any:
            document = await self._client.post(path, body)
            if isinstance(document, Mapping) and document.get("error"):  # an error under status 200 is no answer
                raise self._client.told(document)
            return document

        return await self._tries.ask(once)

    async def patiently(self, once: Callable[[HttpClient], Awaitable[T]]) -> T:
        """The result of `once`, which makes one try, asked again while that may help. Raises what `post` raises."""
        return await self._tries.ask(lambda: once(self._client))

    def run(self, work: Any) -> Any:
        """The result of a coroutine, for whoever asks in plain calls."""
        return self._loop.run(work)

    def ask_all(
        self,
        asked: Sequence[R],
        ask: Callable[[R], Awaitable[T]],
        take: Callable[[int, T], None],
        requests_of: Callable[[R], Sequence[ScoreRequest | GenerateRequest]],
        observer: Observer,
    ) -> None:
        """Call `ask` for each of `asked`, at most `width` at a time, and `take` with its place and result as it comes.

        What stays without an answer is told to the observer, by the arguments of `requests_of` it. Raises what `post`
        raises besides, and what the observer raises.
        """
        self._observer = observer

        async def tried(place: int) -> T | UnansweredError:
            try:
                return await ask(asked[place])
            except UnansweredError as error:
                return error

        def took(place: int, result: T | UnansweredError) -> None:
            if isinstance(result, UnansweredError):
                for request in requests_of(asked[place]):
                    observer.unanswered(request.args, one_line(str(result), 200))
            else:
                take(place, result)
            observer.tokens(0)  # an answer has come: keep it

        def started(places: list[int]) -> None:
            observer.batch_started([request.args for place in places for request in requests_of(asked[place])])

        try:
            self._loop.run(at_once(len(asked), self.width, tried, took, started=started, check=observer.check))
        finally:
            self._observer = Unobserved()

    def check_same(self) -> None:
        """Raise ModelChangedError where the server no longer has the model that it had."""
        try:
            now = look(self.address.url, self.address.key_variable)
            model = now.model(self.model.name)
        except BenchtuiError as error:
            raise ModelChangedError(f"Whether {self.address.name} still has the same model is not known: {error.what}",
                                    "Start it with that model, then `benchtui resume`.") from error  # fmt: skip
        if (now.product, model.identity) != (self.facts.product, self.model.identity):
            raise ModelChangedError(
                f"{self.address.name} has another model than at the start ({model.identity}; it was "
                f"{self.model.identity}): what it answered for this task does not count.",
                "Start it with the first one, then `benchtui resume`.",
            )

    def close(self) -> None:
        """Close all connections."""
        self._loop.run(self._client.close())
        self._loop.close()

    async def _alive(self) -> bool:
        try:
            await self._client.get("/v1/models", timeout=2.0)
        except (LostError, PassingError, BusyError):
            return False
        return True

    async def _returned(self) -> None:
        self.check_same()

    def _tell(self, state: str, why: str) -> None:
        self._observer.decision("server", state, why)


def too_long(status: int, document: Any) -> Exception | None:
    """What a refusal means for the prompt alone: one that the server's window does not hold has no answer."""
    if status in (400, 413) and any(word in str(document) for word in _TOO_LONG):
        return UnansweredError(f"too long for the server: {said(document)}")
    return None
