"""t on a sample of a comparison: its tokens, or the command that compares them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchtui.cli.parameters.tokens import tokens_choice
from benchtui.cli.tokens.compare import command
from benchtui.plans.token_choice import TokensChoice
from benchtui.runs.directory import RunDirectory
from screens.compare.samples import SamplesPage
from screens.dialogs import Ask
from screens.tokens.token_view import TokenView
from tests.screens.conftest import MODEL, Open, press, settle, shown
from tests.screens.tokens.made_run import Made, made_run


async def _samples(pilot: Pilot[int], *keys: str) -> SamplesPage:
    """The samples of the first task, those that changed first."""
    await settle(pilot)
    await press(pilot, "enter", "enter", *keys)
    page = pilot.app.screen
    assert isinstance(page, SamplesPage)
    return page


def _parsed(typed: str) -> TokensChoice:
    program, group, name, *arguments = shlex.split(typed)
    assert (program, group, name) == ("benchtui", "tokens", "compare")
    with command.make_context("compare", arguments) as context:
        values = dict(context.params)
        return tokens_choice(values.pop("models"), values)


def _shown_command(pilot: Pilot[int]) -> str:
    assert isinstance(pilot.app.screen, Ask)
    return pilot.app.screen._about.split("\n\n")[1]


@pytest.mark.parametrize(("filter_keys", "flips"), [(("f",), True), (("f", "f", "f"), False)])
async def test_what_was_not_compared_is_offered(
    open_app: Open, models: Path, monkeypatch: pytest.MonkeyPatch, filter_keys: tuple[str, ...], flips: bool
) -> None:
    started: list[TokensChoice] = []

    def launch(choice: TokensChoice) -> list[RunDirectory]:
        started.append(choice)
        return [made_run(models / MODEL)]

    monkeypatch.setattr("benchtui.wizard.launch.launch_tokens", launch)
    async with open_app().run_test(size=(120, 36)) as pilot:
        await _samples(pilot, *filter_keys)
        await press(pilot, "t")
        assert "have not been compared yet" in shown(pilot)
        typed = _shown_command(pilot)
        choice = _parsed(typed)
        assert choice.models == ("base", MODEL)
        assert choice.flips is flips
        assert choice.answers == (() if flips else ("last",))
        assert choice.settings.tasks == ("demo_instructions",)
        await press(pilot, "n")
        assert not started, "n starts nothing"
        await press(pilot, "t", "y")
        assert [one.command for one in started] == [choice.command], "what is shown is what is started"


async def test_other_runs_are_named(open_app: Open, models: Path) -> None:
    from screens.compare.compare import ComparePage

    older = sorted((models / MODEL / "benchmarks" / "fine-tuned").iterdir())[0]
    app = open_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        base = RunDirectory(next((models / MODEL / "benchmarks" / "base" / "previous").iterdir()))
        app.push_screen(ComparePage(models / MODEL, (base, RunDirectory(older))))
        await settle(pilot)
        await press(pilot, "enter", "t")
        assert "not been compared" in shown(pilot)
        answers = _parsed(_shown_command(pilot)).answers
        assert answers == (f"{MODEL}/previous/{base.path.name}", f"{MODEL}/{older.name}")


async def test_what_was_compared_opens(open_app: Open, models: Path) -> None:
    app = open_app()
    async with app.run_test(size=(120, 36)) as pilot:
        page = await _samples(pilot, "f", "down")
        document = page._shown_document
        assert document is not None
        place = f"{document.task} #{document.doc_id}"
        texts = [Made("other #1", "Q:", " no"), Made(place, "Q:", " its answer", "base"), Made(place, "Q:", " theirs")]
        made_run(models / MODEL, texts, name="2026-11-20T00-00-00")
        await press(pilot, "t")
        assert isinstance(app.screen, TokenView)
        screen = shown(pilot)
        assert place in screen
        assert "theirs" in screen
        assert "document 2 of 2" in screen
        await press(pilot, "D")
        assert "its answer" in shown(pilot)
        await press(pilot, "escape")
        assert isinstance(app.screen, SamplesPage)
