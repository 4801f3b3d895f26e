"""A base and a fine-tuned model that stop together as soon as they are decided, struck in either's turn."""

from __future__ import annotations

import os
import signal

from benchtui.evidence.sequential import DOCUMENTS_A_LOOK as LOOK
from tests.e2e.faults.drive import Place, done_record, results_of, same_results
from tests.e2e.faults.kept import row, with_score
from tests.e2e.faults.table import Row, fault
from tests.e2e.faults.workshop import WRITES

EARLY = ("--decide-early", "--decide-delta", "70", "--decide-for", "sign")
"""So wide that it is decided at the first look, when each side has answered LOOK documents of a task."""


@fault("side by side until decided, struck in the base's turn and in the other's")
def both_turns(place: Place) -> list[Row]:
    place.add(place.workshop.lora, "lora")
    reference = place.references.place("lora-early", *EARLY)
    rows = []
    for turn, at in (("the base's", 12), ("the fine-tuned model's", 2 * LOOK - 4), ("its second", 4 * LOOK - 8)):
        pause = place.pause(at)
        run = place.resume("lora", env=pause.env) if rows else place.run("lora", *EARLY, env=pause.env)
        run.paused(pause)
        base, tuned = place.base("lora"), place.runs("lora")[0]
        os.kill(run.worker(tuned), signal.SIGKILL)
        pause.release()
        code = run.ended()
        assert code == 3, run.text
        for side in (base, tuned):
            record = done_record(side)
            assert record.status == "failed", "what is evaluated together ends together"
            assert bool(record.results) == bool(record.answered), "what was answered is scored"
        rows.append(row(f"side by side: worker killed in {turn} turn", run, base, code))
    for side in (base, tuned):
        left = results_of(side)["benchtui"]
        assert left["partial"]
        assert list(left["decide_early"]) == [WRITES], "what was decided before stays decided"

    pause = place.pause(at=4)
    run = place.resume("lora", env=pause.env)
    run.paused(pause)
    run.send(signal.SIGTERM)
    pause.release()
    code = run.ended()
    assert code == 130, run.text
    assert {done_record(base).status, done_record(tuned).status} == {"cancelled"}
    rows.append(row("side by side: stopped", run, tuned, code))

    run = place.resume("lora")
    assert run.ended() == 0, run.text
    assert place.runs("lora") == [tuned]
    for side in (base, tuned):
        stops = results_of(side)["benchtui"]["decide_early"]
        assert {(stop["decision"], stop["n"]) for stop in stops.values()} == {("within", LOOK)}
        assert done_record(side).early
    same_results(base, reference.base("lora-early"))
    return with_score(rows, same_results(tuned, reference.runs("lora-early")[0]))
