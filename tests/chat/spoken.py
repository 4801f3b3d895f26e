"""A chat whose models answer at once, by a function: the directory and the conversation are those of a real one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import Ballot, ChatPlan
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import TokenModel
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, EventWriter
from benchtui.runs.kinds.chat.asked import AnyAsked, AskedWriter, Cancel, Choice, Turn, Vote, Write, asked_file
from benchtui.runs.kinds.chat.conversation import read_conversation
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatReady, ChatUnready, Finish

Says = Callable[[int, str], str]
"""What the model of a number answers to a prompt."""


def plan_of(labels: Collection[str], ballot: Ballot | None) -> ChatPlan:
    """The plan of a chat of models with these labels."""
    source = FolderSource(path="/none", identity="none")
    models = tuple(TokenModel(label=label, source=source, prompts=PromptSettings(), backend="hf") for label in labels)
    return ChatPlan(
        model_name="tuned", bench_id="b", created="2026-11-29T10:00:00+00:00", models=models, blind=True, ballot=ballot
    )


class Spoken:
    """A session as benchtui/chat/session.py has it. Answers of models in `slow` are written by `finish` only; those of
    models in `failing` fail."""

    def __init__(self, run: RunDirectory, plan: ChatPlan, says: Says) -> None:
        self.run, self.plan, self.says = run, plan, says
        self.problem = ""
        self.slow: set[int] = set()
        self.failing: set[int] = set()
        self.asked: list[Write] = []
        self.closed = False
        if not run.exists():
            write_plan(run.plan_file, plan)
        self._writer, self._events = AskedWriter(asked_file(run)), EventWriter(run.events)
        self.conversation = read_conversation(run, len(plan.models), plan.sampling)
        for model in range(len(plan.models)):
            self._happens(ChatReady(model=model))

    def poll(self) -> bool:
        due = [one for one in self.conversation.open_answers() if one.asked.model not in self.slow]
        for answer in due:
            self.finish(answer.number)
        return bool(due)

    def finish(self, number: int) -> None:
        asked = self.conversation.answers[number].asked
        failed = asked.model in self.failing
        self._happens(ChatBegun(answer=number))
        if not failed:
            self._happens(ChatPiece(answer=number, text=self.says(asked.model, asked.messages[-1].content)))
        finish: Finish = "failed" if failed else "end"
        self._happens(ChatEnded(answer=number, finish=finish, what="It broke." if failed else ""))

    def unready(self, model: int) -> None:
        self._happens(ChatUnready(model=model, what="It has no weights.", next_step="Copy them."))

    def say(self, text: str, after: int | None, models: Collection[int] | None = None) -> Turn:
        turn = Turn(number=self.conversation.next_turn, after=after, text=text)
        self._does(turn)
        for model in range(len(self.plan.models)) if models is None else models:
            self.regenerate(turn.number, model)
        return turn

    def regenerate(self, turn: int, model: int) -> Write:
        write = Write(
            number=self.conversation.next_answer,
            turn=turn,
            model=model,
            messages=self.conversation.messages(turn, model),
            sampling=self.plan.sampling,
        )
        self._does(write)
        self.asked.append(write)
        return write

    def vote(self, turn: int, first: int, second: int, choice: Choice) -> None:
        self._does(Vote(turn=turn, first=first, second=second, choice=choice))

    def cancel(self, answer: int | None = None) -> None:
        self._does(Cancel(answer=answer))
        for one in list(self.conversation.open_answers()):
            self._happens(ChatEnded(answer=one.number, finish="cancelled"))

    def close(self) -> None:
        self.closed = True

    def _does(self, line: AnyAsked) -> None:
        self.conversation.note_asked(self._writer.write(line))

    def _happens(self, event: Event) -> None:
        self._events.emit(event)
        self.conversation.note_event(event)


def spoken(
    place: Path, prompts: tuple[str, ...], says: Says, *, seed: int = 3, votes: int | None = None, models: int = 2
) -> Spoken:
    """A blind vote between models "tuned", "base" … in the folder of a run at `place`."""
    labels = ("tuned", "base", "third", "fourth")[:models]
    run = RunDirectory(place / "outputs" / "tuned" / "chats" / "2026-11-29T10-00-00")
    return Spoken(run, plan_of(labels, Ballot(seed=seed, prompts=prompts, votes=votes)), says)
