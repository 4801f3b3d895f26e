"""A server on loopback that speaks /v1/completions and /v1/chat/completions, whose answers are a known function of the
prompt: the bytes of the text are the tokens, and a byte is the likelier the more often the corpus below has it after
the same three bytes. A test makes it wrong by overriding one method."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CORPUS = (
    "The capital of France is Paris, and the capital of Italy is Rome. The capital of Spain is Madrid. "
    "The sun rises in the east and sets in the west. Water freezes at zero degrees and boils at a hundred. "
) * 3
ORDER = 3
DOUBT = 0.05
VOCABULARY = 256

Ids = tuple[int, ...]


def _counted() -> dict[bytes, Counter[int]]:
    found: dict[bytes, Counter[int]] = defaultdict(Counter)
    text = CORPUS.encode()
    for place in range(ORDER, len(text)):
        found[text[place - ORDER : place]][text[place]] += 1
    return dict(found)


_COUNTS = _counted()


@cache
def logprob(before: bytes, token: int) -> float:
    """Natural log of the probability of a byte after the last three of `before`."""
    seen = _COUNTS.get(before[-ORDER:], Counter())
    return math.log((seen[token] + DOUBT) / (seen.total() + VOCABULARY * DOUBT))


def likeliest(before: bytes) -> int:
    return max(range(VOCABULARY), key=lambda token: (logprob(before[-ORDER:], token), -token))


def loglikelihood(context: str, continuation: str) -> float:
    """What a right server's numbers sum up to."""
    text, start = (context + continuation).encode(), len(context.encode())
    return sum(logprob(text[max(place - ORDER, 0) : place], text[place]) for place in range(start, len(text)))


def piece(token: int) -> str:
    """The text of a token: a byte that is no character by itself is written as OpenAI does."""
    return chr(token) if token < 128 else f"bytes:\\x{token:02x}"


