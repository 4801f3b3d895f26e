"""A chat of two models, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import ChatPlan
from benchtui.plans.tokens import TokenModel
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Turn, Write
from benchtui.runs.kinds.chat.conversation import Conversation
from benchtui.runs.kinds.chat.events import Candidate, ChatBegun, ChatEnded, ChatPiece, ChatToken, Finish

GREEDY = Sampling(max_new_tokens=1024)


def made_plan(labels: Sequence[str] = ("base", "tuned"), system: str | None = None) -> ChatPlan:
    return ChatPlan(
        model_name="tuned",
        bench_id="b",
        created="2026-11-29T09:30:00+00:00",
        models=tuple(
            TokenModel(label=label, source=FolderSource("/m", "d", "full"), prompts=PromptSettings(), backend="hf")
            for label in labels
        ),
        sampling=GREEDY,
        system=system,
    )


class MadeChat:
    """A conversation to which turns and answers are added."""

    def __init__(self, plan: ChatPlan) -> None:
        self.plan = plan
        self.conversation = Conversation(len(plan.models), plan.sampling, plan.system)

    def turn(self, text: str, after: int | None = None) -> int:
        turn = Turn(number=self.conversation.next_turn, after=after, text=text)
        self.conversation.note_asked(turn)
        return turn.number

    def answer(self, turn: int, model: int, text: str, finish: Finish = "end", what: str = "") -> int:
        """A whole answer, of one token a word with what is known of it."""
        number = self.conversation.next_answer
        messages = self.conversation.messages(turn, model)
        asked = Write(number=number, turn=turn, model=model, messages=messages, sampling=GREEDY)
        self.conversation.note_asked(asked)
        self.conversation.note_event(ChatBegun(answer=number, prompt=10, cached=0))
        tokens = [
            ChatToken(n, word, -0.5, 4.0 if n else 0.1, (Candidate(word, -0.5), Candidate("other", -2.0)))
            for n, word in enumerate(text.split(" "))
        ]
        self.conversation.note_event(ChatPiece(answer=number, text=text, tokens=tuple(tokens)))
        ended = ChatEnded(
            answer=number, finish=finish, tokens=len(tokens), first_token=0.5, seconds=2.5, what=what
        )  # fmt: skip
        self.conversation.note_event(ended)
        return number
