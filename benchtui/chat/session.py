"""A chat while a person has it open: what they do is written into its run, what the models do is read from there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection
from types import TracebackType

import msgspec

from benchtui.benchmark.remove import remove_run
from benchtui.chat.channel import Channel
from benchtui.chat.supervision import Supervision
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.chat_choice import check_written
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.chat.asked import (
    AnyAsked,
    Cancel,
    Choice,
    Close,
    Look,
    Settings,
    Turn,
    Use,
    Vote,
    Write,
)
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import ChatUnready
from benchtui.runs.known import shown_name
from benchtui.text import without_surrogates

RESUME = "`benchtui chat --resume {}` opens it again."


class ChatSession:
    """One open chat. Used by one thread; none of its methods waits for a model but `close`.

    Call `poll` from time to time (30 times a second is enough for a display): `conversation` is up to date after it,
    and what waits for an earlier answer is asked. Everything that the person does is on disk when its method returns.
    All methods raise UsageError for turns, answers and models that there are not and where nothing is answered any
    more (`problem`), BenchtuiError where nothing can be written.
    """

    def __init__(self, run: RunDirectory, plan: ChatPlan, supervision: Supervision) -> None:
        """Read what is there of the chat; the `supervision` is begun by whoever opens it. Raises BenchtuiError where it
        cannot be read or written."""
        self.run = run
        self.plan = plan
        self._channel = Channel(run, plan)
        self.conversation = self._channel.conversation
        self._supervision = supervision
        self._later: list[tuple[int, int]] = []
        self._stopped: set[int] = set()
        self._closing, self._closed = threading.Lock(), False

    def __enter__(self) -> ChatSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        del kind, error, at
        self.close()

    # What is known.

    @property
    def was_closed(self) -> bool:
        """Whether the chat had been closed by its person before it was opened now."""
        return self._channel.was_closed

    @property
    def view(self) -> RunView:
        """What is known of the run besides the conversation: how far loading is, warnings, decisions."""
        return self._channel.view

    @property
    def problem(self) -> str:
        """Why nothing more will be answered, "" while all is well."""
        if self._closed:
            return "The chat is closed."
        if not self._supervision.ended:
            return ""
        again = RESUME.format(shown_name(self.run))
        if (error := self._supervision.problem) is not None:
            return f"{error.what} → {error.next_step or again}"
        done = self._supervision.done
        said = done.message if done is not None and done.message else "The worker has ended."
        return said if "→" in said else f"{said} → {again}"

    @property
    def waiting(self) -> tuple[tuple[int, int], ...]:
        """The turns, each with a model, that are asked as soon as the model has answered the turn before."""
        return tuple(self._later)

    def poll(self) -> bool:
        """Take in what is new; whether anything changed. Raises BenchtuiError where nothing can be written."""
        before, problem = self.view.version, self.problem
        self._channel.follow()
        asked = bool(self._later) and not self.problem and self._ask_waiting()
        return asked or self.view.version != before or self.problem != problem

    @property
    def unfinished(self) -> bool:
        """Whether an answer is not over, or not even asked for."""
        return bool(self._later) or any(self.conversation.open_answers())

    @property
    def can_stop(self) -> bool:
        """Whether there is an answer that is not over, and was not told to stop: a worker that begins hears it late."""
        return bool(self._later) or any(one.number not in self._stopped for one in self.conversation.open_answers())

    # What the person does.

    def say(self, text: str, after: int | None, models: Collection[int] | None = None) -> Turn:
        """Say something to all models, or to some, after the turn `after`, None to begin; each that has not answered
        that turn yet is asked when it has."""
        if not text.strip():
            raise UsageError("There is nothing to answer.", "Type a message.")
        if after is not None:
            self._turn(after)
        turn = Turn(number=self.conversation.next_turn, after=after, text=without_surrogates(text))
        self._write(turn)
        self._later += [
            (turn.number, model) for model in range(len(self.plan.models)) if models is None or model in models
        ]
        self._ask_waiting()
        return turn

    def edit(self, turn: int, text: str) -> Turn:
        """Say something else in place of a turn, as a branch beside it."""
        return self.say(text, self._turn(turn).after)

    def regenerate(self, turn: int, model: int) -> Write:
        """Let a model answer a turn once more; where it draws its tokens, with the next seed."""
        self._turn(turn)
        self._check_free(turn, model)
        return self._ask(turn, model)

    def go_on(self, answer: int, model: int | None = None) -> Write:
        """Let a model, its own one for None, continue the text of an answer that is over."""
        begun = self._answer(answer)
        turn, number = begun.asked.turn, begun.asked.model if model is None else model
        if not begun.over:
            raise UsageError("That answer is still being written.", "Stop it first, or wait for its end.")
        self._check_free(turn, number)
        return self._ask(turn, number, begun)

    def use(self, turn: int, model: int, answer: int) -> None:
        """Let a model take an answer to a turn for its own in what follows."""
        self._check_model(model)
        self._check_answers(turn, answer)
        self._write(Use(turn=turn, model=model, answer=answer))

    def cancel(self, answer: int | None = None) -> None:
        """Stop an answer, or all for None; what waits for them is not asked."""
        if answer is not None:
            self._answer(answer)
        else:
            self._later.clear()
        self._write(Cancel(answer=answer))
        self._stopped |= {one.number for one in self.conversation.open_answers() if answer in (None, one.number)}

    def look(self, answer: int) -> int:
        """Let the other models read an answer token by token; returns the number of that look."""
        self._answer(answer)
        look = Look(number=self.conversation.next_look, answer=answer)
        self._write(look)
        return look.number

    def vote(self, turn: int, first: int, second: int, choice: Choice) -> None:
        """Say which of two answers to a turn is better; the last vote on a turn counts."""
        self._check_answers(turn, first, second)
        self._write(Vote(turn=turn, first=first, second=second, choice=choice))

    def change(self, sampling: Sampling, system: str | None) -> None:
        """Have answers written otherwise from now on. Raises UsageError for numbers that make no sense."""
        check_written(sampling)
        said = None if not system else without_surrogates(system)
        self._write(Settings(sampling=sampling, system=said))

    def close(self) -> None:
        """End the chat: what is being written is cancelled, and the worker ended, in some seconds at most. It can be
        resumed; one in which nothing was said is deleted."""
        with self._closing:
            if not self._closed:
                self._end()

    def _end(self) -> None:
        if not self._supervision.ended:
            with contextlib.suppress(BenchtuiError):  # a full disk: the worker is asked to stop instead
                if any(self.conversation.open_answers()):
                    self._write(Cancel())
                self._write(Close())
        self._closed = True
        self._supervision.end()
        self._channel.catch_up()
        self._channel.close()
        if not self.conversation.turns:
            with contextlib.suppress(BenchtuiError):  # then it stays, and is not listed
                remove_run(self.run)

    def ask_missing(self) -> None:
        """Ask what a chat that died had not come to ask: of its newest turns those that a model was not asked, after
        one that it was; of a model that was never asked the newest turn."""
        path = self.conversation.path(self.conversation.newest_end())
        for model in range(len(self.plan.models)):
            asked = [place for place, turn in enumerate(path) if self.conversation.tries(turn.number, model)]
            missing = path[asked[-1] + 1 :] if asked else path[-1:]
            self._later += [(turn.number, model) for turn in missing]
        self._ask_waiting()

    # How.

    def _write(self, line: AnyAsked) -> None:
        if problem := self.problem:
            raise UsageError(problem)
        self._channel.write(line)

    def _ask_waiting(self) -> bool:
        """Ask what waits for no answer any more; whether there was such."""
        before = len(self._later)
        for turn, model in tuple(self._later):
            if isinstance(self.conversation.ready.get(model), ChatUnready):
                self._later.remove((turn, model))
            elif not self._waits(turn, model):
                self._ask(turn, model)
                self._later.remove((turn, model))
        return len(self._later) < before

    def _waits(self, turn: int, model: int) -> bool:
        """Whether an answer that comes before this turn is not over, or not even asked for."""
        *before, _ = self.conversation.path(turn)
        answers = [self.conversation.used(one.number, model) for one in before]
        unasked = any((one.number, model) in self._later for one in before)
        return unasked or any(answer is not None and not answer.over for answer in answers)

    def _ask(self, turn: int, model: int, begun: Answer | None = None) -> Write:
        conversation = self.conversation
        sampling = conversation.sampling
        messages, begin, goes_on = conversation.messages(turn, model), "", None
        if begun is not None:
            begin, goes_on = begun.text, begun.number
            if begun.asked.model == model:
                messages = begun.asked.messages
        elif sampling.samples:
            tries = len(conversation.tries(turn, model))
            sampling = msgspec.structs.replace(sampling, seed=sampling.seed + tries)
        line = Write(
            number=conversation.next_answer,
            turn=turn,
            model=model,
            messages=messages,
            sampling=sampling,
            begin=begin,
            goes_on=goes_on,
        )
        self._write(line)
        return line

    # What there is.

    def _turn(self, number: int) -> Turn:
        if (turn := self.conversation.turns.get(number)) is None:
            raise UsageError(f"The chat has no turn {number}.")
        return turn

    def _answer(self, number: int) -> Answer:
        if (answer := self.conversation.answers.get(number)) is None:
            raise UsageError(f"The chat has no answer {number}.")
        return answer

    def _check_model(self, model: int) -> None:
        if not 0 <= model < len(self.plan.models):
            raise UsageError(f"The chat has no model {model}.")

    def _check_answers(self, turn: int, *answers: int) -> None:
        self._turn(turn)
        for number in answers:
            if self._answer(number).asked.turn != turn:
                raise UsageError(f"Answer {number} is not one to turn {turn}.")

    def _check_free(self, turn: int, model: int) -> None:
        """Raise UsageError where a model cannot be asked this turn now."""
        self._check_model(model)
        if isinstance(unready := self.conversation.ready.get(model), ChatUnready):
            raise UsageError(unready.what, unready.next_step)
        if (turn, model) in self._later or self._waits(turn, model):
            raise UsageError("An answer before it is still being written.", "Stop it first, or wait for its end.")
