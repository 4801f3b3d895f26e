"""`benchtui tasks`: search everything lm-eval can run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import setting_option
from benchtui.cli.terminal.main_job import Terminal
from benchtui.cli.terminal.paragraphs import aside, hanging, width
from benchtui.errors import ExitCode, UsageError
from benchtui.tasks.catalogue import Catalogue, load_catalogue
from benchtui.tasks.entries import Kind, TaskEntry
from benchtui.tasks.words import PLAIN_WORDS, task_title, task_words
from benchtui.text import one_line

_TYPES = {
    "generate_until": "generates text",
    "multiple_choice": "multiple choice",
    "loglikelihood": "scores an ending",
    "loglikelihood_rolling": "perplexity",
    "": "defined in Python",
}
_SHOWN = 20


@click.command("tasks", short_help="Search lm-eval's tasks.")
@click.argument("query", nargs=-1)
@click.option("--kind", type=click.Choice(["task", "group", "tag"]), help="Only these.")
@setting_option("include-path", "A folder of your own task files (.yaml); may be given more than once.")
@click.option("--limit", type=click.IntRange(min=1), help=f"How many to show.  [default: {_SHOWN}; with --json: all]")
@json_option("Print the entries as JSON.", variable=True)
def command(
    query: tuple[str, ...], kind: str | None, include_path: tuple[Path, ...], limit: int | None, as_json: bool
) -> int:
    """Search lm-eval's tasks, groups and tags by name or by what they test.

    Without a QUERY: the best-known ones.

    \b
        benchtui tasks maths
        benchtui tasks mmlu --kind group
    """
    catalogue = load_catalogue(include_path, Terminal().reading_tasks)
    for problem in catalogue.broken:
        click.echo(f"{one_line(problem)}: passed over.", err=True)
    wanted = " ".join(query)
    if not (wanted or kind or limit or as_json):
        _guide(catalogue)
        return ExitCode.DONE
    found = catalogue.search(wanted, None, cast("Kind | None", kind)) if wanted else _all(catalogue, kind)
    if as_json:
        import json

        json.dump([_record(catalogue, entry) for entry in found[:limit]], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _show(catalogue, found, limit or _SHOWN)
    if not found:
        click.echo(f"Nothing fits {one_line(wanted)!r}. `benchtui tasks` lists the best-known tasks.", err=True)
    return ExitCode.DONE if found else ExitCode.FAILED


def _all(catalogue: Catalogue, kind: str | None) -> tuple[TaskEntry, ...]:
    """Every entry of one kind, the best-known first."""
    place = {name: number for number, name in enumerate(PLAIN_WORDS)}
    chosen = [entry for entry in catalogue.entries.values() if kind is None or entry.kind == kind]
    return tuple(sorted(chosen, key=lambda entry: (place.get(entry.name, len(place)), entry.name)))


def _record(catalogue: Catalogue, entry: TaskEntry) -> dict[str, Any]:
    leaves = _leaves(catalogue, entry)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "title": task_title(entry.name),
        "tests": task_words(entry.name),
        "description": entry.description,
        "output_types": _output_types(catalogue, leaves or [entry.name]),
        "shots": entry.shots,
        "tasks": len(leaves),
        "members": list(entry.members),
        "dataset": entry.dataset,
        "tags": list(entry.tags),
        "unsafe_code": entry.unsafe_code,
        "file": str(catalogue.file(entry.name) or ""),
    }


def _leaves(catalogue: Catalogue, entry: TaskEntry) -> Sequence[str]:
    """The tasks of an entry; none for a group that lm-eval itself could not load."""
    try:
        return catalogue.expand([entry.name])
    except UsageError:
        return ()


def _output_types(catalogue: Catalogue, names: Sequence[str]) -> list[str]:
    found = (catalogue.get(name) for name in names)
    return sorted({entry.output_type for entry in found if entry})


def _guide(catalogue: Catalogue) -> None:
    areas: dict[str, list[str]] = {}
    for name, words in PLAIN_WORDS.items():
        if name in catalogue:
            areas.setdefault(words.area, []).append(name)
    for area, names in areas.items():
        hanging(area, ", ".join(names), 26, bold=True)
    aside(
        f"\nThe best known of {len(catalogue):,} tasks, groups and tags. Search by name or meaning:"
        "\n  benchtui tasks maths\n  benchtui tasks mmlu --kind group"
        "\nRun some with: benchtui run --tasks NAME,NAME"
    )


def _show(catalogue: Catalogue, found: Sequence[TaskEntry], limit: int) -> None:
    for entry in found[:limit]:
        name, facts = one_line(entry.name), " · ".join(_facts(catalogue, entry))
        beside = len(name) + 2 if len(name) + 2 + len(facts) <= width() else 2
        hanging(name, facts, beside, bold=True)
        hanging("", _about(catalogue, entry), 2)
    if len(found) > limit:
        aside(f"\n{len(found) - limit:,} more: add a word to the query, or --limit {len(found)}.")


def _facts(catalogue: Catalogue, entry: TaskEntry) -> list[str]:
    leaves = _leaves(catalogue, entry)
    kinds = [_TYPES.get(kind, kind) for kind in _output_types(catalogue, leaves)]
    if entry.kind == "task":
        facts = ["task", *kinds]
        if entry.output_type:
            # lm-eval takes no other number of shots where a task's own YAML says 0.
            facts.append("always 0-shot" if entry.shots == 0 else f"{entry.shots or 0}-shot")
    else:
        size = f"{len(leaves):,} task{'' if len(leaves) == 1 else 's'}" if leaves else "tasks lm-eval cannot load"
        facts = [
            f"{entry.kind} {'of' if entry.kind == 'group' else 'for'} {size}",
            " and ".join(kinds) if len(kinds) < 3 else "several types",
        ]
    if any((leaf := catalogue.get(name)) and leaf.unsafe_code for name in leaves):
        facts.append("runs the model's code")
    return [one_line(fact, 60) for fact in facts if fact]


def _about(catalogue: Catalogue, entry: TaskEntry) -> str:
    """What the entry tests, in our words, else in its own, else where its questions come from."""
    if entry.name in PLAIN_WORDS:
        return f"{task_title(entry.name)}: {task_words(entry.name)}"
    if entry.kind == "tag":
        return one_line(f"{', '.join(entry.members)}", 76)
    first = next(iter(_leaves(catalogue, entry)), "")
    leaf = catalogue.get(first)
    dataset = entry.dataset or (leaf.dataset if leaf else "")
    return one_line(": ".join(part for part in (entry.description, dataset) if part) or entry.file, 160)
