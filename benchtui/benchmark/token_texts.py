"""The texts of a comparison by token: stored answers of runs, references of tasks and data, or a prompt."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.benchmark.frontend import Frontend
from benchtui.compare.compare import compare_runs
from benchtui.compare.token_flips import chosen_documents
from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.hub.cache import has_token
from benchtui.plans.prepare_tokens import given_text, task_references
from benchtui.plans.tasks import plan_tasks
from benchtui.plans.token_choice import BASE, LAST, TokensChoice
from benchtui.plans.token_models import FoundModels
from benchtui.plans.tokens import ChosenDocument, StoredAnswers, TaskReferences, TextSource
from benchtui.reports.own_data import about_tasks
from benchtui.results.choose import find_scored_run, places_to_compare
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import run_name, shown_name
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.needs import check_packages, needs_words
from benchtui.text import one_line


@dataclass(frozen=True)
class ChosenTexts:
    """What the models are compared on, None for benchtui's own prompts. `answers` are the runs whose answers they are,
    as one types them, and `compared` the folders of the two whose comparison they come from."""

    source: TextSource | None
    answers: tuple[str, ...] = ()
    compared: tuple[str, str] | None = None


def texts_of(choice: TokensChoice, found: FoundModels, frontend: Frontend) -> ChosenTexts:
    """Return the texts that the models are compared on, telling what the user should know of them.

    Raises UsageError where several flags say which, BenchtuiError for what cannot be read.
    """
    stored, tasks = bool(choice.answers or choice.flips), bool(choice.settings.tasks)
    said = {
        "--answers": bool(choice.answers) and not choice.flips,
        "--flips": choice.flips,
        "--tasks": tasks and not stored,
        "--data": bool(choice.settings.data) and (stored or not tasks),
        "--prompt": choice.prompt is not None,
    }
    named = [flag for flag, there in said.items() if there]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each say which texts.", "Give one of them.")
    if choice.settings.limit is not None and (choice.prompt is not None or choice.flips):
        raise UsageError(f"--limit says nothing with {named[0]}.", "Leave it out.")
    if choice.prompt is not None:
        return ChosenTexts(given_text(choice))
    if stored:
        return _stored(choice, found, frontend)
    if not named:
        return ChosenTexts(None)
    return ChosenTexts(_references(choice, found, frontend))


def _references(choice: TokensChoice, found: FoundModels, frontend: Frontend) -> TaskReferences:
    settings = dataclasses.replace(choice.settings, suite=NO_SUITE)
    tasks = plan_tasks(settings, load_config(), load_catalogue(settings.include_paths, frontend.reading_tasks))
    environment = found.models[0].access.environment
    check_packages(tasks.resolved, environment)
    for line in (*about_tasks(tasks.made), *tasks.notes, *needs_words(tasks.resolved, has_token=has_token())):
        frontend.say(line)
    return task_references(tasks, settings.include_paths, environment.version_of("lm_eval") or "")


# Stored answers.


def _stored(choice: TokensChoice, found: FoundModels, frontend: Frontend) -> ChosenTexts:
    runs = _runs(choice, found)
    tasks = tuple(dict.fromkeys(leaf for task in choice.settings.tasks for leaf in _leaves(task, runs)))
    chosen: tuple[ChosenDocument, ...] = ()
    if choice.flips:
        chosen = _flipped(choice, runs, frontend)
    source = StoredAnswers(
        runs=tuple(str(run.path.absolute()) for run in runs),
        labels=tuple(_writers(runs, found)),
        tasks=tasks,
        limit=None if choice.flips else _limit(choice),
        chosen=chosen,
        prompts_too=choice.score_prompts,
    )
    for run, label in zip(runs, source.labels, strict=True):
        frontend.say(f"Texts: the answers in {shown_name(run)}, written by {one_line(label, 100)}.")
    names = tuple(_typed(run, choice.settings.outputs) for run in runs)
    return ChosenTexts(source, names, (source.runs[0], source.runs[1]) if choice.flips else None)


def _typed(run: RunDirectory, outputs: Path) -> str:
    """What to type to mean a run: its name where that means it here, else its path."""
    place, name = run.path.absolute(), run_name(run)
    try:
        same = find_scored_run(outputs, name).path.absolute() == place
    except BenchtuiError:
        same = False
    return name if same else str(place)


def _runs(choice: TokensChoice, found: FoundModels) -> list[RunDirectory]:
    """Return the runs whose answers are read, in the order in which they were named."""
    outputs = choice.settings.outputs
    named = choice.answers or (LAST,)
    runs: list[RunDirectory] = []
    for name in named:
        runs += _last(choice, found) if name == LAST else [find_scored_run(outputs, name)]
    runs = list({run.path.absolute(): run for run in runs}.values())
    if choice.flips and len(runs) != 2:
        raise UsageError(
            f"--flips compares two runs, and {len(runs)} are meant.", "Name them: --flips --answers RUN --answers RUN"
        )
    return runs


def _last(choice: TokensChoice, found: FoundModels) -> list[RunDirectory]:
    """Return the runs that count of the models: of one alone, or beside its base, the base's run as well."""
    outputs = choice.settings.outputs
    models = list(dict.fromkeys(one.model.path for one in found.models if one.form is not None))
    if len(models) == 1 or BASE in choice.models:
        base, tuned, _ = places_to_compare(outputs, str(models[0]), None)
        others = [find_scored_run(outputs, str(path)) for path in models[1:]]
        return [RunDirectory(base), RunDirectory(tuned), *others]
    return [find_scored_run(outputs, str(path)) for path in models]


