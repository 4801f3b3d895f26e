"""The worker of a chat: it reads what the person asks, lets the models answer, and keeps no conversation of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from benchtui.files import write_run_file
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import read_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, EventWriter, Results
from benchtui.runs.kinds.chat.asked import AnyAsked, AskedReader, Cancel, Close, Look, Write, asked_file
from benchtui.runs.kinds.chat.conversation import Conversation, read_conversation
from benchtui.runs.kinds.chat.events import ChatEnded, ChatLooked, ChatReady, ChatUnready, ChatWaiting
from benchtui.runs.records import read_launch
from benchtui.worker.chat.looking import Looking
from benchtui.worker.chat.models import Loaded, Loader
from benchtui.worker.chat.speaker import Speaker
from benchtui.worker.chat.speaking import Answering, Voice
from benchtui.worker.process import WorkerProcess
from benchtui.worker.report import Reporter

LOOK_EVERY = 0.01
"""Seconds between two looks at what is asked."""
ENDING = 2.0
"""Seconds that answers have to end when the chat is closed; one that does not is continued when it is opened again."""
WAITING_EVERY = 2.0
"""Seconds after which it is told again that nothing is asked."""


def work(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Let the models of each chat answer until its person closes it. Told to stop, it raises StopRequested: what is
    written is on disk. Raises BenchtuiError for a plan that cannot be read, OSError where nothing can be written."""
    for run in runs:
        process.stop.interruptible = False
        _Chat(process, run).talk()


def score(process: WorkerProcess, runs: Sequence[RunDirectory]) -> None:
    """Nothing is to be made of a chat that its two files do not say."""
    del process
    for run in runs:
        EventWriter(run.events).emit(_results(partial=True))


def _results(*, partial: bool) -> Results:
    return Results(file="asked.jsonl", folder="run", partial=partial)


