"""Compare the GGUF files of one model with their parent token by token, on the same texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from benchtui.backends.registry import find_backend
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.tokens import start, tokens_plan, tokens_runs
from benchtui.compare.quantizations import FileTokens
from benchtui.errors import ExitCode
from benchtui.models.layout import TrainedModel
from benchtui.models.quantizations import Family, WeightsFile
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.prepare_tokens import prepare_tokens, task_references
from benchtui.plans.shipped_texts import shipped_texts
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.plans.token_choice import LARGEST, TokensChoice
from benchtui.plans.token_models import FoundModels, find_models
from benchtui.plans.tokens import GivenTexts, TextSource, TokensPlan
from benchtui.results.tokens import read_tokens
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import shown_name
from benchtui.runs.records import run_state
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE
from benchtui.supervise.control import Control
from benchtui.tasks.catalogue import load_catalogue
from benchtui.text import one_line

PROMPTS, TASKS = "prompts", "tasks"
"""Names of texts: benchtui's own prompts, and the references of the tasks that the files are evaluated on."""
_BYTES_A_TOKEN = 2
"""A careful guess: fewer tokens are seldom in a text of so many bytes."""
_LIKELIEST = 1024


@dataclass(frozen=True)
class ComparedFiles:
    """What became of each file, by its label; `exit_code` is that of the run, DONE where none was needed."""

    files: dict[str, FileTokens]
    exit_code: ExitCode


def token_texts(named: str, choice: Choice, tasks: PlannedTasks, frontend: Frontend) -> TextSource:
    """Return the texts that `named` means: PROMPTS, TASKS, else data of the user's own. Raises BenchtuiError where they
    cannot be read."""
    if named == PROMPTS:
        return shipped_texts()
    if named != TASKS:
        settings = dataclasses.replace(choice, suite=NO_SUITE, tasks=(), data=(named,))
        tasks = plan_tasks(settings, load_config(), load_catalogue(choice.include_paths, frontend.reading_tasks))
    environment = access_of(choice, find_backend(choice.backend)).environment
    return task_references(tasks, choice.include_paths, environment.version_of("lm_eval") or "")


def compare_files(
    choice: Choice, model: TrainedModel, family: Family, texts: TextSource, frontend: Frontend, control: Control
) -> ComparedFiles:
    """Compare every file with the parent. A file that a finished comparison has with the same parent and texts is not
    compared again. Raises BenchtuiError where the comparison cannot be planned."""
    wanted = _choice(choice, [family.parent, *family.others])
    plan, _ = _plan(wanted, texts)
    labels = [file.label for file in family.others]
    known = dict(_known(model, plan, labels))
    for label, found in known.items():
        frontend.say(f"{label}: tokens compared in {found.run} are used again.")
    missing = [file for file in family.others if file.label not in known]
    if not missing:
        return ComparedFiles(known, ExitCode.DONE)
    rest = _choice(choice, [family.parent, *missing])
    plan, notes = _plan(rest, texts)
    for line in notes:
        frontend.say(line)
    outcome = start(plan, model, rest, frontend, control)
    if run_state(outcome.run) == "finished":
        known |= _files(outcome.run, plan, [file.label for file in missing])
    return ComparedFiles(known, outcome.exit_code)


def _choice(choice: Choice, files: Sequence[WeightsFile]) -> TokensChoice:
    settings = dataclasses.replace(choice, suite=NO_SUITE, tasks=(), data=(), base=None, compare=False)
    paths = tuple(str(file.form.path) for file in files)
    return TokensChoice(settings, paths, tuple(file.label for file in files))


def _plan(choice: TokensChoice, texts: TextSource) -> tuple[TokensPlan, list[str]]:
    found = find_models(choice)
    if not _fits(found, texts):
        choice = dataclasses.replace(choice, keep="topk", kept_top=_LIKELIEST)
    plan, notes = prepare_tokens(choice, found, texts)
    with_parent = tuple((0, number) for number in range(1, len(plan.models)))
    return msgspec.structs.replace(plan, pairs=with_parent), notes


def _fits(found: FoundModels, texts: TextSource) -> bool:
    """Whether all log-probabilities may be kept; of texts that nobody has read yet the worker tells their size."""
    if not isinstance(texts, GivenTexts):
        return True
    tokens = sum(len((text.prompt + text.answer).encode()) for text in texts.texts) // _BYTES_A_TOKEN
    vocabulary = found.models[0].own.architecture.vocab_size or 0
    return 2 * tokens * vocabulary * len(found.models) <= LARGEST


def _known(model: TrainedModel, plan: TokensPlan, labels: Sequence[str]) -> list[tuple[str, FileTokens]]:
    """Return the files that finished comparisons of the model have already, the newest first."""
    found: dict[str, FileTokens] = {}
    for run in tokens_runs(model):
        theirs = tokens_plan(run)
        if theirs is None or run_state(run) != "finished" or not _same_texts(theirs, plan):
            continue
        for label, one in _files(run, theirs, labels, plan).items():
            found.setdefault(label, one)
    return list(found.items())


def _same_texts(one: TokensPlan, other: TokensPlan) -> bool:
    return one.mode == other.mode == "given" and one.text_facts() == other.text_facts()


def _files(
    run: RunDirectory, plan: TokensPlan, labels: Sequence[str], wanted: TokensPlan | None = None
) -> dict[str, FileTokens]:
    """Return what a run has of the files called `labels`, whose models are those of the plan `wanted`, against its
    first model; its own plan where none is given."""
    wanted = wanted or plan
    asked = {model.label: model.score_settings() for model in wanted.models}
    parent = wanted.models[0].score_settings()
    if parent != plan.models[0].score_settings():
        return {}
    summary = read_tokens(run.path).summary
    numbers = {
        label: number
        for label in labels
        for number, model in enumerate(plan.models)
        if number and model.score_settings() == asked.get(label)
    }
    pairs = {pair.second: pair for pair in summary.pairs if pair.first == 0}
    return {
        label: FileTokens(
            one_line(shown_name(run), 200), summary.texts, summary.documents, pairs[number], summary.notes
        )
        for label, number in numbers.items()
        if number in pairs
    }
