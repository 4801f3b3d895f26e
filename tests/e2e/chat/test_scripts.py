"""`benchtui chat` in scripts, with real models in a real worker: piped, interrupted, resumed, exported."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess

import pytest

from benchtui.errors import ExitCode
from benchtui.interpreter import this_python
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.conversation import Conversation, read_conversation
from tests.e2e.chat.scripted import BASE, TUNED, Place, make_place
from tests.e2e.commands import benchtui

pytestmark = pytest.mark.slow
HERE = ("--offline", "--device", "cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("scripts"))


def test_a_file_of_prompts_is_answered_by_both_models(place: Place) -> None:
    prompts = place.root / "prompts.jsonl"
    messages = [
        {"role": "system", "content": "Sys."},
        *({"role": "user", "content": text} for text in ("fox", "short")),
    ]
    prompts.write_text(json.dumps({"prompt": "hostile"}) + "\n" + json.dumps({"messages": messages}))
    done = benchtui("chat", "base", "counts", "--file", prompts, "--json", *HERE, cwd=place.root)
    assert done.code == ExitCode.DONE, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    found = [(line["model"], line["message"], line["text"]) for line in lines]
    assert [one for one in found if one[0] == "base"] == [
        ("base", word, BASE[word].text) for word in ("hostile", "fox", "short")
    ]
    assert found[-1] == ("counts", "short", TUNED["short"].text)
    assert not {"\x1b", "\x9b", "\x07"} & set(done.out)
    conversation = _conversation(place)
    assert [turn.after for turn in conversation.turns.values()] == [None, None, 2]
    assert [message.content for message in conversation.answers[5].asked.messages] == [
        "Sys.",
        "fox",
        "a 🦊 fox",
        "short",
    ]


def test_interrupted_it_keeps_what_was_written_and_goes_on_from_there(place: Place) -> None:
    asked = ("chat", "counts", "--prompt", "long", "--max-new-tokens", "30000", *HERE)
    process = subprocess.Popen(
        this_python("-m", "benchtui", *asked), cwd=place.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    first = os.read(process.stdout.fileno(), 6)  # printed while it is written
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, (first + out)[:6]) == (ExitCode.INTERRUPTED, b"tuned "), err
    (answer,) = _conversation(place).answers.values()
    assert (answer.state, answer.text[:9]) == ("cancelled", "tuned 1, ")
    again = benchtui(
        "chat", "--resume", "counts", "--prompt", "short", "--export", "jsonl", "--output", "chat.jsonl", "--system",
        "Now.", "--max-new-tokens", "3", cwd=place.root,
    )  # fmt: skip
    assert (again.code, again.out) == (ExitCode.DONE, "Tuned words of\n"), again.err
    (line,) = (place.root / "chat.jsonl").read_text().splitlines()
    told = [message["content"] for message in json.loads(line)["messages"]]
    assert told == ["Now.", "long", answer.text, "short", "Tuned words of"]


def test_where_not_even_the_plan_can_be_written_its_folder_is_named(place: Place) -> None:
    begin = shlex.join([*this_python("-m", "benchtui"), "chat", "counts", "--prompt", "short", *HERE])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; exec {begin}"], cwd=place.root, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.FAILED
    assert re.search(r"counts/chats/[^/]+/run cannot be written: File too large\.\n", done.stderr), done.stderr


def _conversation(place: Place) -> Conversation:
    newest = max((place.model / "chats").iterdir(), key=lambda run: run.name)
    return read_conversation(RunDirectory(newest), 2, Sampling())
