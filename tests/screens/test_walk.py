"""Every screen by keyboard alone, on runs that the real worker left behind."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from screens.run.run import RunPage
from tests.screens.conftest import MODEL, Open, press, settle, shown, type_in


async def test_home_lists_models_and_previews_the_selected_one(open_app: Open) -> None:
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(pilot)
        assert f"● {MODEL}" in screen
        assert "↗ +55.0 ▲ excellent" in screen, "the last result with arrow and verdict"
        assert "24,000 samples" in screen, "training facts of the selected model"
        assert "✗ broken" in screen
        await press(pilot, "down")
        assert "Not benchmarked yet: press b." in shown(pilot)


async def test_home_notices_a_new_model(open_app: Open, models: Path) -> None:
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "new-one" not in shown(pilot)
        source = models / "never-benchmarked" / "merged_16bit"
        target = models / "new-one" / "merged_16bit"
        target.mkdir(parents=True)
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        await pilot.pause(2.5)
        await settle(pilot)
        assert "new-one" in shown(pilot)


async def test_no_models_says_what_to_do(open_app: Open, models: Path) -> None:
    from benchtui.plans.choice import Choice

    async with open_app(Choice(outputs=Path("elsewhere"))).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(pilot)
        assert "There is no folder elsewhere." in screen
        assert "--outputs DIR" in screen


async def test_comparison_then_samples_then_back(open_app: Open) -> None:
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "The fine-tuned model is better at Following" in screen
        assert "▲ excellent" in screen
        assert "▼ forgetting?" in screen
        assert "exact McNemar, 40 pairs" in screen
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "all 40" in screen
        assert "✗ Base" in screen
        assert "Question" in screen
        assert "The whole prompt, as the model got it" in screen
        await press(pilot, "f")
        assert sides(shown(pilot)) == ("✗", "✓"), "a fixed document was wrong and is right"
        await press(pilot, "f")
        assert "No such samples." in shown(pilot)
        await press(pilot, "escape")
        assert "The fine-tuned model is better" in shown(pilot)
        await press(pilot, "down", "down", "enter", "f", "f")
        assert sides(shown(pilot)) == ("✓", "✗"), "a broken one the other way round"
        await press(pilot, "escape")
        await press(pilot, "escape")
        assert "Last result" in shown(pilot)


def sides(screen: str) -> tuple[str, str]:
    """Whether the base and the fine-tuned model were right, by their glyphs."""
    line = next(line for line in screen.splitlines() if " Base " in line and "Fine-tuned" in line)
    return line.split("Base")[0].strip()[-1], line.split("Fine-tuned")[0].strip()[-1]


async def test_searching_samples(open_app: Open) -> None:
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter", "slash")
        await type_in(pilot, "spoon")
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "with 'spoon'" in screen
        count = int(screen.split("all ")[1].split()[0])
        assert 0 < count < 40
        await press(pilot, "escape")
        assert "all 40" in shown(pilot), "Esc ends the search before it leaves"


async def test_a_sample_is_kept_as_a_test_of_ones_own(open_app: Open, models: Path) -> None:
    async with open_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter", "f", "a")
        assert "what is the right answer?" in shown(pilot)
        await type_in(pilot, "indeed")
        await press(pilot, "enter")
        assert "Kept as row 1" in shown(pilot)
        assert "benchtui run --data" in shown(pilot)
        await press(pilot, "a", "escape")
    kept = [json.loads(line) for line in (models.parent / "tasks" / "kept.jsonl").read_text().splitlines()]
    assert len(kept) == 1
    assert kept[0]["question"].strip()
    assert kept[0]["answer"] == "indeed"
    assert kept[0]["wrong"], "a fixed sample was answered wrongly by the base"


async def test_kept_samples_of_both_kinds_are_data_of_ones_own(open_app: Open, models: Path, tmp_path: Path) -> None:
    async with open_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter", "a")
        await type_in(pilot, "indeed")
        await press(pilot, "enter")
        assert "Kept as row 1" in shown(pilot)
        await press(pilot, "escape", "down", "down", "enter", "a", "enter")
        assert "Kept as row 1" in shown(pilot)
    kinds = {}
    for name in ("kept", "kept-choices"):
        kept = models.absolute().parent / "tasks" / f"{name}.jsonl"
        kinds[name] = make_task(DataSpec(name=name, source=str(kept)), tmp_path / "made").kind
    assert kinds == {"kept": "generate", "kept-choices": "choices"}


async def test_any_run_against_any_other(open_app: Open) -> None:
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "o")
        names = [line.split(MODEL)[1].strip("│ ") for line in shown(pilot).splitlines() if f" {MODEL}/" in line]
        old, new = sorted(name for name in names if name.startswith("/2026"))
        for run in (old, new):
            await press(pilot, *["down"] * names.index(run), "enter")
        screen = shown(pilot)
        assert "2026-11-20T23-43-25 ↔ 2026-11-20T23-43-39" in screen, "called by their runs, not A and B"
        assert "✕ not comparable" in screen
        assert "40 of 40 were asked with another prompt" in " ".join(screen.split()), "in words, why"


async def test_history_note_and_delete(open_app: Open, models: Path) -> None:
    async with open_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "h")
        screen = shown(pilot)
        assert "2026-11-20 23:43" in screen
        assert "other run is not comparable" in screen.splitlines()[1], "they were asked with other prompts"
        await press(pilot, "n")
        await type_in(pilot, "second try")
        await press(pilot, "enter")
        assert "second try" in shown(pilot)
        runs = models / MODEL / "benchmarks" / "fine-tuned"
        before = sorted(entry.name for entry in runs.iterdir())
        await press(pilot, "x")
        assert "Delete this run?" in shown(pilot)
        await press(pilot, "n")
        assert sorted(entry.name for entry in runs.iterdir()) == before, "No deletes nothing"
        await press(pilot, "x", "y")
        await settle(pilot)
        assert sorted(entry.name for entry in runs.iterdir()) == before[:-1]
        assert "second try" not in shown(pilot)


async def test_task_into_a_suite_of_ones_own(open_app: Open) -> None:
    Path("benchtui.toml").write_text('# mine, kept\n[suites.mine]\ntasks = ["ifeval"] # first\n')
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        await settle(pilot, 60)
        await type_in(pilot, "gsm8k")
        await press(pilot, "enter")
        assert "Grade-School Maths" in shown(pilot)
        assert "Word problems of two to eight steps" in shown(pilot), "what the task tests"
        await press(pilot, "a", "enter")
        await settle(pilot)
    text = Path("benchtui.toml").read_text()
    assert text.startswith("# mine, kept\n")
    assert "# first" in text
    assert tomllib.loads(text)["suites"]["mine"]["tasks"] == ["ifeval", "gsm8k"]


async def test_help_speaks_of_the_focused_thing(open_app: Open) -> None:
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "f1")
        screen = shown(pilot)
        assert "Your trained models, newest first." in screen
        assert "Benchmark the selected model, step by step" in screen
        await press(pilot, "escape")
        assert "Your trained models" not in shown(pilot)


async def test_palette_finds_actions_and_themes(open_app: Open) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+p")
        await pilot.pause(0.3)
        assert "All models beside each other" in shown(pilot)
        assert "Page" not in shown(pilot), "moving about needs no search"
        await type_in(pilot, "light")
        await pilot.pause(0.3)
        await press(pilot, "down", "enter")
        assert app.theme == "benchtui-light"


async def test_ctrl_c_twice_leaves_with_130(open_app: Open) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+c")
        await pilot.pause(0.4)
        assert "Press Ctrl+C again" in shown(pilot)
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_code == 130


async def test_finished_runs_can_be_looked_at(open_app: Open, models: Path) -> None:
    from benchtui.runs.directory import RunDirectory

    app = open_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        newest = sorted((models / MODEL / "benchmarks" / "fine-tuned").iterdir())[-1]
        app.open_runs([RunDirectory(models / MODEL / "benchmarks" / "base"), RunDirectory(newest)])
        await pilot.pause(0.5)
        screen = shown(pilot)
        assert "✓ Base finished" in screen
        assert "40/40" in screen
        assert "results written" in screen, "the log tab tells what happened"
        await press(pilot, "i")
        assert "dtype float32" in shown(pilot), "what was decided, and why"
        assert isinstance(app.screen, RunPage), "a finished run is shown, not left"
        await press(pilot, "c")
        await settle(pilot)
        assert "The fine-tuned model is better" in shown(pilot)


async def test_the_run_that_was_watched_is_compared_whichever_counts_for_the_model(
    open_app: Open, models: Path
) -> None:
    from benchtui.runs.directory import RunDirectory

    app = open_app()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        oldest, *newer = sorted((models / MODEL / "benchmarks" / "fine-tuned").iterdir())
        assert newer
        app.open_runs([RunDirectory(oldest)])
        await pilot.pause(0.5)
        await press(pilot, "c")
        await settle(pilot)
        assert f"↔ {oldest.name}" in shown(pilot)


async def test_copying_goes_to_the_terminals_clipboard(open_app: Open) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "c")
        assert app.clipboard.startswith("|")
        assert "Following Instructions" in app.clipboard
        await press(pilot, "enter", "c")
        assert "--- Fine-tuned" in app.clipboard


async def test_answers_of_a_live_run_stand_beside_their_prompts(open_app: Open, models: Path) -> None:
    from benchtui.runs.events import InFlight, InFlightDocument, encode
    from benchtui.runs.journal.journal import Journal, RequestKey
    from benchtui.runs.kinds.benchmark.events import Mark, Marked
    from tests.screens.test_pictures import half_done

    run = half_done(models / MODEL / "benchmarks")
    asked = InFlight(t=0, task="demo_knowledge", documents=[InFlightDocument(8, "Who lives on the island?")])
    marked = Marked(
        t=0, task="demo_knowledge", marks=[Mark(6, False), Mark(7, True, "Who lives by the sea?"), Mark(8, None)]
    )
    with run.events.open("ab") as events:
        events.write(encode(asked) + encode(marked))
    with Journal(run.journal) as journal:
        for doc_id, answer in ((6, "[red]Everybody"), (8, "Some."), (7, "Nobody at all.")):
            journal.record(RequestKey("demo_knowledge", doc_id, 0), "digest", answer)
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open_runs([run])
        await pilot.pause(0.5)
        await press(pilot, "a")
        await pilot.pause(0.5)
        screen = shown(pilot)
        assert "✓ right demo_knowledge #7 Who lives by the sea?" in screen
        assert "demo_knowledge #8 Who lives on the island?" in screen
        assert "Nobody at all." in screen
        assert "✗ wrong demo_knowledge #6" in screen
        assert "[red]Everybody" in screen
        assert "right demo_knowledge #8" not in screen
        await press(pilot, "x")
        assert "Stop this run?" in shown(pilot)
        await press(pilot, "y")
        assert run.cancel.is_file(), "the supervisor is asked; it ends the worker"
