"""`benchtui tokens compare`: what its flags mean, and the command that means the same anywhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchtui.cli.parameters.seed_spelling import translated
from benchtui.cli.parameters.tokens import tokens_choice
from benchtui.cli.tokens.compare import command
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.token_choice import TOKEN_SETTINGS, TokensChoice
from benchtui.plans.tokens import Sampling
from benchtui.settings.rows import SETTING
from tests.settings.sayings import HOSTILE, NAMES, TEXTS, Place, files_of, flags_of, place, variables_of

ROWS = [SETTING[name] for name in TOKEN_SETTINGS if name not in ("prompt", "answer")]
OWN: dict[str, st.SearchStrategy[str] | None] = {
    "--names": st.sampled_from(["a,b", "a, b", *(text for text in HOSTILE if text.strip())]),
    "--checkpoints": None,
    "--answers": NAMES,
    "--flips": None,
    "--score-prompts": None,
    "--tasks": st.sampled_from(["", "gsm8k", "gsm8k, piqa"]),
    "--prompt": TEXTS,
    "--answer": TEXTS,
    "--chat": None,
    "--mode": st.sampled_from(["given", "own"]),
    "--max-new-tokens": st.sampled_from(["1", "4096"]),
    "--stop": TEXTS,
    "--all-pairs": None,
    "--experiment": TEXTS,
    "--keep": st.sampled_from(["hidden", "full", "topk", "scalars"]),
    "--keep-top": st.sampled_from(["1", "1024"]),
    "--keep-heads": None,
    "--largest": st.sampled_from(["1", "500MB", "2GiB", "1.5 tb", "10GB"]),
}
OWN_FLAGS = st.lists(
    st.sampled_from(sorted(OWN)).flatmap(
        lambda flag: st.just([flag]) if (text := OWN[flag]) is None else text.map(lambda said: [flag, said])
    ),
    max_size=6,
).map(lambda said: [part for parts in said for part in parts])
MODELS = st.lists(NAMES, max_size=3)


def parse(here: Place, arguments: list[str]) -> TokensChoice:
    with here._here():
        context = command.make_context("compare", arguments)
        with context:
            values = {name: value for name, value in context.params.items() if name not in ("format_", "output")}
            found = tokens_choice(values.pop("models"), values)
    return replace(found, settings=replace(found.settings, command=()))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(flags_of(ROWS), OWN_FLAGS, MODELS, files_of(ROWS), variables_of(ROWS), files_of(ROWS), variables_of(ROWS))
def test_the_shown_command_means_the_same_under_any_file_and_environment(
    tmp_path: Path,
    flags: list[str],
    own: list[str],
    models: list[str],
    file: dict[str, Any],
    variables: dict[str, str],
    other_file: dict[str, Any],
    other_variables: dict[str, str],
) -> None:
    try:
        chosen = parse(place(tmp_path, file, variables), [*flags, *own, "--", *models])
    except (BenchtuiError, click.UsageError):
        assume(False)
    shown = list(chosen.command)
    assert shown[:4] == ["benchtui", "tokens", "compare", "--isolated"]
    elsewhere = place(tmp_path, other_file, other_variables)
    try:
        parse(elsewhere, ["--isolated"])
    except UsageError:
        assume(False)  # a file that makes no sense stops everything
    assert parse(elsewhere, shown[3:]) == chosen


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--answer", "x"], "--answer is the text behind a prompt"),
        (["--chat"], "--chat says nothing without --prompt"),
        (["--score-prompts"], "--score-prompts is of stored answers"),
        (["--temperature", "1"], "--temperature says how a model writes, and here all read the same texts"),
        (["--stop", "x", "--prompt", "y"], "--stop says how a model writes"),
        (["--data-kind", "generate"], "--data-kind says nothing without"),
    ],
)
def test_what_makes_no_sense_is_refused(here: Place, arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(here, [*arguments, "a", "b"])


def test_a_prompt_is_a_text_and_with_data_a_column(here: Place) -> None:
    text = parse(here, ["--prompt", "2 + 2 =", "--answer", " 4", "a"])
    assert (text.prompt, text.answer, text.settings.prompt) == ("2 + 2 =", " 4", None)
    column = parse(here, ["--prompt", "question", "--answer", "reply", "--data", "mine.jsonl", "a"])
    assert (column.prompt, column.settings.prompt, column.settings.answer) == (None, "question", "reply")


def test_how_a_model_writes(here: Place) -> None:
    flags = ["--mode", "own", "--temperature", "0.7", "--top-k", "40", "--min-p", "0.05", "--seed", "7", "--stop", "\n"]
    found = parse(here, [*flags, "--max-new-tokens", "99", "a"])
    assert found.sampling == Sampling(temperature=0.7, top_k=40, min_p=0.05, max_new_tokens=99, stop=("\n",))
    assert (found.settings.seeds, found.settings.gen_kwargs) == ((7, 7, 7, 7), {})


def test_files_and_variables_of_benchmarks_name_no_texts(tmp_path: Path) -> None:
    here = place(tmp_path, {"tasks": "gsm8k", "suite": "core"}, {"BENCHTUI_TASKS": "piqa", "BENCHTUI_PROMPT": "x"})
    found = parse(here, ["a"])
    assert (found.settings.tasks, found.prompt, found.settings.data) == ((), None, ())


@pytest.mark.parametrize(
    ("typed", "count"), [("10GB", 10**10), ("2GiB", 2 << 30), ("1.5 tb", 15 * 10**11), ("7", 7), ("500 MB", 5 * 10**8)]
)
def test_sizes(here: Place, typed: str, count: int) -> None:
    assert parse(here, ["--largest", typed, "a"]).largest == count


@pytest.mark.parametrize("typed", ["much", "-1", "1e9", "10 apples", "", "9999999GB"])
def test_what_is_no_size(here: Place, typed: str) -> None:
    with pytest.raises(click.UsageError, match="is no size like 500MB"):
        parse(here, [f"--largest={typed}", "a"])


SEED = "--model_1 base --model_2 /m/a --model_3 /m/b --model_names base checkpoint1 final --output_dir ./results"


def test_the_command_line_of_eval_py(here: Place) -> None:
    typed = [*SEED.split(), "--max_new_tokens", "4096", "--experiment_name", "training_progression", "--teacher_forced"]
    words = translated(typed)
    context = command.make_context("compare", list(typed))
    assert (context.params["format_"], str(context.params["output"])) == ("seed", "results")
    found = parse(here, typed)
    assert (found.models, found.names) == (("base", "/m/a", "/m/b"), ("base", "checkpoint1", "final"))
    assert (found.mode, found.experiment, found.sampling) == ("given", "training_progression", Sampling())
    assert translated(words) == words, "benchtui's own spelling stays as it is"


def test_without_teacher_forcing_each_model_writes_its_own_text(here: Place) -> None:
    found = parse(here, ["--model_2", "b", "--model_1=a", "--data_file", "q.jsonl", "--max_prompts", "5"])
    assert (found.models, found.names, found.mode) == (("a", "b"), ("model_1", "model_2"), "own")
    assert (found.sampling.max_new_tokens, found.settings.data, found.settings.limit) == (4096, ("q.jsonl",), 5)


@pytest.mark.parametrize("typed", [["--model_1"], ["--model_1", "--teacher_forced"], ["--data_file"]])
def test_a_flag_of_eval_py_without_its_value(typed: list[str]) -> None:
    with pytest.raises(UsageError, match="has no value"):
        translated(typed)


def test_a_name_with_a_comma_is_no_name(here: Place) -> None:
    with pytest.raises(UsageError, match="has a comma"):
        parse(here, ["--model_1", "a", "--model_names", "a,b"])


def test_a_format_needs_a_folder(tmp_path: Path) -> None:
    command_line = [sys.executable, "-m", "benchtui", "tokens", "compare", "a", "--format", "seed"]
    ran = subprocess.run(command_line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 2
    assert "--format and --output belong together" in ran.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchtui.cli.main import main\n"
        "try: main(['tokens', 'compare', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'lm_eval', 'datasets', 'numpy', 'pandas', 'scipy', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "benchtui tokens compare base my-model --flips" in ran.stdout
    assert ran.stderr.strip() == "[]"
