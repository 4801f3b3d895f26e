"""Writes what a comparison can show before it is run, as tables and sentences for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchtui.compare.planning import GateChances, Outlook, Prospect
from benchtui.evidence.records import ALPHA, POWER
from benchtui.points import point_words
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_outlook(found: Outlook, console: Console) -> None:
    """Print the tables, and the conclusions."""
    from rich.text import Text

    console.print(_chances(found))
    if found.limit is not None:
        console.print(Text(""))
        console.print(_gate(found))
    console.print(Text(""))
    console.print(Text(answer(found), style="bold"))
    for line in remarks(found):
        console.print(Text(line))


def _plain_table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _chances(found: Outlook) -> Table:
    from rich.text import Text

    watched = any(task.stopping for task in found.tasks)
    table = _plain_table(
        "Benchmark", "Samples", "Change\nside", f"{point_words(found.gain)}\nshown in", "Shows\nfrom", "Needs\nsamples",
        *(["Stops\nat"] if watched else []),
    )  # fmt: skip
    for task in found.tasks:
        cells = [_count(task.n), _percent(task.discordant), _chance(task.power), _size(task), f"{task.needed:,}"]
        if watched:
            cells.append("–" if task.stopping is None else f"{task.stopping.median:,}")
        table.add_row(Text(one_line(task.title, 40)), *cells)
        if (new := task.new_tasks) is not None:
            least = "–" if new.detectable is None else f"{100 * new.detectable:.1f}"
            label = f"  new tasks like its {new.tasks}"
            table.add_row(Text(label, style="dim"), "", "", _chance(new.power), least, *[""] * (1 + watched))
    return table


def _gate(found: Outlook) -> Table:
    from rich.text import Text

    lost = next((task.gate for task in found.tasks if task.gate), ())
    headings = ["nothing lost" if not each.lost else f"{point_words(each.lost)} lost" for each in lost]
    table = _plain_table(f"Gate, max. loss {found.limit:g}", *headings)
    for task in found.tasks:
        cells = [_gate_cell(each) for each in task.gate] or ["–"] * len(lost)
        table.add_row(Text(one_line(task.title, 40)), *cells)
    table.caption = "met / not met / inconclusive, in % of runs"
    return table


def _gate_cell(chances: GateChances) -> str:
    shares = (chances.met, chances.not_met, chances.inconclusive)
    return " / ".join(_percent(share).removesuffix(" %") for share in shares)


def answer(found: Outlook) -> str:
    """Return whether the samples are enough for the wanted gain, in a sentence."""
    gain = f"a gain of {point_words(found.gain)}"
    known = [task for task in found.tasks if task.power is not None]
    enough, few = [t for t in known if t.enough], [t for t in known if not t.enough]
    if not known:
        return f"How many samples these tasks have is not known, so nor is whether {gain} would show. Add --limit N."
    if not few:
        where = "on each of these tasks" if len(known) > 1 else f"on {known[0].title}"
        said = f"Enough: {gain} {where} would be shown at least four times in five."
    elif not enough:
        best = max(few, key=lambda task: task.power or 0.0)
        best_at = f" at best ({one_line(best.title, 40)})" if len(few) > 1 else ""
        said = f"Not enough: {gain} would be shown in {_percent(best.power or 0.0)} of runs{best_at}."
    else:
        shown = " and ".join(_percent(task.power or 0.0) for task in few)
        there = "there" if len(few) < 4 else "on the latter"
        said = f"Enough for {_names(enough)}, not for {_names(few)}: {there} {gain} would be shown in {shown} of runs."
    unknown = [task for task in found.tasks if task.power is None]
    return f"{said} How many samples {_names(unknown)} has is not known." if unknown else said


def remarks(found: Outlook) -> Iterator[str]:
    """Return the assumptions behind the figures, and what would help."""
    shared = f", shared by {_sharers(found)} (Holm)" if found.tests > 1 else ""
    early = any(task.stopping for task in found.tasks)
    level = f"{100 * ALPHA:g} %{' for all looks together' if early else ''}"
    yield (
        f"“Shown in”: how often the comparison would call a true gain of {point_words(found.gain)} a gain, at "
        f"{level}{shared}. “Shows from”: the smallest gain, in points, that it shows four times in five; "
        "“needs samples”: how many that takes for yours."
    )
    yield from _of_many(found)
    few = [task for task in found.tasks if task.enough is False]
    if helped := [task for task in few if task.total is None or task.n != task.total >= task.needed]:
        yield f"More samples help: {', '.join(f'{task.title} needs {task.needed:,}' for task in helped)}."
    if full := [task for task in few if task.total is not None and task.total < task.needed]:
        have = ", ".join(f"{task.title} has {task.total:,} in all" for task in full)
        yield f"{have}, which is too few: look for a larger gain, or for a larger benchmark of the same skill."
    sources = dict.fromkeys(f"{_percent(task.discordant)} {task.discordant_from}" for task in found.tasks)
    yield f"Samples that change side between the two models: {'; '.join(sources)}."
    if any(task.discordant_from == "assumed" for task in found.tasks):
        yield "Fewer changes make it easier: a first comparison has a share of its own, or give --discordance 10%."
    if early:
        yield (
            "Stopping early, by simulation (give or take 3 points): “stops at” is a median. A run of a true gain stops "
            "once the sign is certain, as that excludes a loss too. All other columns are of a run that goes on to its "
            "end and is judged there, at 1 %."
        )
    for task in found.tasks:
        if (new := task.new_tasks) is not None:
            yield (
                f"{task.title}: the first line is about its own {new.tasks} tasks, the second about new tasks of this "
                f"kind, whose gains differ by {100 * new.spread:.1f} points (standard deviation, {new.spread_from}); "
                "roughly, by a t-test over tasks."
            )
    if found.gate_met is not None:
        if len(found.tasks) > 1:
            yield f"The whole gate is met in {_percent(found.gate_met)} of runs that lost nothing anywhere."
        if found.gate_met < POWER:
            yield "An inconclusive gate means too few samples, not a loss: allow a larger loss, or ask more samples."


def _sharers(found: Outlook) -> str:
    if found.models == 1:
        return f"{found.tests} tasks"
    columns = found.tests // found.models
    what = f"{columns} columns" if columns > 1 else "this task"
    return f"{found.tests} tests: {found.models} models on {what}{', their mean among them' if columns > 1 else ''}"


def _of_many(found: Outlook) -> Iterator[str]:
    """Say how a leaderboard judges its models."""
    told = [task for task in found.tasks if task.best is not None]
    if not told:
        return
    chances = ", ".join(f"{one_line(task.title, 40)} {_percent(min(task.best or 0.0, 0.999))}" for task in told)
    yield (
        f"A leaderboard of {found.models} models calls one the best where it is shown to be better than the base and "
        f"every other one. One that truly is, by {point_words(found.gain)}, is called so in about: {chances}."
    )
    if found.limit is not None:
        yield "The gate is that of one of these models."


def short_answer(found: Outlook) -> str:
    """Return the smallest gain that the samples can show, in one line: "Shows gains from 6.5 points
    (Instruction-Following)"."""
    sizes = [(task.detectable, task.title) for task in found.tasks if task.detectable is not None]
    if not sizes:
        known = any(task.n is not None for task in found.tasks)
        return "So few samples can show no gain at all." if known else ""
    told = [f"{100 * size:.1f} points ({one_line(title, 30)})" for size, title in sizes[:2]]
    more = f" and {len(sizes) - 2} more" if len(sizes) > 2 else ""
    return f"Can show gains from {', '.join(told)}{more}. `benchtui plan` says more."


def _names(tasks: Sequence[Prospect]) -> str:
    titles = [one_line(task.title, 40) for task in tasks]
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)


def _count(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"


def _size(task: Prospect) -> str:
    if task.n is None:
        return "?"
    return "never" if task.detectable is None else f"{100 * task.detectable:.1f}"


def _chance(share: float | None) -> str:
    return "?" if share is None else _percent(min(share, 0.999))  # nothing is certain, least of all by simulation


def _percent(share: float) -> str:
    """Return whole percents; never 0 or 100 for what may happen or fail to."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"
