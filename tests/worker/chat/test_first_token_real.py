"""The first token of a long chat comes as soon as that of a short one: what was said before is not read again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from benchtui import api
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.worker.chat.speaker import Cancellation, Piece, Prompted
from benchtui.worker.chat.stepped_speaker import SteppedSpeaker

pytestmark = [pytest.mark.real, pytest.mark.slow]

MOST = 1.2
"""Times what reading the new message alone takes, and the first token of the first turn."""
QUESTIONS = (
    "What is the capital of France, and how many people live there?",
    "Which river flows through it, and where does that river end?",
    "Name three painters who have lived there for a long time.",
    "Which of them was the first one to come, and in which year?",
    "What would you show to a friend who visits it for one day?",
    "And what should that friend eat in the evening of that day?",
    "How would you travel from there to the sea in summer time?",
    "What is the weather like there in the month of November?",
    "Write two lines of a poem about the streets of this city.",
    "Thank you. Which other city would you compare it with, and why?",
)


def first_token(speaker: SteppedSpeaker, messages: list[Message]) -> tuple[float, Prompted, str]:
    """Seconds of processor time to the first token, what was read for it, and the whole answer."""
    asked = Write(number=1, turn=1, model=0, messages=tuple(messages), sampling=Sampling(max_new_tokens=24))
    began, seconds, prompted, text = time.process_time(), 0.0, Prompted(), ""
    for one in speaker.answer(asked, (), (), Cancellation()):
        if isinstance(one, Prompted):
            prompted = one
        elif isinstance(one, Piece):
            seconds = seconds or time.process_time() - began
            text += one.text
    return seconds, prompted, text


@pytest.mark.parametrize("file", ["SmolLM2-135M-Instruct", "GGUF"])
def test_the_first_token_of_turn_ten(real_model: Path, file: str) -> None:
    path = next(iter(sorted(real_model.rglob("*F32*.gguf")))) if file == "GGUF" else real_model / file
    with api.load(path, device="cpu", offline=True, backend="gguf" if file == "GGUF" else "hf") as loaded:
        speaker = SteppedSpeaker(0, file, loaded._answering, threading.Lock())
        first_token(speaker, [Message("user", "Hello.")])  # what is set up once
        speaker.memory.clear()
        messages: list[Message] = []
        times, reads = [], []
        for question in QUESTIONS:
            messages.append(Message("user", question))
            seconds, prompted, text = first_token(speaker, messages)
            messages.append(Message("assistant", text))
            times.append(seconds)
            reads.append((prompted.tokens or 0) - (prompted.cached or 0))
        alone = []
        for question in QUESTIONS[-3:]:
            speaker.memory.clear()
            alone.append(first_token(speaker, [Message("user", question)])[0])
    assert max(reads[1:]) < 40, "the new message and the signs around it, and no earlier one"
    assert min(times[8:]) <= MOST * (times[0] + min(alone))
