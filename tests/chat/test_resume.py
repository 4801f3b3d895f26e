"""Opening a chat again: what is trusted anew, what is said of models that changed, and which chats there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from benchtui.benchmark.remove import remove_run
from benchtui.benchmark.resume import ResumeChoice
from benchtui.chat.listing import find_chat, find_chats
from benchtui.chat.resume import resume_chat_session
from benchtui.chat.session import ChatSession
from benchtui.chat.supervision import Supervision, chat_settings
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Permissions, read_plan, write_plan
from benchtui.plans.prepare_chat import find_chat_models, prepare_chat
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import AskedWriter, Turn, asked_file
from benchtui.runs.listing import list_runs
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import step_after
from benchtui.runs.records import DoneRecord, write_record
from benchtui.runs.unfinished import OpenRunsReader
from tests.cli.results_commands import benchtui
from tests.models.model_folders import full_model, write_json

Begin = Callable[[Callable[[str], None]], ChatSession]
NOTHING = ResumeChoice(Permissions(), chat_settings(None))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A chat with a model that is there; no worker is started for it."""
    monkeypatch.setattr(Supervision, "begin", lambda self: None)
    model = full_model(tmp_path / "outputs" / "tuned" / "merged_16bit")
    (model / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    choice = ChatChoice(Choice(outputs=tmp_path / "outputs", compare=False, offline=True), ("tuned",))
    plan, _ = prepare_chat(choice, find_chat_models(choice))
    found = RunDirectory(tmp_path / "outputs" / "tuned" / "chats" / "2026-11-29T10-00-00")
    write_plan(found.plan_file, plan)
    say(found, "Hello")
    return found


def say(run: RunDirectory, text: str, number: int = 1) -> None:
    writer = AskedWriter(asked_file(run))
    writer.write(Turn(number=number, text=text))
    writer.close()


def change(run: RunDirectory, **changes: object) -> None:
    write_plan(run.plan_file, msgspec.structs.replace(read_plan(run.plan_file, ChatPlan), **changes))


def opened(run: RunDirectory, choice: ResumeChoice = NOTHING) -> list[str]:
    """What is said when a chat is opened again."""
    said: list[str] = []
    resume_chat_session(run, choice, said.append).close()
    return said


def test_permissions_are_given_again(run: RunDirectory) -> None:
    change(run, permissions=Permissions(remote_code=True))
    with pytest.raises(BenchtuiError, match="started with --trust-remote-code"):
        opened(run)
    opened(run, ResumeChoice(Permissions(remote_code=True), chat_settings(None)))
    opened(run, ResumeChoice(Permissions(remote_code=True), chat_settings(None)))


def test_another_python_and_arguments_that_load_code_are_not_taken_from_a_plan(run: RunDirectory) -> None:
    change(run, python="/somebody/bin/python")
    with pytest.raises(BenchtuiError, match="run by the Python /somebody/bin/python"):
        opened(run)
    [model] = read_plan(run.plan_file, ChatPlan).models
    prompts = msgspec.structs.replace(model.prompts, model_args={"attn_implementation": "org/code"})
    change(run, python=None, models=(msgspec.structs.replace(model, prompts=prompts),))
    with pytest.raises(BenchtuiError, match="attn_implementation"):
        opened(run)


def test_a_model_that_changed_is_said(run: RunDirectory, tmp_path: Path) -> None:
    assert opened(run) == []
    write_json(tmp_path / "outputs" / "tuned" / "merged_16bit" / "generation_config.json", {"repetition_penalty": 1.3})
    [said] = opened(run)
    assert said.startswith("tuned: ")
    assert said.endswith("what it says from now on may be different.")
    assert opened(run) == [], "the chat is with this one from now on"


def test_what_cannot_be_read_of_a_chat_is_said(run: RunDirectory) -> None:
    with asked_file(run).open("a") as file:
        file.write('{"asked":"turn","number":2,"te\n{"asked":"turn","number":3,"after":7,"text":"Lost"}\n')
    assert opened(run) == [f"2 lines of {asked_file(run)} cannot be read, and are left out."]


def test_a_model_that_is_gone_is_named(run: RunDirectory, tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "tuned" / "merged_16bit"
    folder.rename(folder.with_name("away"))
    with pytest.raises(BenchtuiError, match="merged_16bit"):
        opened(run)
    with FolderLock(run.lock, "the test"):
        pass  # it was given back


def test_a_run_of_another_kind_is_no_chat(run: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory(tmp_path / "outputs" / "tuned" / "tokens" / "one")
    other.records.mkdir(parents=True)
    other.plan_file.write_bytes(run.plan_file.read_bytes().replace(b'"chat"', b'"something"', 1))
    with pytest.raises(UsageError, match="of the kind something, and no chat"):
        opened(other)


def test_a_chat_that_leads_elsewhere_is_not_written(run: RunDirectory, tmp_path: Path) -> None:
    link = run.path.with_name("linked")
    link.symlink_to(run.path)
    with pytest.raises(BenchtuiError, match="is a link to another place"):
        opened(RunDirectory(link))


def test_chats_are_listed_and_deleted(run: RunDirectory, tmp_path: Path) -> None:
    outputs, chats = tmp_path / "outputs", run.path.parent
    newer, empty, damaged, long = (RunDirectory(chats / name) for name in ("b", "c", "d", "e"))
    for other in (newer, empty, damaged, long):
        write_plan(other.plan_file, read_plan(run.plan_file, ChatPlan))
    say(newer, "Second\n\x1b[31mchat")
    say(damaged, "never read")
    say(long, "x" * 200_000)
    damaged.plan_file.write_text("{")
    for age, one in enumerate((newer, run, long)):
        os.utime(asked_file(one), (1e9 - age, 1e9 - age))
    found = find_chats(outputs)
    assert [chat.run for chat in found] == [newer, run, long]
    assert [chat.name for chat in found][1] == "tuned/chats/2026-11-29T10-00-00"
    assert found[0].models == ("tuned",)
    assert "\x1b" not in found[0].begins
    assert found[0].begins.startswith("Second")
    assert found[2].begins == "(a long message)"
    remove_run(newer)
    assert [chat.run for chat in find_chats(outputs)] == [run, long]


def test_what_to_type_for_a_chat_that_died(run: RunDirectory) -> None:
    assert step_after("died", run, "tuned/chats/one") == "benchtui resume tuned/chats/one"


def test_what_failed_again_and_again_is_not_asked_again(run: RunDirectory) -> None:
    session = resume_chat_session(run, NOTHING, print)
    assert session.unfinished, "the turn that was said has no answer yet"
    session.close()
    write_record(run.done, DoneRecord("failed", "The worker ended without a word (signal SIGSEGV).", t=0.0))
    assert opened(run) == ["What was being written when the worker failed is not continued by itself."]


def test_a_name_means_a_chat_and_a_model_the_chat_that_was_talked_in_last(run: RunDirectory, tmp_path: Path) -> None:
    outputs, newer = tmp_path / "outputs", RunDirectory(run.path.with_name("b"))
    with pytest.raises(BenchtuiError, match="There is no run 'other'"):
        find_chat(outputs, "other")
    full_model(outputs / "fresh" / "merged_16bit")
    with pytest.raises(BenchtuiError, match="There is no chat with fresh yet") as missing:
        find_chat(outputs, "fresh")
    assert missing.value.next_step == "Begin one: benchtui chat fresh"
    assert find_chat(outputs, "tuned").path == run.path.absolute()
    write_plan(newer.plan_file, read_plan(run.plan_file, ChatPlan))
    say(newer, "Second")
    os.utime(asked_file(run), (1e9, 1e9))
    assert find_chat(outputs, "tuned").path == newer.path.absolute()
    assert find_chat(outputs, f"tuned/chats/{run.path.name}").path == run.path.absolute()


def test_resume_opens_a_chat_where_somebody_can_talk(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, ...]] = []

    def open_chat(choice: Choice, begin: Begin, labels: tuple[str, ...], *, blind: bool) -> int:
        assert choice.permissions == Permissions(pickle=True)
        begin(lambda _: None).close()
        shown.append(labels)
        return 0

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("benchtui.cli.app.can_show", lambda: True)
    monkeypatch.setattr("benchtui.cli.app.open_chat", open_chat)
    assert benchtui("resume", "--allow-pickle", run.path).code == 0
    assert shown == [("tuned",)]
    assert read_plan(run.plan_file, ChatPlan).permissions.pickle


def test_a_chat_that_was_stopped_is_no_work_left_undone(run: RunDirectory, tmp_path: Path) -> None:
    write_record(run.done, DoneRecord("cancelled", "Stopped by the user.", t=0.0))
    [listed] = list_runs(tmp_path / "outputs")
    assert (listed.kind, listed.next_step) == ("chat", f"benchtui resume {listed.name}")
    assert OpenRunsReader().read(tmp_path / "outputs").unfinished == ()
