"""A setting is one row: with a row more, flag, variable, benchtui.toml key, help and shown command are all there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchtui.settings import rows

ROW = (
    'Setting("patience", MACHINE, "How many coffees to wait.", forms.whole_number_or("endless", 1), 3, "CUPS", '
    'page="batch"),'
)
"""What somebody would write into settings/rows.py, and nothing else."""

BEGINNING = "SETTINGS: tuple[Setting, ...] = (\n"

WITH_THE_ROW = """
import importlib.util, json, sys
source, arguments = json.loads(sys.argv[1])
spec = importlib.util.spec_from_loader("benchtui.settings.rows", loader=None)
rows = importlib.util.module_from_spec(spec)
sys.modules["benchtui.settings.rows"] = rows
exec(compile(source, "rows.py", "exec"), rows.__dict__)
import benchtui.settings
benchtui.settings.rows = rows
"""

TELL = """
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.run import command
from benchtui.plans.command import other_settings, run_arguments
with command.make_context("run", arguments) as context:
    choice = choice_from_flags(context.params)
print(json.dumps([choice.more["patience"], run_arguments(choice), other_settings(choice)]))
"""

BENCHTUI = """
from benchtui.cli.main import main
main(arguments)
"""


def python(code: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    source = Path(rows.__file__).read_text(encoding="utf-8")
    assert source.count(BEGINNING) == 1
    source = source.replace(BEGINNING, BEGINNING + ROW)
    command = [sys.executable, "-c", WITH_THE_ROW + code, json.dumps([source, arguments])]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(cwd / "config"), **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def told(*arguments: str, cwd: Path, **variables: str) -> Any:
    done = python(TELL, *arguments, cwd=cwd, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_flag_variable_key_and_default(tmp_path: Path) -> None:
    assert told(cwd=tmp_path)[0] == 3
    (tmp_path / "benchtui.toml").write_text("[run]\npatience = 5\n")
    assert told(cwd=tmp_path)[0] == 5
    assert told(cwd=tmp_path, BENCHTUI_PATIENCE="7")[0] == 7
    assert told("--patience", "9", cwd=tmp_path, BENCHTUI_PATIENCE="7")[0] == 9
    assert told("--isolated", cwd=tmp_path, BENCHTUI_PATIENCE="7")[0] == 3


def test_help_and_what_is_said_of_a_wrong_value(tmp_path: Path) -> None:
    shown = python(BENCHTUI, "run", "--help", cwd=tmp_path).stdout
    assert "--patience CUPS How many coffees to wait. [default: 3]" in " ".join(shown.split())
    wrong = python(BENCHTUI, "run", "--patience", "none", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("benchtui: --patience: 'none' is not a whole number, 1 or more, or endless.")
    (tmp_path / "benchtui.toml").write_text("[run]\npatience = 0\n")
    assert "run.patience must be a whole number" in python(BENCHTUI, "run", cwd=tmp_path).stderr


def test_the_shown_command_says_it_and_the_wizard_asks_for_it(tmp_path: Path) -> None:
    _, arguments, listed = told("--patience", "9", cwd=tmp_path)
    assert arguments[arguments.index("--patience") + 1] == "9"
    assert listed == [], "a page of the wizard asks for it, so the review does not list it"
    assert told(*arguments, cwd=tmp_path)[0] == 9
    assert "--patience" not in told(cwd=tmp_path)[1], "what is the default needs not be said"
