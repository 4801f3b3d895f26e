"""The `benchtui` command: a table of sub-commands, each imported only when it is called."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

import click
from click.core import ParameterSource

from benchtui import __version__
from benchtui.cli.lazy_group import LazyGroup
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.text import printable

_ENVIRONMENT_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE}
    | {errno.ENFILE, errno.ENOMEM, errno.ENAMETOOLONG, errno.ELOOP}
)
_NO_SUCH_USER = "Could not determine home directory."
"""What pathlib raises a RuntimeError with."""
_NO_MEMORY = ("Memory ran out.", "Close other programs, or allow this one more memory (`ulimit -v`).")
_LONG_WORD = re.compile(r"(\S{200})\S{200,}(\S{100})")

_LEAST_NAME = 3
"""Values shorter than this would be found in any error."""

COMMANDS: dict[str, tuple[str, str]] = {
    "app": ("benchtui.cli.app", "Open the application (what `benchtui` alone does on a terminal)."),
    "run": ("benchtui.cli.run", "Benchmark a trained model against its base."),
    "chat": ("benchtui.cli.chat", "Talk with models that answer side by side."),
    "plan": ("benchtui.cli.plan", "Say what a comparison could show, before it is run: are the samples enough?"),
    "resume": ("benchtui.cli.resume", "Resume an unfinished run; nothing answered is asked again."),
    "runs": ("benchtui.cli.runs", "List runs: running, finished, partial, died."),
    "attach": ("benchtui.cli.attach", "Watch a run from this terminal."),
    "cancel": ("benchtui.cli.cancel", "Stop a run; what was answered is kept and scored."),
    "models": ("benchtui.cli.models", "List the trained models in outputs/ and what each was trained from."),
    "ollama": ("benchtui.cli.ollama", "Make a trained model known to Ollama, checked afterwards."),
    "suites": ("benchtui.cli.suites", "List the suites of tasks and what each one tests."),
    "tasks": ("benchtui.cli.tasks", "Search lm-eval's tasks."),
    "ls": ("benchtui.cli.tasks", "List the best-known tasks, as `benchtui tasks` does."),
    "data": ("benchtui.cli.data", "Look at data of your own before they are evaluated."),
    "metrics": ("benchtui.cli.metrics", "List the metrics for your own data; score the answers in a file."),
    "quantizations": ("benchtui.cli.quantizations", "Compare the GGUF files of a model with their 16-bit parent."),
    "rescore": ("benchtui.cli.rescore", "Score a run's stored answers again, with a corrected task or another metric."),
    "compare": ("benchtui.cli.compare", "Compare two runs, sample by sample."),
    "tokens": ("benchtui.cli.tokens.group", "Compare models token by token: where exactly did the model change?"),
    "hybrid": ("benchtui.cli.hybrid.group", "A small and a large model that answer as one: what is lost, what saved?"),
    "summarize": ("benchtui.cli.summarize", "Rebuild benchmark.json from what is on disk."),
    "overlap": ("benchtui.cli.overlap", "Find the documents of a benchmark that occur in training data."),
    "leaderboard": ("benchtui.cli.leaderboard", "Many models beside each other: which one is best, and is that shown?"),
    "pick": ("benchtui.cli.pick", "Which model to keep: the smallest that is shown to be good enough."),
    "history": ("benchtui.cli.history", "All runs of a model, or of all models, side by side."),
    "note": ("benchtui.cli.note", "Write a remark down beside a run."),
    "gate": ("benchtui.cli.gate", "Pass or fail a model by its comparison, for CI."),
    "readme": ("benchtui.cli.readme", "Put the results into the model's README files."),
    "serve": ("benchtui.cli.serve", "Open the application in a browser, on this machine."),
    "doctor": ("benchtui.cli.doctor", "Check this machine: packages, GPU, caches, disk."),
    "demo": ("benchtui.cli.demo", "Run the whole main job on two tiny models, offline, in a minute."),
}
"""name: (module, one line of help). Help stands here so that `benchtui --help` imports none of them."""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="benchtui")
@click.pass_context
def cli(ctx: click.Context, /) -> None:
    """Did the fine-tuning help, and how sure are we?

    On a terminal `benchtui` alone opens the application; the flags of `benchtui run` fill in its questions. With
    --timeout nothing is asked: `benchtui --timeout 30min` benchmarks the newest model in ./outputs.
    """


def main(argv: list[str] | None = None) -> None:
    """Entry point of the console script: one line for anything a user can cause, and the exit code that says so."""
    _open_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments = _without_command(arguments)
    try:
        _require_home()
        result = cli.main(args=arguments, prog_name="benchtui", standalone_mode=False)
    except BenchtuiError as error:
        variables = _variables_behind(error.what, arguments)
        _complain(error.what, " ".join(filter(None, (error.next_step, variables))))
        sys.exit(error.exit_code)
    except click.UsageError as error:
        _complain(*_wrong_use(error))
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        _complain(error.format_message())
        sys.exit(ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.FAILED)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRNOS:
            raise
        _complain(f"{error.filename or 'A file'} cannot be written or read: {error.strerror}.")
        sys.exit(ExitCode.FAILED)
    except (MemoryError, RuntimeError, ImportError, SystemError) as error:
        if str(error) == _NO_SUCH_USER:
            _complain("A path begins with ~ and the name of a user that is not known here.", "Type the whole path.")
            sys.exit(ExitCode.USAGE)
        if not is_caused_by_out_of_memory(error):
            raise
        _complain(*_NO_MEMORY)
        sys.exit(ExitCode.FAILED)
    sys.exit(result if isinstance(result, int) else ExitCode.DONE)


def _require_home() -> None:
    """Raises BenchtuiError where nobody can say what ~ is: a user without an entry in /etc/passwd, as containers have,
    and without HOME. Libraries would make a folder of that name."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path.home() has its own error for it
        raise BenchtuiError("This user has no home folder.", "Set HOME to a folder that you may write to.")


