"""Models behind the servers of a test, asked as the worker of a chat asks them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchtui.backends.ollama_server import look_at_ollama
from benchtui.backends.servers import look
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import ChatPlan
from benchtui.plans.tokens import TokenModel
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatToken
from benchtui.worker.answering.opening import open_answering
from benchtui.worker.chat.models import make_speaker
from benchtui.worker.chat.speaker import Speaker
from benchtui.worker.chat.speaking import Answering, Voice
from tests.worker.answering.gguf.files import Told
from tests.worker.answering.openai.fake import wait_until
from tests.worker.chat.talks import GREEDY, Talk

MESSAGES = "{{ messages | tojson }}"
PLAIN = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }} {% endfor %}{% if add_generation_prompt %}<assistant>"
    "{% endif %}"
)


def ollama_model(url: str, endpoint: str = "chat", name: str = "fake:latest", **prompts: object) -> TokenModel:
    source = ServedSource(name, look_at_ollama(url).model(name).digest, server=url, product="ollama")
    template = MESSAGES if endpoint == "chat" else PLAIN
    return TokenModel(
        label="served",
        source=source,
        prompts=PromptSettings(**{"max_length": 64, "chat_template": template, **prompts}),  # type: ignore[arg-type]
        backend="ollama",
        backend_settings={"endpoint": endpoint},
        backend_options={"request-timeout": "30"},
    )


def openai_model(url: str, endpoint: str = "chat", template: str = MESSAGES, **prompts: object) -> TokenModel:
    facts = look(url)
    model = facts.model(None)
    return TokenModel(
        label="served",
        source=ServedSource(model.name, model.identity, server=url, product=facts.product),
        prompts=PromptSettings(**{"chat_template": template, **prompts}),  # type: ignore[arg-type]
        backend="openai",
        backend_settings={"endpoint": endpoint, "tokenizer": "none"},
        backend_options={"request-timeout": "30"},
    )


def chat_of(*models: TokenModel) -> ChatPlan:
    return ChatPlan(
        model_name="m", bench_id="b", created="2026-11-29T08:00:00", device="cpu", models=models, sampling=GREEDY
    )


def talk(place: Path, *models: TokenModel) -> Talk:
    return Talk(RunDirectory(place / "m" / "chats" / "one"), chat_of(*models))


class Said:
    """What a model answers, without a worker's process: `text` of the last answer, its `tokens`, how it `ended`, and
    how much of the prompts was `read`, as it was told."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.text = ""
        self.tokens: list[ChatToken] = []
        self.ended: ChatEnded | None = None
        self.prompt = ""
        self.read: list[int | None] = []
        self.work: Answering | None = None
        self._voice = Voice(self._note, self._keep)
        self._voice.start()

    def _note(self, event: Event) -> None:
        if isinstance(event, ChatPiece):
            self.text += event.text
            self.tokens += event.tokens
        elif isinstance(event, ChatBegun):
            self.read.append(event.read)
        elif isinstance(event, ChatEnded):
            self.ended = event

    def _keep(self, number: int, text: str) -> None:
        self.prompt = text

    def begin(self, *messages: str | Message, written: str = "", begin: str = "", **sampling: object) -> None:
        """Ask; messages that are texts are of user and assistant by turns."""
        self.text, self.tokens, self.ended = written, [], None
        said = [
            Message("assistant" if place % 2 else "user", one) if isinstance(one, str) else one
            for place, one in enumerate(messages)
        ]
        how = Sampling(**{"max_new_tokens": 16, **sampling})  # type: ignore[arg-type]
        asked = Write(number=1, turn=1, model=0, messages=tuple(said), sampling=how, begin=begin)
        self.work = Answering(asked, written=written)
        self._voice.ask(self.speaker, self.work)

    def cancel(self) -> None:
        assert self.work is not None
        self.work.cancellation.cancel()

    def over(self) -> ChatEnded:
        """Wait until it is over."""
        wait_until(lambda: self.ended is not None)
        assert self.ended is not None
        return self.ended

    def ask(self, *messages: str | Message, **more: object) -> ChatEnded:
        self.begin(*messages, **more)  # type: ignore[arg-type]
        return self.over()


@contextmanager
def asking(model: TokenModel) -> Iterator[Said]:
    answering = open_answering(chat_of(model).load_plan(0), Told(), 1.0)  # type: ignore[arg-type]
    speaker = make_speaker(0, model.label, answering, threading.Lock(), model.prompts.think_end_token)
    try:
        yield Said(speaker)
    finally:
        speaker.close()
