"""`benchtui hybrid run`: the main job, for a small and a large model that answer as one."""

from __future__ import annotations

from typing import Any

import click

from benchtui.cli.parameters.hybrid import HybridCommand, hybrid_choice, hybrid_options
from benchtui.cli.run import start


@click.command("run", cls=HybridCommand)
@hybrid_options
def command(**values: Any) -> int:
    """Benchmark a small and a large model that answer as one model, by a strategy.

    This is `benchtui run --backend hybrid`, and takes all of its settings: what `benchtui compare`, gate and resume do
    with other runs they do with this one. Models are named as for `benchtui run`, a GGUF file by its path; both must
    have the same tokenizer, and fit into memory together. A higher threshold leaves more to the small model.

    The flags of eval_hybrid.py (--slm, --llm, --use_slm_only, --num_drafts, …) are read too.

    \b
    benchtui hybrid run --small A --large B --tasks gsm8k --strategy uncertainty --threshold 0.5
    benchtui hybrid run --small A --large B --tasks gsm8k --strategy speculative --num-drafts 4
    benchtui hybrid run --small A --large B --tasks hellaswag --small-only
    """
    return start(hybrid_choice(values))
