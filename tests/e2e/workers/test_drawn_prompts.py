"""Tasks that draw random numbers while their prompts are built have the prompts that one worker gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.commands import samples_in
from tests.e2e.local_tasks import write_data
from tests.e2e.workers.pooled_runs import NEAR, answers, assert_alike, tiny_place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DRAWS = """
import random
import numpy as np


def text(doc):
    return f"{doc['q']} {random.random()} {np.random.random()} is"
"""
TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: loglikelihood
doc_to_text: !function draws.text
doc_to_target: ' {{{{a}}}}'
metric_list:
  - metric: acc
"""


def test_whoever_builds_them_and_in_whatever_order(tmp_path: Path) -> None:
    names = [f"drawn_{number}" for number in range(5)]
    place = tiny_place(tmp_path, "--tasks", ",".join(names))
    data = write_data(tmp_path / "data" / "test.jsonl", [{"q": f"what {n}", "a": "fox"} for n in range(12)])
    (tmp_path / "tasks" / "draws.py").write_text(DRAWS)
    for name in names:
        (tmp_path / "tasks" / f"{name}.yaml").write_text(TASK.format(name=name, data=data))
    alone, shared = place.run(1), place.run(3)
    one, three = answers(alone), answers(shared)
    assert {key: asked for key, (asked, _) in one.items()} == {key: asked for key, (asked, _) in three.items()}
    assert_alike([one[key][1] for key in one], [three[key][1] for key in one], NEAR)
    first = [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples_in(alone.lm_eval, names[0])]
    last = [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples_in(alone.lm_eval, names[-1])]
    assert len({*first, *last}) == 24, "they are drawn, and each task draws others"