def _flipped(choice: TokensChoice, runs: Sequence[RunDirectory], frontend: Frontend) -> tuple[ChosenDocument, ...]:
    comparison = compare_runs(read_run(runs[0]), read_run(runs[1]))
    chosen = chosen_documents(comparison, tasks=choice.settings.tasks, seed=choice.settings.seeds[2])
    counts = {change: sum(one.change == change for one in chosen) for change in ("fixed", "broken", "same")}
    frontend.say(
        f"Of {shown_name(runs[0])} and {shown_name(runs[1])}: {counts['fixed']:,} documents fixed, "
        f"{counts['broken']:,} broken, and {counts['same']:,} drawn of those that did not change."
    )
    return chosen


def _leaves(task: str, runs: Sequence[RunDirectory]) -> Iterator[str]:
    """Yield the tasks of which all runs have samples that `task` means. Raises UsageError where there are none."""
    there = set.intersection(*({facts.name for facts in read_run(run).tasks} for run in runs))
    meant = [task] if task in there else []
    for run in runs:
        plan = run.readable_plan()
        meant += [leaf for leaf in (plan.leaves.get(task, ()) if plan else ()) if leaf in there]
    if not meant:
        names = ", ".join(one_line(name, 60) for name in sorted(there)[:5]) or "none"
        raise UsageError(
            f"The runs have no answers to {one_line(task, 80)} in common.", f"Tasks that all of them have: {names}."
        )
    yield from meant


def _limit(choice: TokensChoice) -> int | None:
    limit = choice.settings.limit
    if limit is None or limit == math.inf:
        return None
    if limit < 1:
        raise UsageError("--limit is a share, and of stored answers a number is needed.", "Give a whole number.")
    return int(limit)


def _writers(runs: Sequence[RunDirectory], found: FoundModels) -> Iterator[str]:
    """Yield who wrote the answers of each run: the model that is compared here where it is that one, else the run."""
    taken: set[str] = set()
    sources = [one.unread_source for one in found.models]
    for run in runs:
        plan = run.readable_plan()
        name = shown_name(run)
        for label, source in zip(found.labels, sources, strict=True):
            if plan is not None and label not in taken and plan.source.score_settings() == source.score_settings():
                name = label
                break
        taken.add(name)
        yield name