def _open_streams() -> None:
    """Make the three streams usable: where one was closed, a file opened later would get its number, and its text."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "w" if descriptor else "r", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_PLAIN)  # an arrow must not end a run on an ASCII terminal


_PLAIN = "benchtui.plain"
_PLAIN_SIGNS = {"−": "-", "–": "-", "…": "...", "×": "x", "“": '"', "”": '"', "’": "'"}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return the plain signs for those that a stream cannot write, and escapes for the others (an error handler of
    `codecs`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(
        _PLAIN_SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs
    ), error.end


codecs.register_error(_PLAIN, _plain)


def _wrong_use(error: click.UsageError) -> tuple[str, str]:
    """What is wrong with what was typed, or with the variable that was read instead, and the next step."""
    variable = _variable_of(error)
    if variable:
        return f"{variable}: {error.message}", "Correct or unset the variable."
    return (
        error.format_message(),
        f"`{error.ctx.command_path if error.ctx else 'benchtui'} --help` lists what it takes.",
    )


def _variable_of(error: click.UsageError) -> str:
    """The environment variable that a wrong value comes from, "" when it was typed."""
    param = error.param if isinstance(error, click.BadParameter) else None
    if error.ctx is None or param is None or param.name is None or not isinstance(param.envvar, str):
        return ""
    return param.envvar if error.ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT else ""


def _variables_behind(what: str, arguments: Sequence[str]) -> str:
    """A sentence on the variables whose values the error `what` is about, where no flag was typed instead."""
    from benchtui.settings.rows import SETTINGS

    typed = {word.partition("=")[0] for word in arguments}
    named = []
    for setting in SETTINGS:
        value = os.environ.get(setting.variable, "")
        if len(value) < _LEAST_NAME or setting.variable in what or typed & set(setting.flags):
            continue
        if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", what):
            named.append(setting.variable)
    return f"({' and '.join(named)} in the environment {'says' if len(named) == 1 else 'say'} so.)" if named else ""


def _without_command(arguments: list[str]) -> list[str]:
    """What `benchtui [FLAGS]` means: unattended with --timeout or without a terminal, else the application, in which
    the flags are filled in."""
    unattended = any(word == "--timeout" or word.startswith("--timeout=") for word in arguments)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if "--plain" not in arguments and (unattended or not terminal):
        return ["run", *arguments] if arguments else ["--help"]
    return ["app", *arguments]


def _complain(what: str, next_step: str = "") -> None:
    said = f"benchtui: {printable(what)}\n" + (f"  → {printable(next_step)}\n" if next_step else "")
    with suppress(OSError):  # nobody is there to read it
        sys.stderr.write(_LONG_WORD.sub(r"\1…\2", said))
        sys.stderr.flush()
