"""A model of Ollama whose GGUF is on this disk, in a chat: its own template, and its tokens counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from benchtui.backends.access import Access
from benchtui.backends.ollama import OLLAMA
from tests.worker import tiny_models
from tests.worker.answering.ollama.double import serving
from tests.worker.chat.served import asking, ollama_model

if TYPE_CHECKING:
    from tests.worker.answering.ollama.gguf_fake import GgufFake

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]

TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['content'] }} {% endfor %}"
NAME = "tiny:latest"


@pytest.fixture
def fake(llama_cpp: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GgufFake]:
    from tests.worker.answering.gguf.files import write_gguf
    from tests.worker.answering.ollama.gguf_fake import GgufFake, keep

    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "store"))
    file = write_gguf(tiny_models.make_base(tmp_path / "tiny"), tmp_path / "tiny.gguf", chat_template=TEMPLATE)
    server = GgufFake(file, keep(tmp_path / "store", file))
    with serving(server):
        yield server


def test_the_server_and_the_file_opened_here_write_the_same_and_cut_prompts_are_noticed(fake: GgufFake) -> None:
    model = ollama_model(fake.url, "completions", NAME, max_length=96, chat_template=TEMPLATE)
    access = Access(fake.url, {"endpoint": "completions"})
    source = OLLAMA.source(None, OLLAMA.describe(NAME, access), None, access)
    model = msgspec.structs.replace(model, source=source)
    texts = []
    for read in ("off", "on"):
        settings = {**model.backend_settings, "read-gguf": read}
        with asking(msgspec.structs.replace(model, backend_settings=settings)) as said:
            assert said.speaker.ready.compares is (read == "on")
            ended = said.ask("the quick brown fox", "jumps", "over the lazy")
            texts.append((said.text, ended.prompt, [token.text for token in said.tokens][: len(said.text) // 2]))
            if read == "off":
                assert fake.bodies()[-1]["raw"]
                fake.more_tokens = -5
                ended = said.ask("the quick brown fox all day in the warm sun")
                assert ended.finish == "failed"
                assert "it has cut it" in ended.what
                fake.more_tokens = 0
    assert texts[0][:2] == texts[1][:2]
