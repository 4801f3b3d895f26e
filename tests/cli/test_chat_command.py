"""`benchtui chat` without a screen: what is said, printed, kept and exported, and the exit code."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from benchtui.chat.scripts import Script, read_scripts
from benchtui.chat.session import ChatSession
from benchtui.chat.supervision import Supervision, chat_settings, open_lock
from benchtui.cli.terminal import script_chat
from benchtui.cli.terminal.script_chat import Printed, talk_by_line, talk_by_script
from benchtui.compare.votes import votes_file
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Event, EventWriter
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatReady, ChatUnready
from tests.cli.results_commands import benchtui, one_line_error
from tests.reports.chat.made_chat import made_plan

SECRET = "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\"


class Told(ChatSession):
    """A chat in which the next of `events` comes whenever somebody looks: a real one but for the worker."""

    def __init__(self, outputs: Path, plan: ChatPlan, events: list[Event]) -> None:
        run = RunDirectory(outputs / "tuned" / "chats" / "2026-11-29T10-00-00")
        write_plan(run.plan_file, plan)
        super().__init__(run, plan, Supervision(run, open_lock(run, "tuned"), chat_settings(None)))
        self._told, self._coming = EventWriter(run.events), iter(events)

    def poll(self) -> bool:
        if (event := next(self._coming, None)) is None:
            raise BenchtuiError("The worker died.")
        self._told.emit(event)
        return super().poll()


def answer(number: int, *pieces: str, finish: str = "end") -> Iterator[Event]:
    yield ChatBegun(answer=number, prompt=9, cached=4)
    yield from (ChatPiece(answer=number, text=text) for text in pieces)
    yield ChatEnded(answer=number, finish=finish, tokens=3, prompt=9, cached=4, first_token=0.5, seconds=1.5)


def talked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], turns: tuple[str, ...], events: list[Event], printed: Printed,
    plan: ChatPlan | None = None,
) -> SimpleNamespace:  # fmt: skip
    session = Told(tmp_path, plan or made_plan(("tuned",)), events)
    code = talk_by_script(lambda: session, [Script(turns)], printed)
    out, err = capsys.readouterr()
    return SimpleNamespace(code=code, out=out, err=err, session=session)


def test_one_model_is_printed_as_it_writes_and_steers_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(script_chat.click, "echo", lambda text, **_: written.append(text))
    pieces = ["See ", "\x1b", "[3", "1mred\x1b[0m and ", *SECRET, ".", "\x1b[2"]
    done = talked(tmp_path, capsys, ("Hello",), [ChatReady(model=0), *answer(1, *pieces)], Printed())
    assert written[0] == "See "
    assert "".join(written) == "See red and here.[2\n"
    assert done.code is ExitCode.DONE


def test_a_later_message_follows_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [ChatReady(model=0), *answer(1, "Hi."), *answer(2, "Fine.", finish="length")]
    done = talked(tmp_path, capsys, ("Hello", "How are you?"), events, Printed(as_json=True))
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["turn"], line["message"], line["text"]) for line in lines] == [
        (1, "Hello", "Hi."), (2, "How are you?", "Fine.")
    ]  # fmt: skip
    told = {"model": "tuned", "finish": "length", "tokens": 3, "prompt_tokens": 9, "cached_tokens": 4}
    assert told.items() <= lines[1].items()
    assert [m.content for m in done.session.conversation.answers[2].asked.messages] == ["Hello", "Hi.", "How are you?"]


def test_a_model_that_failed_is_named_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [ChatUnready(model=0, what="No weights.", next_step="Look there."), ChatReady(model=1), *answer(2, "Hi.")]
    done = talked(tmp_path, capsys, ("Hello",), events, Printed(), made_plan())
    assert done.code is ExitCode.PARTIAL
    assert "— tuned —\nHi.\n" in done.out
    assert "base: No weights. Look there." in done.err
    unready = [ChatUnready(model=model, what="No weights.") for model in range(2)]
    assert talked(tmp_path / "b", capsys, ("Hello",), unready, Printed(), made_plan()).code is ExitCode.FAILED


def test_what_was_answered_before_the_worker_died_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [ChatReady(model=0), *answer(1, "Hi.")]
    done = talked(tmp_path, capsys, ("Hello", "And?"), events, Printed(as_json=True))
    assert (done.code, len(done.out.splitlines())) == (ExitCode.PARTIAL, 1)
    assert "The worker died." in done.err
    with pytest.raises(BenchtuiError, match="died"):
        talked(tmp_path / "b", capsys, ("Hello",), [ChatReady(model=0)], Printed())


def test_a_chat_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n\nAnd?\n"))
    session = Told(tmp_path, made_plan(("tuned",)), [ChatReady(model=0), *answer(1, "Hi."), *answer(2, "Well.")])
    assert talk_by_line(lambda: session, Printed()) is ExitCode.DONE
    assert capsys.readouterr().out == "Hi.\nWell.\n"
    assert [turn.after for turn in session.conversation.turns.values()] == [None, 1]


def test_an_export_takes_the_place_of_the_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [ChatReady(model=0), *answer(1, "Hi.")]
    done = talked(tmp_path, capsys, ("Hello",), events, Printed(exported="jsonl"))
    assert [m["content"] for m in json.loads(done.out)["messages"]] == ["Hello", "Hi."]
    both = talked(tmp_path / "b", capsys, ("Hello",), events, Printed(exported="html", output=tmp_path / "c.html"))
    assert both.out == "Hi.\n"
    assert "Hi." in (tmp_path / "c.html").read_text()


def test_a_kept_chat_is_exported_without_its_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talked(tmp_path / "outputs", capsys, ("Hello",), [ChatReady(model=0), *answer(1, "Hi.")], Printed())
    run = "tuned/chats/2026-11-29T10-00-00"
    done = benchtui("chat", "--resume", run, "--export", "markdown", "--outputs", tmp_path / "outputs")
    assert (done.code, "Hi." in done.out) == (0, True), done.err


def test_an_open_blind_vote_is_not_given_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = msgspec.structs.replace(made_plan(("tuned",)), blind=True)
    events = [ChatReady(model=0), *answer(1, "Hi.")]
    done = talked(tmp_path / "outputs", capsys, ("Hello",), events, Printed(), plan)
    asked = ("chat", "--resume", "tuned", "--export", "markdown", "--outputs", tmp_path / "outputs")
    one_line_error(benchtui(*asked), ExitCode.USAGE, ["not over", "--resume tuned"])
    votes_file(done.session.run).parent.mkdir(exist_ok=True)
    votes_file(done.session.run).write_text("{}")
    assert benchtui(*asked).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "--prompt", "x", "--file", "f"], ["--prompt and --file"]),
        (["a", "--prompt", "x", "--output", "f"], ["--output", "--export"]),
        (["a", "--resume", "b"], ["--resume", "names of models"]),
        (["--resume", "b", "--dtype", "float32"], ["--dtype", "begun"]),
        (["a", "--votes", "3"], ["--votes", "--blind"]),
        (["a", "b", "--blind", "--prompt", "x"], ["screen"]),
        (["a", "--file", "missing.txt"], ["missing.txt"]),
        (["a", "b", "c", "d", "e", "--prompt", "x"], ["5 models", "one to 4"]),
        (["a", "--prompt", "x", "--temperature", "-1"], ["--temperature"]),
        (["~nobody-of-this-name/a", "--prompt", "x"], ["begins with ~", "whole path"]),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    one_line_error(benchtui("chat", *arguments), ExitCode.USAGE, words)


def test_without_a_model_and_without_any_that_was_trained(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    done = benchtui("chat", "--prompt", "x", "--outputs", tmp_path / "outputs")
    one_line_error(done, ExitCode.FAILED, ["no trained models"])


def test_text_in_a_pipe_is_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n"), encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    one_line_error(benchtui("chat", "a"), ExitCode.USAGE, ["nothing to say", "--prompt"])


def test_prompts_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("\ufeffOne?\n\n  Two?  \n", encoding="utf-8")
    assert read_scripts(str(file)) == (Script(("One?",)), Script(("Two?",)))
    rows = [
        {"prompt": "One?", "other": 1},
        {"messages": [
            {"role": "system", "content": "Short."}, {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B"}, {"role": "user", "content": "C"},
        ]},
    ]  # fmt: skip
    lines = tmp_path / "p.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)))
    assert read_scripts(str(lines)) == (Script(("One?",)), Script(("A", "C"), "Short."))


def test_a_prompt_may_hold_any_character(tmp_path: Path) -> None:
    lines = tmp_path / "p.jsonl"
    lines.write_text(
        '{"prompt": "One\u2028line?"}\r\n\r\n{"prompt": "Half \\ud83d"}\r\n[]', encoding="utf-8", newline=""
    )
    with pytest.raises(UsageError, match="row 4"):
        read_scripts(str(lines))
    lines.write_text(lines.read_text(encoding="utf-8").removesuffix("[]"), encoding="utf-8", newline="")
    assert read_scripts(str(lines)) == (Script(("One\u2028line?",)), Script(("Half \ufffd",)))
    lines.with_suffix(".txt").write_text("One\x0cprompt\nanother", encoding="utf-8")
    assert read_scripts(str(lines.with_suffix(".txt"))) == (Script(("One\x0cprompt",)), Script(("another",)))


@pytest.mark.parametrize("row", ['{"question": "x"}', "[]", "{", '{"messages": [1]}', '{"prompt": " "}', "[" * 20_000])
def test_a_row_that_says_nothing_is_named(tmp_path: Path, row: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "x"}\n' + row)
    with pytest.raises(UsageError, match="row 2"):
        read_scripts(str(file))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe"])
def test_a_file_without_prompts_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.txt").write_bytes(content)
    with pytest.raises(UsageError):
        read_scripts(str(tmp_path / "p.txt"))
