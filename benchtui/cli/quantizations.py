"""`benchtui quantizations MODEL`: every GGUF file of a model against its 16-bit parent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import SectionedCommand, setting_options
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.settings.rows import OF_OWN_DATA, SETTINGS

if TYPE_CHECKING:
    from benchtui.benchmark.quantizations import EvaluatedFiles
    from benchtui.compare.quantizations import Quantizations

BACKEND = "gguf"
_NAMES = (
    "outputs", "suite", "tasks", *(row.name for row in OF_OWN_DATA), "include-path", "limit",
    "default-limit", "num-fewshot", "default-num-fewshot", "chat-template", "system-instruction", "gen-kwargs",
    "enable-thinking", "think-end-token", "max-length", "seed", "timeout", "skip-stalled", "device", "python",
    "kv-type", "flash-attention", "threads", "model-args", "offline",
    "verify", "confirm-unsafe-code", "allow-metric-code", "resume",
)  # fmt: skip


@click.command("quantizations", cls=SectionedCommand)
@click.argument("model")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--parent", metavar="FILE", help="The file the others are compared with. [default: the widest of them]")
@click.option("--once", is_flag=True, help="Run the parent once: half the time for it, and no noise floor.")
@click.option(
    "--token-texts",
    metavar="TEXTS",
    default="prompts",
    help="What the files are compared on token by token: prompts (60 of benchtui's own), tasks (the references of the "
    "tasks), or data of your own, as --data takes them; --limit holds for the last two. [default: prompts]",
)
@click.option("--no-tokens", is_flag=True, help="Leave the comparison token by token out.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, as it is kept in quantizations.json.")
@setting_options(*_NAMES)
def command(
    model: str,
    files: tuple[str, ...],
    parent: str | None,
    once: bool,
    token_texts: str,
    no_tokens: bool,
    as_json: bool,
    **values: Any,
) -> int:
    """Compare the GGUF files of MODEL with their 16-bit parent.

    Each FILE is a quantisation (Q4_K_M), a file's name or a path; without any, all GGUF files of the model. The parent
    is the widest of them, and its tensors must have 16 bits or more, whatever its name says.

    The files are evaluated one after another, each in a run of its own. Runs of the same plan that exist are used
    again, unfinished ones are resumed: after Ctrl+C type the same command. The parent runs twice, which shows how many
    answers change by themselves (the noise floor).

    Then every file and the parent read the same texts, and their distributions are compared at every token: KL
    divergence, same top token, Δp and ratio of perplexities, as llama.cpp's users know them, with 95 % intervals by
    document.

    The table has for each file its size, its changes with 95 % intervals, its perplexity against the parent's where a
    task measures one (--tasks wikitext), and its speed here. All tests are corrected together. "Not shown worse" does
    not mean equal: the limit beside it says which losses are excluded. It is kept in benchmarks/quantizations.json of
    the model's folder.

    \b
    benchtui quantizations my-model --suite quick
    benchtui quantizations my-model Q4_K_M Q8_0 --tasks hellaswag,wikitext --limit 200
    benchtui quantizations my-model --parent ~/models/my-model-BF16.gguf
    """
    defaults = {setting.parameter: setting.default for setting in SETTINGS}
    choice = choice_from_flags(defaults | values | {"backend": BACKEND, "no_base": True, "model": model})
    from benchtui.backends.registry import find_backend
    from benchtui.benchmark.quantization_tokens import ComparedFiles, compare_files
    from benchtui.benchmark.quantization_tokens import token_texts as read_texts
    from benchtui.benchmark.quantizations import evaluate_family
    from benchtui.cli.terminal.main_job import Terminal
    from benchtui.compare.quantizations import with_tokens
    from benchtui.models.quantizations import find_family
    from benchtui.plans.choice import access_of
    from benchtui.plans.tasks import plan_tasks
    from benchtui.reports.own_data import about_tasks
    from benchtui.settings.config import load_config
    from benchtui.supervise.control import Control, say_on_stderr
    from benchtui.tasks.catalogue import load_catalogue

    frontend, backend = Terminal(resume=choice.resume), find_backend(BACKEND)
    found = backend.find(choice.outputs, model, access_of(choice, backend))
    family = find_family(found, backend, files, parent)
    for note in family.notes:
        frontend.say(f"{note}.")
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, frontend.reading_tasks))
    for line in about_tasks(tasks.made):
        frontend.say(line)
    texts = None if no_tokens else read_texts(token_texts, choice, tasks, frontend)
    with Control(say_on_stderr) as control:
        evaluated = evaluate_family(choice, backend, found, family, tasks, frontend, control, twice=not once)
        code, tokens = evaluated.exit_code, ComparedFiles({}, ExitCode.DONE)
        if texts is not None and code == ExitCode.DONE:
            tokens = compare_files(choice, found, family, texts, frontend, control)
            code = tokens.exit_code
    compared = _compare(evaluated)
    if compared is not None:
        _report(with_tokens(compared, tokens.files), found.path, whole=code == ExitCode.DONE, as_json=as_json)
    return int(code)


def _compare(evaluated: EvaluatedFiles) -> Quantizations | None:
    """Return the comparison of the files that left results; None where the parent, or every other, left none."""
    import msgspec

    from benchtui.compare.quantizations import Weights, compare_quantizations
    from benchtui.results.read import read_run

    if evaluated.parent is None or not any(evaluated.others):
        return None
    parent, *others = (
        Weights(file.label, str(file.form.path), file.bytes, file.bits)
        for file in (evaluated.family.parent, *evaluated.family.others)
    )
    there = [(file, read_run(run)) for file, run in zip(others, evaluated.others, strict=True) if run is not None]
    again = read_run(evaluated.again) if evaluated.again else None
    missing = [file.label for file, run in zip(others, evaluated.others, strict=True) if run is None]
    found = compare_quantizations((parent, read_run(evaluated.parent)), there, again, missing)
    return msgspec.structs.replace(found, remarks=evaluated.family.notes)


def _report(found: Quantizations, model: Path, *, whole: bool, as_json: bool) -> None:
    """Print the table or the JSON; write the same to quantizations.json where all was evaluated (`whole`)."""
    from benchtui.files import BENCHMARKS, write_run_file
    from benchtui.reports.quantizations import QUANTIZATIONS_FILE, print_quantizations, quantizations_json
    from benchtui.reports.stdout import stdout_console

    text, place = quantizations_json(found), model / BENCHMARKS / QUANTIZATIONS_FILE
    if as_json:
        click.echo(text, nl=False)
    else:
        print_quantizations(found, stdout_console(elsewhere=100))
    if not whole:
        click.echo("Not all was evaluated, so quantizations.json is left as it is: type the same command.", err=True)
        return
    try:
        write_run_file(place, text)
    except OSError as error:
        raise BenchtuiError(f"{place} cannot be written: {error.strerror or error}.") from None
    click.echo(f"Written: {place}", err=True)
