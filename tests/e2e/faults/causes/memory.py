"""Memory that runs out: in an allocation, and for the kernel."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Decision, Failed
from tests.e2e.faults.drive import Place, done_record, events_of, on_disk, same_results
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import CHOICES

BATCH = 6
FEW = ("--tasks", CHOICES, "--limit", "2")
"""The model's vocabulary is so large that the log-softmax of one sequence takes a hundred megabytes."""
MIB = 1 << 20
ROOM = 370 * MIB
"""More than an uninterrupted run at batch 1 took: enough for batch 3, too little for batch 6."""
CGROUPS = Path("/sys/fs/cgroup")


@fault("an allocation that fails, and the batch size that is remembered")
def allocation_fails(place: Place) -> list[Row]:
    reference, alone = memory_of_one(place)
    memory = ("prlimit", f"--as={alone['VmPeak'] + ROOM}")
    run = place.run("wide", *FEW, batch=BATCH, before=memory)
    directory = run.newest_run()
    code = run.ended()
    assert code == 0, run.text
    sizes = batch_sizes(directory)
    assert sizes[:2] == ["6", "3"], sizes
    resumed = same_results(directory, reference, tolerance=1e-6)
    row = Row(
        f"allocation failure, batch {' → '.join(sizes)}", "0/6", on_disk(directory), len(place.left()), code, resumed
    )

    run = place.run("wide", *FEW, batch=BATCH, before=memory)
    directory = run.newest_run()
    assert run.ended() == 0, run.text
    again = batch_sizes(directory)
    assert again == ["6", sizes[-1]], f"planned {again[0]}, remembered {sizes[-1]}, but then: {again}"
    assert "did not fit into memory before" in run.text
    return [row]


@fault("an allocation that fails for a single sequence")
def nothing_fits(place: Place) -> list[Row]:
    reference, alone = memory_of_one(place)
    run = place.run("wide", *FEW, batch=2, before=("prlimit", f"--as={alone['VmPeak'] - 130 * MIB}"))
    directory = run.newest_run()
    code = run.ended()
    failed = [event for event in events_of(directory) if isinstance(event, Failed)]
    assert failed[0].reason == "out of memory", run.text
    assert "merged_4bit" in failed[0].next_step
    assert code == 3 if done_record(directory).results else code == 1
    before, answered = on_disk(directory), done_record(directory).answered
    run = place.resume()
    assert run.ended() == 0, run.text
    resumed = same_results(directory, reference, tolerance=1e-6)
    return [Row("allocation failure at batch 1", f"{answered}/6", before, len(place.left()), code, resumed)]


@fault("the kernel's OOM killer")
def killed_by_the_kernel(place: Place) -> list[Row]:
    reference, alone = memory_of_one(place)
    with memory_group(charged(alone) + ROOM) as group:
        if group is None:
            return [Row("kernel OOM kill", "–", "not possible here: no memory control group", 0, "–", "–")]
        run = place.run("wide", *FEW, batch=BATCH, before=inside(group))
        directory = run.newest_run()
        code = run.ended()
        assert code == 0, run.text
        shares = [
            event.choice for event in events_of(directory) if isinstance(event, Decision) and event.what == "memory"
        ]
        assert shares, f"the kernel killed nobody:\n{run.text}"
        sizes = batch_sizes(directory)
        resumed = same_results(directory, reference, tolerance=1e-6)
        name = f"kernel OOM kill, batch {' → '.join(sizes)}"
        return [Row(name, "0/6", on_disk(directory), len(place.left()), code, resumed)]


@fault("the kernel's OOM killer, and the batch size that is remembered", long_only=True)
def killed_by_the_kernel_once(place: Place) -> list[Row]:
    rows = killed_by_the_kernel(place)
    if rows[0].code == 0:
        with memory_group(charged(place.references.memory("wide")) + ROOM) as group:
            assert group is not None
            run = place.run("wide", *FEW, batch=BATCH, before=inside(group))
            directory = run.newest_run()
            assert run.ended() == 0, run.text
            assert rows[0].fault.endswith(f"→ {batch_sizes(directory)[-1]}"), "the size that worked is remembered"
            assert not any(isinstance(event, Decision) and event.what == "memory" for event in events_of(directory))
    return rows


@fault("the kernel's OOM killer, with two workers", long_only=True)
def one_of_two_killed_by_the_kernel(place: Place) -> list[Row]:
    """Whoever was killed plans with less of the memory from then on; the run does not end."""
    place.environment["XDG_STATE_HOME"] = str(place.root / "state")
    place.add(place.workshop.wide, "wide-two")
    tasks = ("--tasks", CHOICES, "--limit", "8")
    reference = place.references.place("wide-two", *tasks, batch=1).runs("wide-two")[0]
    with memory_group(2 * charged(place.references.memory("wide-two")) + ROOM) as group:
        if group is None:
            return [Row("kernel OOM kill, two workers", "–", "not possible here: no memory control group", 0, "–", "–")]
        run = place.run("wide-two", *tasks, "--workers", "2", batch=BATCH, before=inside(group))
        directory = run.newest_run()
        code = run.ended()
        assert code == 0, run.text
        said = [event for files in directory.shards() for event in read_events(files.events)]
        shares = [event.choice for event in said if isinstance(event, Decision) and event.what == "memory"]
        assert shares, f"the kernel killed nobody:\n{run.text}"
        resumed = same_results(directory, reference, tolerance=1e-6)
        return [Row("kernel OOM kill, two workers", "0/24", on_disk(directory), len(place.left()), code, resumed)]


def inside(group: Path) -> tuple[str, ...]:
    return ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")


def memory_of_one(place: Place) -> tuple[RunDirectory, dict[str, int]]:
    """The wide model in outputs; an uninterrupted run at batch 1, and the memory that it took, in bytes."""
    place.environment["XDG_STATE_HOME"] = str(place.root / "state")  # remembered batch sizes are this fault's own
    place.add(place.workshop.wide, "wide")
    references = place.references
    reference = references.place("wide", *FEW, batch=1).runs("wide")[0]
    return reference, references.memory("wide")


def charged(memory: dict[str, int]) -> int:
    """What a control group cannot give back: files that are mapped can be read again."""
    return memory["VmHWM"] - memory["RssFile"]


def batch_sizes(run: RunDirectory) -> list[str]:
    return [event.choice for event in events_of(run) if isinstance(event, Decision) and event.what == "batch size"]


@contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """A control group with so many bytes, None where none can be made (not root, or no control groups)."""
    second = (CGROUPS / "cgroup.controllers").is_file()
    group = (CGROUPS if second else CGROUPS / "memory") / f"benchtui-faults-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        group.mkdir()
        (group / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(limit))
    except OSError:
        with suppress(OSError):
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()
