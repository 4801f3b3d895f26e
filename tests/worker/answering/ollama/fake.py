"""A loopback server that answers as Ollama does, with a known function of the prompt, its silent traps included.

A token is a word with the spaces before it. What a real server does when an option is missing, this one does too: it
samples (words come in another order), penalises repetition, cuts long prompts, thinks, loads the model again.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.worker.answering.ollama.double import Answers, LoopbackServer

DEFAULTS: dict[str, Any] = {
    "temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.1, "presence_penalty": 0.0,
    "frequency_penalty": 0.0, "typical_p": 1.0, "mirostat": 0, "seed": -1, "num_predict": -1, "num_ctx": 4096,
    "stop": [], "repeat_last_n": 64,
}  # fmt: skip
LOADING, FOUND = 500_000_000, 1_000_000
"""Nanoseconds of `load_duration`."""
_GUARD = 30


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


class FakeOllama(LoopbackServer):
    """Has the models `digests`; `answer` is what it writes after a prompt. `parameters` are a Modelfile's; `thoughts`
    are written first by a model that thinks. The subclass or the test sets what is to go wrong."""

    version = "0.30.1"
    window = 8192
    template = "{{ .Prompt }}"
    system = ""
    thoughts = ""
    thinks = False
    remote = ""
    greeting = "Ollama is running"

    def __init__(self, answer: Callable[[str], str], *, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(_Handler)
        self.answer = answer
        self.parameters = dict(parameters or {})
        self.digests = {"fake:latest": "a" * 64}
        self.loaded: tuple[str, int] | None = None
        self.loads = 0
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.hang_up_at: set[str] = set()
        self.left: list[str] = []
        """The routes whose answers nobody wanted to the end."""
        self.fault: Callable[[str, dict[str, Any]], tuple[int, Any] | None] = lambda path, body: None
        self.stream: Callable[[dict[str, Any]], Iterable[str] | None] = lambda body: None
        """The lines of a stream in place of the right ones; whatever it raises hangs up."""

    def bodies(self, path: str = "/api/generate") -> list[dict[str, Any]]:
        """What was asked to be written: bodies that only load the model are left out."""
        return [body for asked, body in self.requests if asked == path and (body.get("prompt") or body.get("messages"))]

    def tags(self) -> dict[str, Any]:
        details = {"format": "gguf", "family": "llama", "parameter_size": "1M", "quantization_level": "F32",
                   "context_length": self.window}  # fmt: skip
        cards = [
            {"name": name, "model": name, "modified_at": "2026-11-27T05:55:11.145074692Z", "size": 5, "digest": digest,
             "details": details, **({"remote_host": self.remote} if self.remote else {})}
            for name, digest in self.digests.items()
        ]  # fmt: skip
        return {"models": cards}

    def show(self) -> dict[str, Any]:
        lines = [(name, value) for name, given in self.parameters.items() for value in
                 (given if isinstance(given, list) else [given])]  # fmt: skip
        return {
            "template": self.template, "system": self.system,
            "parameters": "\n".join(f"{name:<30} {json.dumps(value)}" for name, value in lines),
            "capabilities": ["completion", *(["thinking"] if self.thinks else [])],
            "model_info": {"general.architecture": "llama", "llama.context_length": self.window,
                           "general.parameter_count": 1_000_000},
        }  # fmt: skip

    def ps(self) -> dict[str, Any]:
        if self.loaded is None:
            return {"models": []}
        name, context = self.loaded
        return {"models": [{"name": name, "digest": self.digests.get(name, ""), "context_length": context}]}

    def load(self, name: str, context: int) -> int:
        """Load the model where it is not there with this context; returns `load_duration`."""
        wanted = (name, min(context, self.window))
        if self.loaded == wanted:
            return FOUND
        self.loaded = wanted
        self.loads += 1
        return LOADING

    def rendered(self, messages: list[dict[str, str]]) -> str:
        """Ollama's own template: not the model's."""
        return "".join(f"<{message['role']}> {message['content']} " for message in messages) + "<assistant>"

    def count(self, prompt: str) -> int:
        return len(words(prompt))

    def lines(self, path: str, body: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
        """Status and lines of an answer."""
        name = str(body.get("model"))
        name = name if ":" in name else f"{name}:latest"
        if name not in self.digests:
            return 404, [{"error": f"model '{body.get('model')}' not found"}]
        given = body.get("options") or {}
        for option, value in given.items():
            if option in DEFAULTS and not isinstance(value, list if option == "stop" else int | float):
                return 500, [{"error": f'option "{option}" must be of type integer'}]
        options = {**DEFAULTS, **self.parameters, **given}
        context = min(int(options["num_ctx"]), self.window)
        took = self.load(name, context)
        if not body.get("prompt") and not body.get("messages"):
            return 200, [{"model": name, "response": "", "done": True, "done_reason": "load"}]
        chat = path == "/api/chat"
        prompt = self.rendered(body["messages"]) if chat else body["prompt"]
        if not chat and not body.get("raw"):
            prompt = self.rendered([{"role": "user", "content": prompt}])
        read = self.count(prompt)
        if read > context:
            if body.get("truncate") is False:
                inner = {"code": 400, "message": f"request ({read} tokens) exceeds the available context size",
                         "type": "exceed_context_size_error", "n_prompt_tokens": read, "n_ctx": context}  # fmt: skip
                return 400, [{"error": json.dumps({"error": inner})}]
            prompt = "".join(words(prompt)[-context // 2 :])
            read = self.count(prompt)
        return 200, self.written(prompt, body, options, read, context, took, chat)

    def written(
        self, prompt: str, body: dict[str, Any], options: dict[str, Any], read: int, context: int, took: int, chat: bool
    ) -> list[dict[str, Any]]:
        text = self.answer(prompt)
        if options["temperature"] > 0 or options["repeat_penalty"] != 1:
            text = " ".join(reversed(text.split()))
        thinking = self.thoughts if self.thinks and body.get("think") is not False and not body.get("raw") else ""
        for stop in options["stop"]:
            text = text.split(stop)[0]
        pieces = [("thinking", piece) for piece in words(thinking)] + [("text", piece) for piece in words(text)]
        limit = int(options["num_predict"])
        room = context - read if body.get("shift") is False else len(pieces)
        most = min(len(pieces), room, limit if limit > 0 else len(pieces))
        lines, equal, last = [], 0, ""
        for kind, piece in pieces[:most]:
            equal, last = (equal + 1 if piece.strip() == last else 1), piece.strip()
            said = {"thinking": piece} if kind == "thinking" else {"content" if chat else "response": piece}
            lines.append(
                {"message": {"role": "assistant", "content": "", **said}} if chat else {"response": "", **said}
            )
            if equal > _GUARD:
                return [{"model": body["model"], **line, "done": False} for line in lines]
        reason = "length" if most < len(pieces) else "stop"
        end = {"done": True, "done_reason": reason, "load_duration": took, "prompt_eval_count": read,
               "prompt_eval_duration": 2_000_000, "eval_count": most, "eval_duration": 3_000_000}  # fmt: skip
        empty = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        return [{"model": body["model"], **line, "done": False} for line in lines] + [
            {"model": body["model"], **empty, **end}
        ]


class _Handler(Answers):
    server: FakeOllama

    def do_GET(self) -> None:
        self.asked()
        server = self.server
        said = {"/api/version": {"version": server.version}, "/api/tags": server.tags(), "/api/ps": server.ps()}
        if self.path == "/":
            self.head(200, [("content-type", "text/plain"), ("content-length", str(len(server.greeting)))])
            self.wfile.write(server.greeting.encode())
        elif self.path in said:
            self.json(200, said[self.path])
        else:
            self.json(404, {"error": "not found"})

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.asked() or b"{}")
        with server.lock:
            server.requests.append((self.path, body))
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            self._answer(body)
        except OSError:  # the client has gone
            self.close_connection = True
            server.left.append(self.path)
        finally:
            with server.lock:
                server.now -= 1

    def _answer(self, body: dict[str, Any]) -> None:
        server = self.server
        if (wrong := server.fault(self.path, body)) is not None:
            self.json(*wrong)
            return
        if self.path == "/api/show":
            known = any(name.startswith(str(body.get("model")).split(":")[0]) for name in server.digests)
            self.json(*(200, server.show()) if known else (404, {"error": "model not found"}))
            return
        with server.lock:
            status, lines = server.lines(self.path, body)
        if status != 200 or not body.get("stream"):
            self.json(status, lines[-1])
            return
        self.head(200, [("content-type", "application/x-ndjson"), ("transfer-encoding", "chunked")])
        others = server.stream(body)
        for line in (json.dumps(line, ensure_ascii=False) for line in lines) if others is None else others:
            self.chunk(line.encode() + b"\n")
            if body.get("prompt") in server.hang_up_at:
                server.hang_up_at.discard(body["prompt"])
                self.hang_up()
                return
        self.end_of_stream()
