"""`benchtui tokens compare`: several models at every token of the same texts, or of what each writes."""

from __future__ import annotations

import sys
from typing import Any

import click

from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.cli.parameters.tokens import token_options, tokens_choice
from benchtui.plans.token_choice import TOKEN_SETTINGS

_NOT_HERE = ("prompt", "answer")
"""Settings whose flags mean a text of its own here, where no data are named."""


@click.command("compare", cls=SectionedCommand)
@click.argument("models", nargs=-1, metavar="MODEL...")
@token_options
@setting_options(*(name for name in TOKEN_SETTINGS if name not in _NOT_HERE))
def command(models: tuple[str, ...], **values: Any) -> int:
    """Compare MODELs token by token: what each makes of every token of the same texts.

    A MODEL is a name in outputs, NAME:FORMAT, a path, a GGUF file or a Hub id; base means the base of the first
    trained one. BACKEND:MODEL opens one by another backend, for example gguf:my-model. The first one is what the
    others are compared with.

    The texts are stored answers of runs, references of tasks or of your own data, or a prompt; all models read the
    same ones, and each is asked what it would have written at every place. With --mode own each writes its own text
    instead, and only distributions are compared. One model is in memory at a time. The result can be looked at later
    without the models: `benchtui tokens show RUN`.

    \b
    benchtui tokens compare base my-model --tasks gsm8k --limit 100
    benchtui tokens compare base my-model --checkpoints --data questions.jsonl
    benchtui tokens compare my-model gguf:my-model:Q4_K_M --tasks gsm8k --limit 50
    benchtui tokens compare base my-model --prompt "The capital of France is" --answer " Paris."
    """
    choice = tokens_choice(models, values)
    from benchtui.benchmark.tokens import compare_tokens
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.supervise.control import Control, say_on_stderr

    settings = choice.settings
    if settings.detach and not in_background():
        return start_detached(sys.argv[1:])
    with Control(say_on_stderr) as control:
        frontend = Terminal(as_json=settings.json, resume=settings.resume)
        return compare_tokens(choice, frontend, control).exit_code
