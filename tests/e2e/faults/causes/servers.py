"""A server on a bad night: its answers are a known function of the prompt, so no run is needed to compare with."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.faults.drive import Place, Running, done_record, results_of, samples_of
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import DOCUMENTS, WRITES
from tests.worker.answering.openai.fake import Asked, Fake, Reply

ALL = DOCUMENTS[WRITES]
ROUTE = "/v1/completions"
FEW = ("--tasks", WRITES, "--no-base")


def answer(prompt: str) -> str:
    """The last word, and what the task cuts off."""
    return prompt.split()[-1] + "\nmore"


class Night(Fake):
    """Fails at most prompts once, each in another way, and is killed at the twelfth answer; then it is back."""

    def __init__(self) -> None:
        super().__init__(answer)
        self.failed: set[str] = set()
        self.killed = False

    def fault(self, asked: Asked) -> Reply | None:
        prompt = str(asked.body.get("prompt", ""))
        if not prompt.startswith("Item") or prompt in self.failed:
            return None
        self.failed.add(prompt)
        if len(self.failed) == 12 and not self.killed:
            self.killed = True
            threading.Thread(target=self._restart).start()
            time.sleep(0.5)
        right = self._right(asked)
        right.broken = True
        half = json.dumps(right.body)[:40] if right.lines is None else '{"choices": [{'
        failures = (right, Reply(429, {}, {"Retry-After": "0.05"}), Reply(504, {}), Reply(200, half))
        return (*failures, None)[len(self.failed) % 5]

    def _restart(self) -> None:
        self.stop()
        time.sleep(0.5)
        self.start()


@fault("a server: killed, 429, 504, half a body, half an answer; and the worker killed")
def bad_night(place: Place) -> list[Row]:
    with Night() as server:
        pause = place.pause(25)
        run = _run(place, server, env=pause.env)
        directory = run.paused(pause)
        os.kill(run.worker(directory), signal.SIGKILL)
        pause.release()
        code = run.ended()
        assert code == 3, run.text
        assert done_record(directory).results, "what was answered is scored"
        rows = [_row("a server's bad night, and SIGKILL of the worker", run, directory, code)]
        before = len(server.bodies(ROUTE))
        run = place.resume()
        assert run.ended() == 0, run.text
        asked = {body["prompt"] for body in server.bodies(ROUTE)[before:] if str(body["prompt"]).startswith("Item")}
        assert len(asked) <= ALL - 24, "what was answered is not asked again"
        assert server.killed
    return [Row(**{**vars(row), "resumed": _as_it_must_be(directory)}) for row in rows]


class Changing(Fake):
    """Becomes at the twelfth answer what `fate` says."""

    fate = "another"
    weights = "first"

    def __init__(self) -> None:
        super().__init__(answer)
        self.window = 4096

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path != ROUTE or len(self.bodies(ROUTE)) <= 12:
            return None
        if self.fate == "another":
            self.weights = "second"
        if self.fate == "evicted":
            return Reply(404, {"error": {"message": "The model `fake-1` does not exist.", "code": 404}})
        return None

    def model_card(self) -> dict[str, object]:
        return {**super().model_card(), "max_model_len": 4096, "root": self.weights}


@fault("a server: model evicted, another one after a restart, context too small", long_only=True)
def other_model(place: Place) -> list[Row]:
    """One run in four parts; each ends with one line, and the last is as if nothing had been."""
    rows = []
    with Changing() as server:
        server.fate = "evicted"
        run = _run(place, server)
        directory = run.newest_run()
        code = run.ended()
        assert code == 3, run.text
        assert "The model `fake-1` does not exist." in run.text
        rows.append(_row("a model that is evicted", run, directory, code))

        server.fate = "another"
        run = place.resume()
        code = run.ended()
        assert code in (1, 3), run.text
        assert "has another model than at the start" in " ".join(run.text.split())
        rows.append(_row("another model under the same name", run, directory, code))
        run = place.resume()
        assert run.ended() != 0
        assert "Traceback" not in run.text

        server.fate, server.weights, server.window = "none", "first", 100
        run = place.resume()
        code = run.ended()
        assert code == 3, run.text
        assert "unanswered (too long for the server" in " ".join(run.text.split())
        rows.append(_row("a context that is too small", run, directory, code))

        server.window = 4096
        run = place.resume()
        assert run.ended() == 0, run.text
    resumed = _as_it_must_be(directory)
    return [Row(**{**vars(row), "resumed": resumed}) for row in rows]


def _run(place: Place, server: Fake, **how: dict[str, str]) -> Running:
    place.environment.pop("HF_HUB_OFFLINE", None)  # a server is not asked by a run that is offline
    return place.run(server.model, *FEW, backend=("--backend", "openai", "--server", server.url), **how)


def _row(name: str, run: Running, directory: RunDirectory, code: int) -> Row:
    assert "Traceback" not in run.text, run.text
    left = len(run.place.left())
    answers = answered_requests(directory.journal)
    return Row(name, f"{answers}/{ALL}", f"{answers} answers, {done_record(directory).status}", left, code, "")


def _as_it_must_be(directory: RunDirectory) -> str:
    """Every answer is that of its own prompt, and the score the one of these answers."""
    samples = samples_of(directory)
    assert len(samples) == ALL
    odd = 0
    for sample in samples.values():
        prompt = sample["arguments"]["gen_args_0"]["arg_0"]
        expected = prompt.split()[-1]
        assert sample["resps"] == [[expected]], prompt
        odd += sum(map(ord, expected)) % 2
    assert results_of(directory)["results"][WRITES]["odd,none"] == odd / ALL
    return "as it must be"
