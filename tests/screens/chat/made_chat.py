"""A chat with made models: what each would write at a token comes from small distributions that are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import TokenModel
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, EventWriter
from benchtui.runs.kinds.chat.asked import AnyAsked, AskedWriter, Look, Settings, Turn, Write, asked_file
from benchtui.runs.kinds.chat.conversation import Conversation
from benchtui.runs.kinds.chat.events import (
    Candidate,
    ChatBegun,
    ChatEnded,
    ChatLooked,
    ChatPiece,
    ChatReady,
    ChatToken,
)
from benchtui.tokens.divergences import divergence, entropy

_TOKENS = re.compile(r"\n|\s?\w+|\s?[^\w\s]|\s")
WORDS = (" sea", " lake", " hill", " fish", ".", "<|im_end|>")


def split(text: str) -> list[str]:
    """A text as tokens."""
    return _TOKENS.findall(text)


def distribution(model: int, place: int, token: str) -> tuple[list[str], np.ndarray]:
    """The candidates at a place, the text's own first, and their log-probabilities in a model, every third place
    others in each."""
    words = [token, *(word for word in WORDS if word != token)]
    generator = np.random.default_rng([place, model if place % 3 == 2 else 0])
    logits = generator.normal(0, 1, len(words)) + np.eye(len(words))[0] * (2 if model == 0 or place % 3 != 2 else -2)
    return words, logits - np.log(np.exp(logits).sum())


def told(model: int, place: int, token: str) -> tuple[float, float, tuple[Candidate, ...]]:
    """Log-probability, entropy and the five likeliest, as a model tells them of a token."""
    words, logprobs = distribution(model, place, token)
    order = np.argsort(-logprobs)[:5]
    top = tuple(Candidate(words[at], float(logprobs[at])) for at in order)
    return float(logprobs[0]), float(entropy(logprobs[None])[0]), top


class MadeTalk:
    """A chat that answers nothing by itself; `labels` are its models."""

    def __init__(self, folder: Path, labels: Sequence[str] = ("base", "tuned"), *, blind: bool = False) -> None:
        self.run = RunDirectory(folder / "2026-11-21T00-30-00")
        models = tuple(
            TokenModel(label=label, source=HubSource("a/b", "0" * 40), prompts=PromptSettings(), backend="hf")
            for label in labels
        )
        self.plan = ChatPlan(model_name="m", bench_id="b", created="2026-11-21T00:30:00", models=models, blind=blind)
        write_plan(self.run.plan_file, self.plan)
        self.conversation = Conversation(len(labels), Sampling(max_new_tokens=1024))
        self.problem = ""
        self._asked_writer, self._event_writer = AskedWriter(asked_file(self.run)), EventWriter(self.run.events)
        self.compares = True
        for model in range(len(labels)):
            self.tell(ChatReady(model=model, tells_tokens=True, compares=True))

    def _asked(self, line: AnyAsked) -> None:
        self.conversation.note_asked(self._asked_writer.write(line))

    def tell(self, event: Event) -> None:
        """Something that a worker does."""
        self._event_writer.emit(event)
        self.conversation.note_event(event)

    def say(self, text: str) -> int:
        number = self.conversation.next_turn
        after = self.conversation.newest_end()
        self._asked(Turn(number=number, after=after, text=text))
        return number

    def begin(self, turn: int, model: int, *, begin: str = "") -> int:
        """Ask a model for an answer."""
        number, conversation = self.conversation.next_answer, self.conversation
        messages = (*conversation.messages(turn, model),)
        sampling = conversation.sampling
        self._asked(Write(number=number, turn=turn, model=model, messages=messages, sampling=sampling, begin=begin))
        self.tell(ChatBegun(answer=number, prompt=12, cached=0))
        return number

    def write(self, answer: int, text: str, *, known: bool = True) -> None:
        """Let it write more, token by token."""
        one = self.conversation.answers[answer]
        before, tokens = len(one.tokens), []
        for place, token in enumerate(split(text), before):
            if known:
                logprob, unsure, top = told(one.asked.model, place, token)
                tokens.append(ChatToken(place, token, logprob, unsure, top))
        self.tell(ChatPiece(answer=answer, text=text, tokens=tuple(tokens)))

    def end(self, answer: int) -> None:
        tokens = len(self.conversation.answers[answer].tokens)
        self.tell(ChatEnded(answer=answer, finish="end", tokens=tokens, prompt=12))

    def answer(self, turn: int, model: int, text: str, *, known: bool = True) -> int:
        """A whole answer."""
        number = self.begin(turn, model)
        self.write(number, text, known=known)
        self.end(number)
        return number

    # What the pages ask of a session.

    def look(self, answer: int) -> int:
        """Every other model reads the answer at once."""
        number = self.conversation.next_look
        self._asked(Look(number=number, answer=answer))
        one = self.conversation.answers[answer]
        for model in range(self.conversation.models):
            if model != one.asked.model:
                self.tell(self._read(number, model, one.asked.model, [t.text for t in one.tokens]))
        return number

    def _read(self, look: int, model: int, writer: int, tokens: list[str]) -> ChatLooked:
        if not self.compares:
            return ChatLooked(look=look, model=model, problem="Its tokens are others than those of the model.")
        js = [
            float(divergence(distribution(writer, at, one)[1][None], distribution(model, at, one)[1][None])[0])
            for at, one in enumerate(tokens)
        ]
        read = [told(model, at, one) for at, one in enumerate(tokens)]
        return ChatLooked(
            look=look,
            model=model,
            divergence=tuple(js),
            entropy=tuple(one[1] for one in read),
            logprob=tuple(one[0] for one in read),
            top=tuple(one[2] for one in read),
        )

    def change(self, sampling: Sampling, system: str | None) -> None:
        self._asked(Settings(sampling=sampling, system=system))


def two_answers(folder: Path, **more: bool) -> MadeTalk:
    """A chat of one turn that base and tuned have answered."""
    talk = MadeTalk(folder, **more)
    turn = talk.say("Where do herons live?")
    talk.answer(turn, 0, "Herons live at the lake.\nThey eat fish and frogs all day long.")
    talk.answer(turn, 1, "Herons live at the sea. They eat fish.")
    return talk