@dataclass
class Asked:
    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Reply:
    """`body` is JSON (or text as it is); with `lines` the answer is streamed. Cut off in the middle where `broken`."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lines: list[bytes] | None = None
    broken: bool = False


@dataclass
class Written:
    """What the model writes: its text, what ended it, and the tokens with their log-probabilities."""

    text: str
    finish: str
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class Fake:
    """`url` is its address while it is started; `asked` all that came, `most` the most requests at a time."""

    model = "fake-1"
    window = 4096
    bos: Ids = ()
    owned_by = "fake"
    routes: tuple[str, ...] = ("/v1/models", "/v1/completions", "/v1/chat/completions")
    stream_size = 7

    def __init__(self, reply: Callable[[str], str] | None = None) -> None:
        self.asked: list[Asked] = []
        self.most = self._now = 0
        self._reply = reply
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.connections: set[_Handler] = set()

    # --- what a test overrides

    def fault(self, asked: Asked) -> Reply | None:
        """A reply in place of the right one."""
        return None

    def prompt_ids(self, prompt: str | list[int]) -> list[int]:
        return [*self.bos, *prompt.encode()] if isinstance(prompt, str) else list(prompt)

    def rendered(self, messages: list[dict[str, Any]]) -> str:
        return "".join(f"<{message['role']}>{message['content']}\n" for message in messages) + "<assistant>"

    def prompt_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[float | None]:
        """Of each token after those before it; the first has none."""
        return [None, *(self.one_logprob(bytes(ids[:place]), ids[place], body) for place in range(1, len(ids)))]

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        return logprob(before[-ORDER:], token)

    def write(self, ids: list[int], body: dict[str, Any]) -> Written:
        """At most `max_tokens`, up to a stop string."""
        limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        given = None if self._reply is None else self._reply(bytes(ids).decode(errors="replace")).encode()
        written, tokens, logprobs, finish = list(ids), [], [], "length"
        for place in range(limit):
            if given is not None and place == len(given):
                finish = "stop"
                break
            token = given[place] if given is not None else likeliest(bytes(written[-ORDER:]))
            logprobs.append(self.one_logprob(bytes(written), token, body))
            tokens.append(token)
            written.append(token)
        text = bytes(tokens).decode(errors="replace")
        stops = body.get("stop") or []
        for stop in [stops] if isinstance(stops, str) else stops:
            if stop in text:
                text, finish = text.split(stop)[0], "stop"
        return Written(text, finish, tokens, logprobs)

    def message(self, written: Written) -> dict[str, Any]:
        return {"role": "assistant", "content": written.text}

    def choices(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return choices

    # --- the answers

    def answer(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return self.fault(asked) or self._right(asked)
        finally:
            with self._lock:
                self._now -= 1

    def _right(self, asked: Asked) -> Reply:
        if asked.path not in self.routes:
            return Reply(404, {"detail": "Not Found"})
        if asked.path == "/v1/models":
            return Reply(body={"object": "list", "data": [self.model_card()]})
        if asked.path == "/tokenize":
            ids = self.prompt_ids(asked.body["prompt"])
            return Reply(body={"count": len(ids), "max_model_len": self.window, "tokens": ids})
        if asked.body.get("model") != self.model:
            message = f"The model `{asked.body.get('model')}` does not exist."
            return Reply(404, {"error": {"message": message, "type": "NotFoundError", "param": "model", "code": 404}})
        return self._chat(asked.body) if asked.path.endswith("chat/completions") else self._completions(asked.body)

    def model_card(self) -> dict[str, Any]:
        return {"id": self.model, "object": "model", "owned_by": self.owned_by, "max_model_len": self.window}

    def _too_long(self, ids: list[int], body: dict[str, Any]) -> Reply | None:
        if len(ids) + int(body.get("max_tokens") or 1) <= self.window:
            return None
        message = f"This model's maximum context length is {self.window} tokens; the prompt has {len(ids)}."
        return Reply(400, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}})

    def _completions(self, body: dict[str, Any]) -> Reply:
        prompt = body["prompt"]
        single = isinstance(prompt, str) or (prompt and isinstance(prompt[0], int))
        prompts = [prompt] if single else prompt
        many = [self.prompt_ids(one) for one in prompts]
        if too_long := next((found for ids in many if (found := self._too_long(ids, body))), None):
            return too_long
        choices, completion = [], 0
        for index, ids in enumerate(many):
            written = self.write(ids, body)
            completion += len(written.tokens)
            echoed = prompts[index] if isinstance(prompts[index], str) else bytes(ids).decode(errors="replace")
            text = (echoed if self.echoes(body) else "") + written.text
            choice = {"index": index, "text": text, "finish_reason": written.finish, "logprobs": None}
            if body.get("logprobs") is not None:
                choice["logprobs"] = self.legacy_logprobs(ids, written, body)
            if body.get("prompt_logprobs") is not None and "prompt_logprobs" in self.routes:
                choice["prompt_logprobs"] = self.vllm_logprobs(ids, body)
            choices.append(choice)
        usage = {"prompt_tokens": sum(map(len, many)), "completion_tokens": completion}
        if body.get("stream"):
            return self._streamed(choices, usage, chat=False)
        return Reply(body={"object": "text_completion", "model": self.model, "choices": self.choices(choices),
                           "usage": usage})  # fmt: skip

    def echoes(self, body: dict[str, Any]) -> bool:
        return bool(body.get("echo"))

    def legacy_logprobs(self, ids: list[int], written: Written, body: dict[str, Any]) -> dict[str, Any]:
        tokens, values = list(written.tokens), list[float | None](written.logprobs)
        if self.echoes(body):
            tokens, values = ids + tokens, self.prompt_logprobs(ids, body) + values
        top = [
            {piece(token): value} if value is not None else None for token, value in zip(tokens, values, strict=False)
        ]
        for place, found in enumerate(top):
            before = bytes((ids + written.tokens)[: place if self.echoes(body) else len(ids) + place])
            if found is not None:
                best = likeliest(before)
                found.setdefault(piece(best), self.one_logprob(before, best, body))
        if (asked := body.get("logprob_token_ids")) and "logprob_token_ids" in self.routes:
            before = bytes(ids)
            told = {token: self.one_logprob(before, token, body) for token in {*asked, *written.tokens}}
            top = [{f"token_id:{token}": value for token, value in told.items()}]
        return {"tokens": [piece(token) for token in tokens], "token_logprobs": values, "top_logprobs": top}

    def vllm_logprobs(self, ids: list[int], body: dict[str, Any]) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = [None]
        for place, value in enumerate(self.prompt_logprobs(ids, body)[1:], 1):
            before = bytes(ids[:place])
            best = likeliest(before)
            entry = {str(ids[place]): {"logprob": value, "rank": 1 if best == ids[place] else 2}}
            if best != ids[place]:
                entry[str(best)] = {"logprob": self.one_logprob(before, best, body), "rank": 1}
            found.append(entry)
        return found

    def _chat(self, body: dict[str, Any]) -> Reply:
        ids = self.prompt_ids(self.rendered(body["messages"]))
        if too_long := self._too_long(ids, body):
            return too_long
        written = self.write(ids, body)
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(written.tokens)}
        message = self.message(written)
        choice = {"index": 0, "message": message, "text": message.get("content") or "", "finish_reason": written.finish}
        if body.get("stream"):
            return self._streamed([choice], usage, chat=True)
        del choice["text"]
        return Reply(body={"object": "chat.completion", "model": self.model, "choices": self.choices([choice]),
                           "usage": usage})  # fmt: skip

    def _streamed(self, choices: list[dict[str, Any]], usage: dict[str, int], *, chat: bool) -> Reply:
        lines: list[dict[str, Any]] = []
        for choice in self.choices(choices):
            if chat:  # the role, and thoughts
                first = {name: said for name, said in choice["message"].items() if name != "content"}
                lines.append({"choices": [{"index": choice["index"], "delta": first, "finish_reason": None}]})
            for part in self.parts(choice["text"]):
                delta = {"delta": {"content": part}} if chat else {"text": part}
                lines.append({"choices": [{"index": choice["index"], **delta, "finish_reason": None}]})
            last = {"delta": {}} if chat else {"text": ""}
            lines.append({"choices": [{"index": choice["index"], **last, "finish_reason": choice["finish_reason"]}]})
        lines.append({"choices": [], "usage": usage})
        data = [b"data: " + json.dumps(line, ensure_ascii=False).encode() + b"\n\n" for line in lines]
        return Reply(lines=[*data, b"data: [DONE]\n\n"])

    def parts(self, text: str) -> Iterator[str]:
        for start in range(0, len(text), self.stream_size):
            yield text[start : start + self.stream_size]

    # --- the server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def bodies(self, path: str = "/v1/completions") -> list[dict[str, Any]]:
        return [asked.body for asked in self.asked if asked.path == path]

    def start(self) -> Fake:
        """Listen, at the same port as before where it was started before."""
        self._server = _Server(("127.0.0.1", self._port), type("Handler", (_Handler,), {"fake": self}))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close everything, answers under way included, as a killed server does."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for connection in list(self.connections):
            connection.shut()

    def __enter__(self) -> Fake:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that were cut, by either side."""
        if not isinstance(sys.exception(), OSError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def setup(self) -> None:
        super().setup()
        self.fake.connections.add(self)

    def finish(self) -> None:
        self.fake.connections.discard(self)
        super().finish()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._send(Asked(self.path, {}, dict(self.headers)))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(Asked(self.path, body, dict(self.headers)))

    def _send(self, asked: Asked) -> None:
        try:
            self._write(self.fake.answer(asked))
        except OSError:  # the other side has gone
            self.close_connection = True

    def _write(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.lines is None:
            body = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if reply.broken else body)
            if reply.broken:
                self.close_connection = True
                self.shut()
            return
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in reply.lines[: len(reply.lines) // 2] if reply.broken else reply.lines:
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        if reply.broken:
            self.close_connection = True
            self.shut()
            return
        self.wfile.write(b"0\r\n\r\n")


def wait_until(found: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
