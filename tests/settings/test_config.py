import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.cli.parameters.settings import setting_options
from benchtui.errors import ExitCode, UsageError
from benchtui.settings.config import Config, load_config
from benchtui.settings.rows import FILE_KEYS, OF_OWN_DATA, PERMISSIONS, SETTINGS
from benchtui.tasks.suites import TaskPlan


def load(folder: Path, project: str | None = None, user: str | None = None) -> Config:
    user_file = folder / "home" / "benchtui.toml"
    if project is not None:
        (folder / "benchtui.toml").write_text(project, encoding="utf-8")
    if user is not None:
        user_file.parent.mkdir(exist_ok=True)
        user_file.write_text(user, encoding="utf-8")
    return load_config(folder, user_file=user_file)


def refused(folder: Path, project: str | None = None) -> str:
    """The line that says why; without `project` the file is there already."""
    with pytest.raises(UsageError) as caught:
        load(folder, project)
    assert caught.value.exit_code == ExitCode.USAGE
    text = str(caught.value)
    assert str(folder / "benchtui.toml") in text
    assert len(text.splitlines()) == 1
    return text


def test_without_files_there_is_nothing(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (dict(config.run_defaults), config.suites, config.files) == ({}, (), ())


def test_every_setting_arrives_as_its_flag_would_read_it(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [run]
        outputs = "out"
        model = "llama"
        no-base = true
        tasks = ["ifeval", "gsm8k"]
        include-path = "my tasks"
        limit = 200
        num-fewshot = 0
        chat-template = "off"
        gen-kwargs = {temperature = 0.7, do_sample = true}
        model-args = {revision = "main", prefix_token_id = 3, add_bos_token = true}
        batch-size = 8
        seed = [0, 1, 2, 3]
        timeout = 600
        offline = true
        """,
    )
    assert dict(config.run_defaults) == {
        "outputs": Path("out"),
        "model": "llama",
        "no_base": True,
        "tasks": ("ifeval", "gsm8k"),
        "include_path": (tmp_path / "my tasks",),
        "default_limit": 200.0,
        "default_num_fewshot": 0,
        "chat_template": "off",
        "gen_kwargs": {"temperature": 0.7, "do_sample": True},
        "model_args": {"revision": "main", "prefix_token_id": 3, "add_bos_token": True},
        "batch_size": 8,
        "seed": (0, 1, 2, 3),
        "timeout": 600.0,
        "offline": True,
    }


def test_flag_beats_environment_beats_project_beats_user_beats_default(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        project='[run]\nsuite = "project"\ndevice = "project"\nformat = "project"',
        user='[run]\nsuite = "user"\ndevice = "user"\nformat = "user"\nmodel = "user"',
    )

    @click.command(context_settings={"default_map": dict(config.run_defaults)})
    @setting_options("device", "suite", "format", "model", "backend")
    def run(**values: str) -> None:
        click.echo(" ".join(values[name] for name in ("device", "suite", "format", "model", "backend")))

    seen = CliRunner().invoke(
        run, ["--device", "flag"], env={"BENCHTUI_DEVICE": "environment", "BENCHTUI_SUITE": "environment"}
    )
    assert seen.output.split() == ["flag", "environment", "project", "user", "hf"]
    assert config.origin["format"] == tmp_path / "benchtui.toml"
    assert config.origin["model"] == tmp_path / "home" / "benchtui.toml"
    assert config.files == (tmp_path / "benchtui.toml", tmp_path / "home" / "benchtui.toml")


def test_a_suite_of_ones_own(tmp_path: Path) -> None:
    (suite,) = load(
        tmp_path,
        """
        [suites.support]
        title = "Support bot"
        description = "What our customers ask."
        best-for = "releases"
        tasks = ["ifeval", {name = "gsm8k", num-fewshot = 5, limit = 200}, {name = "piqa", limit = 0.25}]
        """,
    ).suites
    assert suite.tasks == (TaskPlan("ifeval"), TaskPlan("gsm8k", 5, 200.0), TaskPlan("piqa", None, 0.25))
    assert (suite.name, suite.title, suite.best_for) == ("support", "Support bot", "releases")
    assert suite.source == str(tmp_path / "benchtui.toml")


def test_project_suites_replace_the_users_of_the_same_name(tmp_path: Path) -> None:
    user = '[suites.mine]\ntasks = ["piqa"]\n[suites.other]\ntasks = ["boolq"]'
    config = load(tmp_path, project='[suites.mine]\ntasks = ["ifeval"]', user=user)
    assert {suite.name: suite.tasks[0].name for suite in config.suites} == {"mine": "ifeval", "other": "boolq"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[run]\nbatchsize = 4", ["batchsize", "batch-size"]),
        ("[run]\nbatch_size = 4", ["batch_size", "batch-size"]),
        ("[rum]\nbatch-size = 4", ["rum", "run"]),
        ("batch-size = 4", ["batch-size", "[run]"]),
        ('[suites.a]\ntask = ["x"]', ["suites.a.task", "tasks"]),
        ('[suites.a]\ntasks = [{name = "x", shots = 5}]', ["suites.a.tasks[0].shots", "num-fewshot"]),
    ],
)
def test_an_unknown_key_names_file_and_nearest_key(tmp_path: Path, text: str, names: list[str]) -> None:
    message = refused(tmp_path, text)
    assert all(name in message for name in names), message


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("[run]\nno-base = 1", "run.no-base", "true or false"),
        ("[run]\nmodel = 3", "run.model", "text"),
        ('[run]\nnum-fewshot = "5"', "run.num-fewshot", "whole number"),
        ("[run]\nnum-fewshot = true", "run.num-fewshot", "whole number"),
        ("[run]\nnum-fewshot = -1", "run.num-fewshot", "0 or more"),
        ("[run]\nlimit = 0", "run.limit", "fraction"),
        ("[run]\nlimit = 1.5", "run.limit", "number of samples"),
        ("[run]\nlimit = inf", "run.limit", "number of samples"),
        ("[run]\nlimit = nan", "run.limit", "number of samples"),
        ('[run]\ntimeout = "soon"', "run.timeout", "30min"),
        ("[run]\ntimeout = 0", "run.timeout", "longer than zero"),
        ('[run]\nchat-template = "maybe"', "run.chat-template", '"auto"'),
        ("[run]\nbatch-size = 0", "run.batch-size", "auto"),
        ('[run]\nmodel-args = ["revision"]', "run.model-args", "key=value"),
        ("[run]\ngen-kwargs = 3", "run.gen-kwargs", "temperature"),
        ("[run]\nseed = [1, 2]", "run.seed", "four"),
        ("[run]\ntasks = []", "run.tasks", "task's name"),
        ("run = 3", "run", "table"),
        ("suites = 3", "suites", "tables"),
        ("[suites.a]", "suites.a.tasks", "list of tasks"),
        ('[suites.a]\ntasks = ["a,b"]', "suites.a.tasks[0].name", "one task's name"),
        ("[suites.a]\ntasks = [{}]", "suites.a.tasks[0].name", "name"),
        ('[suites."no good"]\ntasks = ["a"]', "no good", "letters"),
    ],
)
def test_a_wrong_value_names_key_and_what_was_expected(tmp_path: Path, text: str, key: str, expected: str) -> None:
    message = refused(tmp_path, text)
    assert key in message
    assert expected in message


def test_invalid_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 3" in refused(tmp_path, '[run]\nsuite = "quick"\nmodel = llama\n')


def _folder(file: Path) -> None:
    file.mkdir()


def _unreadable(file: Path) -> None:
    file.symlink_to(file)  # for root, who may read everything


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no text": (lambda file: file.write_bytes(b"\xff\xfe[run]"), "UTF-8"),
    "a program": (lambda file: file.write_bytes(Path(sys.executable).read_bytes()[:5000]), "not"),
    "a folder": (_folder, "not a regular file"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), "not a regular file"),
    "a link that leads to itself": (_unreadable, "cannot be read"),
    "a link that leads nowhere": (lambda file: file.symlink_to("gone"), "cannot be read"),
    "60 MB": (lambda file: file.write_text("[run]\n" + "# much\n" * 9_000_000), "larger than 256 KB"),
    "a deep list": (lambda file: file.write_text("[run]\ntasks = " + "[" * 100_000), "nested too deeply"),
    "a deep table": (lambda file: file.write_text("[run]\ntasks = " + "{a=" * 50_000), "nested too deeply"),
    "a deep key": (lambda file: file.write_text("[run]\n" + "a." * 100_000 + "a = 1"), "nested too deeply"),
    "a deep heading": (lambda file: file.write_text("[" + "a . " * 50_000 + "a]"), "nested too deeply"),
    "a number without end": (lambda file: file.write_text("[run]\nlimit = " + "9" * 100_000), "not valid TOML"),
    "a key twice": (lambda file: file.write_text('[run]\nmodel = "a"\nmodel = "b"\n'), "line 3"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_is_no_file_of_settings_is_named_in_one_line(tmp_path: Path, case: str) -> None:
    make, words = STRANGE[case]
    make(tmp_path / "benchtui.toml")
    message = refused(tmp_path)
    assert words in message
    assert len(message) < len(str(tmp_path)) + 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "benchtui.toml").touch(0)
    assert "cannot be read: Permission denied" in refused(tmp_path)


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    """Editors on Windows put it before everything."""
    (tmp_path / "benchtui.toml").write_bytes(b"\xef\xbb\xbf[run]\r\nlimit = 5\r\n")
    assert load(tmp_path).run_defaults["default_limit"] == 5


CODE = {
    "tasks": ('[run]\ntasks = "evil/task.yaml"', "evil/task.yaml"),
    "tasks of a list": ('[run]\ntasks = ["ifeval", "task.yml"]', "task.yml"),
    "tasks of a suite": ('[suites.quick]\ntasks = ["ifeval", {name = "./t.yaml"}]', "./t.yaml"),
    "model-args": ('[run]\nmodel-args = {attn_implementation = "org/kernel"}', "attn_implementation"),
    "model-args of a list": ('[run]\nmodel-args = ["tokenizer=./evil"]', "tokenizer"),
    "gen-kwargs": ('[run]\ngen-kwargs = {custom_generate = "./evil", trust_remote_code = true}', "custom_generate"),
    "gen-kwargs in text": ('[run]\ngen-kwargs = "custom_generate=./evil"', "custom_generate"),
}


@pytest.mark.parametrize("case", CODE)
def test_the_file_of_a_folder_names_no_code(tmp_path: Path, case: str) -> None:
    """It may lie in a folder that was downloaded; your own file says the same and is believed."""
    text, named = CODE[case]
    message = refused(tmp_path, text)
    assert named in message
    assert f"--{case.split()[0]}" in message
    assert str(tmp_path / "home" / "benchtui.toml") in message
    (tmp_path / "benchtui.toml").unlink()
    assert load(tmp_path, user=text).files == (tmp_path / "home" / "benchtui.toml",)


SECRETS = [
    'model-args = {token = "abc"}',
    'model-args = "use_auth_token=abc"',
    'model-args = ["a=1,hf_token=abc"]',
    'model-args = {revision = "hf_abcdefghijklmnopqrstuvwxyz"}',
    'gen-kwargs = {api_key = "abc"}',
    'gen-kwargs = {more = {password = "abc"}}',
    'gen-kwargs = "auth=abc"',
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_no_setting(tmp_path: Path, text: str) -> None:
    """It would be in plan.json, in lm-eval's files and in what is passed on."""
    message = refused(tmp_path, f"[run]\n{text}")
    assert "HF_TOKEN" in message
    assert "abc" not in message


@pytest.mark.parametrize("key", [setting.name for setting in PERMISSIONS])
@pytest.mark.parametrize("value", ["true", "false"])
def test_running_foreign_code_is_never_allowed_by_a_file(tmp_path: Path, key: str, value: str) -> None:
    message = refused(tmp_path, f"[run]\n{key} = {value}")
    assert "each run" in message
    assert f"--{key}" in message
    assert key not in FILE_KEYS


@pytest.mark.parametrize(
    "value",
    [
        "{trust_remote_code = true}",
        '"trust_remote_code=True"',
        '["a=1,trust_remote_code=True"]',
        '["trust-remote-code=1"]',
    ],
)
def test_nor_through_model_args(tmp_path: Path, value: str) -> None:
    assert "each run" in refused(tmp_path, f"[run]\nmodel-args = {value}")


toml_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text("ab=,{}\"'", max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def test_each_backend_has_its_python_in_the_users_own_file(tmp_path: Path) -> None:
    found = load(tmp_path, user='[backends.hf]\npython = "~/env/bin/python"\n[backends.vllm]\npython = "python3.12"')
    assert found.pythons == {"hf": str(Path("~/env/bin/python").expanduser()), "vllm": "python3.12"}


def test_the_file_of_a_folder_names_no_python(tmp_path: Path) -> None:
    message = refused(tmp_path, '[backends.hf]\npython = "./evil"')
    assert "a program that is started" in message
    assert "type it as --python" in message


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "no table": ("backends = 3", "tables"),
        "a word in place of a table": ('[backends]\nhf = "x"', "tables"),
        "an unknown key": ('[backends.hf]\npyhton = "x"', "Did you mean python?"),
        "a number": ("[backends.hf]\npython = 3", "text in quotes"),
    }.values(),
)
def test_a_wrong_table_of_backends_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*FILE_KEYS, "nonsense"]), toml_values)
def test_any_value_is_taken_or_refused_in_one_line(tmp_path: Path, key: str, value: object) -> None:
    import tomlkit

    text = tomlkit.dumps({"run": {key: value}})
    try:
        config = load(tmp_path, text)
    except UsageError as error:
        message = str(error)
    else:
        assert list(config.run_defaults) == [FILE_KEYS[key].parameter]
        return
    assert key in message
    assert len(message.splitlines()) == 1


def test_every_flag_of_run_can_stand_in_the_file_or_is_decided_per_run() -> None:
    from benchtui.cli.run import command

    flags = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert flags - {"--isolated"} == {flag for setting in SETTINGS for flag in setting.flags}
    assert {setting.name for setting in SETTINGS} - set(FILE_KEYS) == {
        *(setting.name for setting in PERMISSIONS),
        "default-limit",  # limit and num-fewshot in a file are what these flags say
        "default-num-fewshot",
        "python",  # one for each backend, in [backends.NAME]
        *(setting.name for setting in OF_OWN_DATA),  # of one data set each, in [tasks.NAME]
    }
