"""A real llama-server for tests: the one in xllamacpp's wheel, in a process of its own.

`python tests/llama_server.py '{"model": …}'` is that process: it ends when its standard input is closed, so that it
never outlives the test.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_START = 60.0
"""The most seconds that a tiny model may take to answer its first question, on a machine that is busy."""


@dataclass
class LlamaServer:
    """A server that runs: `url` without a path, and the `process` that is it."""

    url: str
    process: subprocess.Popen[bytes]
    said: Path

    def get(self, path: str) -> Any:
        """What the server answers to GET."""
        return json.loads(httpx.get(self.url + path, timeout=60, trust_env=False).raise_for_status().content)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the server answers to POST, an error's text included."""
        return json.loads(httpx.post(self.url + path, json=body, timeout=60, trust_env=False).content)


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def llama_server(
    model: Path, *, port: int = 0, slots: int = 1, context: int = 2048, f32_cache: bool = True, **more: Any
) -> Iterator[LlamaServer]:
    """A server with one model, up and ready. `context` is divided by the `slots`. `more` is read by `_parameters`."""
    port = port or free_port()
    options = {"model": str(model), "port": port, "slots": slots, "context": context, "f32_cache": f32_cache, **more}
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "server.log")
        with said.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, __file__, json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        try:
            server = LlamaServer(f"http://127.0.0.1:{port}", process, said)
            _wait(server)
            yield server
        finally:
            process.kill()
            process.communicate()


def _wait(server: LlamaServer) -> None:
    """Return as soon as the server is healthy."""
    end = time.monotonic() + _START
    while True:
        if server.process.poll() is not None:
            raise AssertionError(f"llama-server ended: {server.said.read_text(errors='replace')[-2000:]}")
        try:
            assert server.get("/health") == {"status": "ok"}
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _parameters(options: dict[str, Any]) -> Any:
    """What the server is started with: one thread, since llama.cpp's threads spin while they wait for each other."""
    import xllamacpp

    found = xllamacpp.CommonParams()
    found.model.path = options["model"]
    found.port = options["port"]
    found.n_parallel = options["slots"]
    found.n_ctx = options["context"]
    found.fit_params = False
    found.n_threads_http = 4
    found.cpuparams.n_threads = found.cpuparams_batch.n_threads = 1
    if options["f32_cache"]:
        found.cache_type_k = found.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        found.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if draft := options.get("draft"):
        found.speculative.draft.mparams.path = draft
        found.speculative.draft.cpuparams.n_threads = found.speculative.draft.cpuparams_batch.n_threads = 1
        found.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
    if lora := options.get("lora"):
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = lora, 1.0
        found.lora_adapters = [adapter]
        found.lora_init_without_apply = True
    for name in ("special", "embedding", "model_alias", "chat_template", "ctx_shift", "api_keys", "cache_ram_mib"):
        if name in options:
            setattr(found, name, options[name])
    return found


def _serve(options: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    import xllamacpp

    server = xllamacpp.Server(_parameters(options))
    sys.stdin.buffer.read()
    del server
    os._exit(0)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
