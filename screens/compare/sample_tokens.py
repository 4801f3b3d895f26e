"""The tokens of a sample: where they were compared, or the command that compares them."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.plans.token_choice import BASE, LAST, TokensChoice
from benchtui.results.token_documents import BenchmarkDocument, FoundTokens, find_document
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import is_base, model_of, run_name
from benchtui.settings.rows import NO_SUITE
from screens.dialogs import Ask
from screens.page import Page

if TYPE_CHECKING:
    from benchtui.compare.documents import PairedDocument
    from benchtui.compare.records import Comparison


@dataclass(frozen=True)
class _Nowhere:
    """No comparison by token has the document; `choice` makes one."""

    choice: TokensChoice


def show_tokens(page: Page, comparison: Comparison, document: PairedDocument) -> None:
    """Show the answers to a document token by token; where they were not compared, offer to do so."""
    choice = page.settings.choice
    runs = (comparison.first.run, comparison.second.run)
    wanted = BenchmarkDocument(document.task, document.doc_id, document.doc_hashes, runs)

    def find() -> FoundTokens | _Nowhere:
        found = find_document(choice.outputs, wanted)
        return found or _Nowhere(comparing(choice, runs, document))

    def show(found: FoundTokens | _Nowhere) -> None:
        if isinstance(found, _Nowhere):
            _offer(page, found.choice)
            return
        from screens.tokens.token_view import TokenView

        page.app.push_screen(TokenView(found.results, found.documents, found.documents[-1]))

    page.load(find, show, group="tokens")


def _offer(page: Page, choice: TokensChoice) -> None:
    def answer(yes: bool | None) -> None:
        if yes:
            from benchtui.wizard.launch import launch_tokens

            page.notify("Starting the comparison …", timeout=5, markup=False)
            page.load(lambda: launch_tokens(choice), page.navigator.open_runs, group="tokens")

    what = "all samples that changed" if choice.flips else "all answers to this task"
    about = f"This compares {what}, token by token:\n\n{shlex.join(choice.command)}"
    page.app.push_screen(
        Ask("The tokens of this sample have not been compared yet.", about, yes="Start it", no="Not now"), answer
    )


def comparing(choice: Choice, runs: tuple[Path, Path], document: PairedDocument) -> TokensChoice:
    """Return what compares the models of two runs on their answers: to the documents that changed side where this is
    one of them, else to all of its task. Raises BenchtuiError where a run lies in no model's folder."""
    flips = document.change in ("fixed", "broken")
    counting = _counting(choice.outputs, runs)
    answers = () if counting and flips else (LAST,) if counting else tuple(_named(run) for run in runs)
    plain = Choice(
        outputs=choice.outputs,
        suite=NO_SUITE,
        tasks=(document.task,),
        include_paths=choice.include_paths,
        device=choice.device,
        offline=choice.offline,
        permissions=choice.permissions,
        timeout=choice.timeout,
    )
    return TokensChoice(
        dataclasses.replace(plain, compare=False), _models(runs, choice.outputs), answers=answers, flips=flips
    )


def _models(runs: tuple[Path, Path], outputs: Path) -> tuple[str, str]:
    """Return what the models of two runs are called on the command line, those of another backend with its name."""
    names = []
    for path in runs:
        run = RunDirectory(path)
        plan, model = run.readable_plan(), model_of(run)
        if model is None:
            raise BenchtuiError(
                f"{path} lies in no model's folder, so that its model is not known.", "Name a run that has one."
            )
        name = BASE if is_base(run) else _model_name(model, outputs)
        plain = plan is None or plan.backend == "hf" or is_base(run)
        names.append(name if plain else f"{plan.backend}:{name}")  # type: ignore[union-attr]
    first, second = names
    return first, second


def _model_name(model: Path, outputs: Path) -> str:
    folder = outputs.absolute()
    return str(model.relative_to(folder) if model.is_relative_to(folder) else model)


def _counting(outputs: Path, runs: tuple[Path, Path]) -> bool:
    """Whether these are the base and the run that count of one model: what is compared where no runs are named."""
    from benchtui.results.choose import choose_runs

    model = model_of(RunDirectory(runs[1]))
    if model is None or not is_base(RunDirectory(runs[0])) or not model.is_relative_to(outputs.absolute()):
        return False
    chosen = choose_runs(model)
    found = [run.path.absolute() if run is not None else None for run in (chosen.base, chosen.fine_tuned)]
    return found == [path.absolute() for path in runs]


def _named(run: Path) -> str:
    return run_name(RunDirectory(run))