class _Chat:
    """One chat while it goes on."""

    def __init__(self, process: WorkerProcess, run: RunDirectory) -> None:
        self._process = process
        self._run = run
        self._plan = read_plan(run.plan_file, ChatPlan)
        self._reporter = Reporter(EventWriter(run.events))
        process.libraries.reporter = self._reporter
        self._reader = AskedReader(asked_file(run))
        launched = read_launch(run)
        self._launched = 0.0 if launched is None else launched.t  # what was closed before is open again
        self._conversation: Conversation = read_conversation(run, len(self._plan.models), self._plan.sampling)
        self._loading: queue.SimpleQueue[Loaded | Exception | None] = queue.SimpleQueue()
        self._speakers: dict[int, Speaker] = {}
        self._unready: dict[int, ChatUnready] = {}
        self._voices: dict[int, Voice] = {}
        self._waiting: list[Write | Look] = []
        self._asked: dict[int, Answering] = {}
        self._looks: list[Looking] = []
        self._told_waiting = 0.0
        self._folding = threading.Lock()
        self._over = {number for number, answer in self._conversation.answers.items() if answer.over}
        self._looked = {number for number, found in self._conversation.looked.items() if any(one.last for one in found)}

    def talk(self) -> None:
        """Answer until nothing more is asked."""
        threading.Thread(target=self._load, daemon=True).start()
        closed = False
        while not closed:
            self._process.stop.check()
            self._take_loaded()
            closed = self._take_asked()
            self._begin_waiting()
            self._check_voices()
            self._tell_waiting()
            time.sleep(LOOK_EVERY)
        self._end_answers()
        self._reporter.emit(_results(partial=False))

    def _end_answers(self) -> None:
        """Cancel what is being written, and wait until it has ended: nothing is told after the end of the run."""
        self._cancel(None)
        end = time.monotonic() + ENDING
        begun = [self._conversation.answers[number] for number in self._asked]
        while time.monotonic() < end and not all(answer.over for answer in begun):
            self._check_voices()
            time.sleep(LOOK_EVERY)

    def _emit(self, event: Event) -> None:
        """Tell what happened, and know it: called from the thread of any model."""
        with self._folding:
            self._reporter.emit(event)
            self._conversation.note_event(event)

    # Models.

    def _load(self) -> None:
        try:
            for loaded in Loader(self._plan, self._reporter, self._process.memory_share).load():
                self._loading.put(loaded)
            self._loading.put(None)
        except Exception as error:  # noqa: BLE001 - raised where what is loaded is waited for
            self._loading.put(error)

    def _take_loaded(self) -> None:
        while not self._loading.empty():
            loaded = self._loading.get()
            if loaded is None:
                self._reporter.phase("evaluating")
                continue
            if isinstance(loaded, Exception):
                raise loaded
            if isinstance(loaded.told, ChatReady) and loaded.speaker is not None:
                self._speakers[loaded.told.model] = loaded.speaker
                self._voices[loaded.told.model] = self._voice(loaded.told)
            elif isinstance(loaded.told, ChatUnready):
                self._unready[loaded.told.model] = loaded.told
            self._emit(loaded.told)

    def _voice(self, told: ChatReady) -> Voice:
        """The thread that lets a model answer: one for all on the same weights."""
        if told.shares is not None and told.shares in self._voices:
            return self._voices[told.shares]
        voice = Voice(self._emit, self._keep_prompt)
        voice.start()
        return voice

    def _keep_prompt(self, number: int, text: str) -> None:
        write_run_file(self._run.path / "chat" / "prompts" / f"{number}.txt", text.encode(errors="replace"))

    # What is asked.

    def _take_asked(self) -> bool:
        """Note what was asked since the last look; whether it was that nothing more will be."""
        closed = False
        for line in self._reader.read():
            closed = closed or (isinstance(line, Close) and line.t >= self._launched)
            self._conversation.note_asked(line)
            self._note(line)
        return closed

    def _note(self, line: AnyAsked) -> None:
        match line:
            case Write() if line.number in self._conversation.answers and line.number not in self._over:
                self._waiting.append(line)
            case Look() if line.number not in self._looked:
                self._waiting.append(line)
            case Cancel():
                self._cancel(line.answer)
            case _:
                pass

    def _cancel(self, number: int | None) -> None:
        """Cancel an answer, or all; those that are not begun end at once."""
        for line in [one for one in self._waiting if isinstance(one, Write) and number in (None, one.number)]:
            self._waiting.remove(line)
            self._over.add(line.number)
            self._emit(ChatEnded(answer=line.number, finish="cancelled"))
        for answer, work in self._asked.items():
            if number in (None, answer):
                work.cancellation.cancel()

    def _begin_waiting(self) -> None:
        if self._waiting:  # what is over is forgotten: each has all messages before it
            answers = self._conversation.answers
            self._asked = {number: work for number, work in self._asked.items() if not answers[number].over}
        for line in list(self._waiting):
            if isinstance(line, Look):
                self._begin_look(line)
            elif line.model in self._unready:
                self._waiting.remove(line)
                why = self._unready[line.model]
                self._emit(ChatEnded(answer=line.number, finish="failed", what=why.what, next_step=why.next_step))
            elif line.model in self._speakers:
                self._waiting.remove(line)
                self._begin(line)

    def _begin(self, line: Write) -> None:
        known = self._conversation.answers[line.number]  # what a worker before this one has written of it
        work = Answering(line, tuple(known.tokens), self._begins(line), known.text.removeprefix(line.begin))
        self._asked[line.number] = work
        self._voices[line.model].ask(self._speakers[line.model], work)

    def _begins(self, line: Write) -> tuple[int, ...]:
        """The tokens of the answer that this one continues, where the same model wrote all of it here."""
        earlier = None if line.goes_on is None else self._conversation.answers.get(line.goes_on)
        if (
            earlier is None
            or earlier.asked.model != line.model
            or earlier.text != line.begin
            or earlier.state == "stop"
        ):
            return ()
        own = tuple(token.id for token in earlier.tokens)
        if earlier.state == "end":
            own = own[:-1]  # the token that ended it
        return (*self._begins(earlier.asked), *own) if min(own, default=-1) >= 0 else ()

    def _begin_look(self, look: Look) -> None:
        """Compare an answer that is over, once all models are there or known not to come."""
        answer = self._conversation.answers.get(look.answer)
        known = len(self._speakers) + len(self._unready)
        if answer is not None and (not answer.over or known < len(self._plan.models)):
            return
        self._waiting.remove(look)
        if answer is None:
            return
        if answer.asked.model not in self._speakers:
            for model in self._speakers:
                self._emit(ChatLooked(look=look.number, model=model, problem="The model that wrote it is not there."))
            return
        self._looks.append(Looking(look, answer, self._begins(answer.asked), self._speakers, self._emit))
        self._looks[-1].start()

    # Signs of life.

    def _check_voices(self) -> None:
        failures = [thread.failed for thread in self._voices.values()] + [look.failed for look in self._looks]
        for failure in failures:
            if failure is not None:
                raise failure

    def _tell_waiting(self) -> None:
        now = time.monotonic()
        busy = bool(self._waiting) or any(True for _ in self._conversation.open_answers())
        if not busy and now - self._told_waiting > WAITING_EVERY:
            self._told_waiting = now
            self._reporter.emit(ChatWaiting())
