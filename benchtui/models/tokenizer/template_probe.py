"""Renders a chat template before a model is loaded, in a separate process, since it may loop or fill the memory.

Uses Jinja's sandbox configured as in transformers (5.x, utils/chat_template_utils.py), which is too slow to import
here.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from typing import Any

import msgspec

from benchtui.interpreter import this_python
from benchtui.out_of_memory import says_out_of_memory
from benchtui.text import one_line

PATIENCE = 10.0
"""Seconds a template may take to render a few short messages."""
_MEMORY = 2 * 1024**3
_DATE = "strftime_now"

Messages = list[dict[str, str]]


class Trial(msgspec.Struct):
    """The input: `chats` are rendered one after the other, with `tokens` and other `arguments` of the template."""

    template: str
    chats: list[Messages]
    arguments: dict[str, Any] = {}


class Finding(msgspec.Struct):
    """The outcome. `failed` is the number of the chat that could not be rendered, with the `error` in words and its
    `line` in the template (0: unknown; without `failed` the template itself is broken). `rendered` are the prompts
    before that one."""

    rendered: list[str] = []
    failed: int | None = None
    error: str = ""
    line: int = 0
    uses_date: bool = False
    random: str = ""


def try_template(trial: Trial) -> Finding:
    """Render the chats in a short-lived process with limited time and memory.

    Raises MemoryError where the machine has less free memory than a template may use: that says nothing about it.
    """
    process = subprocess.Popen(
        this_python("-m", __name__),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, said = process.communicate(msgspec.json.encode(trial), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Finding(error=f"rendering one short message did not end within {PATIENCE:.0f} seconds")
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        if _memory() < _MEMORY and says_out_of_memory(last[0]):
            raise MemoryError
        return Finding(error=f"rendering a short message ended its process ({one_line(last[0], 120)})")
    return msgspec.json.decode(out, type=Finding)


def sandbox(now: dt.datetime | None = None) -> Any:
    """Return the Jinja environment in which transformers renders chat templates; `now` is the time it gives them."""
    import jinja2
    import jinja2.ext
    import jinja2.sandbox

    class Generation(jinja2.ext.Extension):
        """The tag around what an assistant writes; it changes nothing here."""

        tags = {"generation"}  # noqa: RUF012 - Jinja's own declaration

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_unchanged"), [], [], body).set_lineno(line)

        def _unchanged(self, caller: Any) -> Any:
            return caller()

    class Dictionaries:
        def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
            return dict(*args, **kwargs)

        def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
            return dict.fromkeys(*args, **kwargs)

    def raise_exception(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def tojson(
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def strftime_now(form: str) -> str:
        return (now or dt.datetime.now()).strftime(form)  # noqa: DTZ005 - local time, as in transformers

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {"raise_exception": raise_exception, _DATE: strftime_now, "dict": Dictionaries()}
    return environment


def find(trial: Trial) -> Finding:
    """Render the chats in this process."""
    import jinja2.nodes

    environment = sandbox()
    finding = Finding()
    try:
        tree = environment.parse(trial.template)
        names = {node.name for node in tree.find_all(jinja2.nodes.Name)}
        finding.uses_date = _DATE in names
        if any(node.name == "random" for node in tree.find_all(jinja2.nodes.Filter)):
            finding.random = "the filter random"
        elif "lipsum" in names:
            finding.random = "lipsum"
        template = environment.from_string(trial.template)
        for finding.failed, chat in enumerate(trial.chats):
            arguments = {"messages": chat, "tools": None, "documents": None, "add_generation_prompt": True}
            finding.rendered.append(template.render(**arguments, **trial.arguments))
    except Exception as error:  # noqa: BLE001 - a template can raise whatever Python can
        finding.error, finding.line = template_error(error)
        return finding
    finding.failed = None
    return finding


def template_error(error: BaseException) -> tuple[str, int]:
    """Return what went wrong while a template was rendered, and at which of its lines (0: unknown)."""
    kind = type(error)
    own = kind.__module__.startswith("jinja2")
    line = int(getattr(error, "lineno", None) or 0) if own else 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":  # Jinja puts the template's own lines there
            line = trace.tb_lineno
        trace = trace.tb_next
    text = one_line(str(error), 200)
    return (text if own and text else f"{kind.__name__}: {text}" if text else kind.__name__), line


def _memory() -> int:
    """Return the bytes that the process may use: never more than the limit this process has itself."""
    import resource

    limits = [limit for limit in resource.getrlimit(resource.RLIMIT_AS) if limit != resource.RLIM_INFINITY]
    return min([_MEMORY, *limits])


def main() -> None:
    import resource

    memory = _memory()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    trial = msgspec.json.decode(sys.stdin.buffer.read(), type=Trial)
    sys.stdout.buffer.write(msgspec.json.encode(find(trial)))


if __name__ == "__main__":
    main()
