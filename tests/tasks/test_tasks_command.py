import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchtui.cli.tasks import command
from benchtui.errors import UsageError
from benchtui.tasks.catalogue import load_catalogue


@pytest.fixture
def run(task_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")
    monkeypatch.setattr("benchtui.tasks.catalogue.cache_folder", lambda: task_cache)
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments, standalone_mode=True, catch_exceptions=False)

    return invoke


def test_a_search_says_kind_type_shots_and_what_is_tested(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("gsm8k").stdout
    assert shown.startswith("gsm8k  task · generates text · 5-shot\n  Grade-School Maths: Word problems")
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "mmlu  group of 57 tasks · multiple choice" in run("mmlu").stdout
    assert "ai2_arc  tag for 2 tasks" in run("ai2_arc").stdout
    assert "perplexity" in run("wikitext").stdout
    assert "runs the model's code" in run("humaneval").stdout
    assert "always 0-shot" in run("ifeval").stdout


def test_without_a_query_there_is_a_short_guide(run) -> None:  # type: ignore[no-untyped-def]
    shown = run()
    assert "hellaswag" in shown.stdout
    assert len(shown.stdout.splitlines()) < 24
    assert "benchtui tasks maths" in shown.stderr


def test_json_is_data_alone(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("mmlu", "--kind", "group", "--limit", "2", "--json")
    first, second = json.loads(shown.stdout)
    assert (first["name"], first["kind"], first["tasks"]) == ("mmlu", "group", 57)
    assert first["output_types"] == ["multiple_choice"]
    assert Path(first["file"]).is_file()
    assert second["kind"] == "group"
    assert shown.stderr == ""


def test_what_was_left_out_is_counted_on_stderr(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("mmlu", "--limit", "3")
    assert len([line for line in shown.stdout.splitlines() if not line.startswith(" ")]) == 3
    assert "more" in shown.stderr


def test_a_search_without_finds_fails_in_words(run) -> None:  # type: ignore[no-untyped-def]
    shown = run("zzzzqqqqxxxx")
    assert shown.stdout == ""
    assert "Nothing fits 'zzzzqqqqxxxx'" in shown.stderr


def test_ones_own_tasks_by_flag_environment_and_file(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "my own"
    own.mkdir()
    (own / "a.yaml").write_text('task: homemade\ntask_alias: "\\e[31mred"\n')
    shown = run("homemade", "--include-path", str(own)).stdout
    assert "homemade  task · generates text · 0-shot" in shown
    assert "\x1b" not in shown
    assert "homemade" not in run("homemade").stdout
    monkeypatch.setenv("BENCHTUI_INCLUDE_PATH", str(own))
    assert "homemade" in run("homemade").stdout
    monkeypatch.delenv("BENCHTUI_INCLUDE_PATH")
    (tmp_path / "benchtui.toml").write_text('[run]\ninclude-path = "my own"')
    assert "homemade" in run("homemade").stdout


def test_a_task_file_of_ones_own_that_is_no_yaml_is_named(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "mine.yaml").write_text('task: mine\ndoc_to_text: "never closed\n')
    (tmp_path / "fine.yaml").write_text("task: fine\n")
    shown = run("fine", "--include-path", str(tmp_path))
    assert "fine  task" in shown.stdout
    assert f"{tmp_path / 'mine.yaml'} is not valid YAML" in shown.stderr
    with pytest.raises(UsageError) as caught:
        load_catalogue([tmp_path]).expand(["mine"])
    assert "mine.yaml is not valid YAML" in (caught.value.next_step or "")
    assert "line" in (caught.value.next_step or "")


def test_reading_is_announced_once(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("benchtui.tasks.catalogue.cache_folder", lambda: tmp_path / "new")
    assert "once per version" in run("gsm8k").stderr
    assert "once per version" not in run("gsm8k").stderr
