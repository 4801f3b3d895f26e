"""READMEs: our section between its markers, and everything else byte for byte as somebody wrote it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest
import yaml
from huggingface_hub import ModelCard

from benchtui.compare.summary import summarize
from benchtui.reports.readme.document import END, START
from benchtui.reports.readme.readme import update_readmes
from tests.compare.test_verdicts import flipped
from tests.lm_eval_runs import RealRuns
from tests.synthetic import ifeval, write_run

SECTION = re.compile(re.escape(START.split(" ·")[0]).encode() + rb".*?" + re.escape(END).encode(), re.DOTALL)


@pytest.fixture
def model(real_runs: RealRuns, tmp_path: Path) -> Path:
    folder = tmp_path / "llama-lima"
    for name in ("lora", "merged_16bit", "gguf"):
        (folder / name).mkdir(parents=True)
    (folder / "lora" / "adapter_config.json").write_text('{"base_model_name_or_path": "org/tiny-base", "r": 8}')
    (folder / "lora" / "training_metrics.json").write_text('{"dataset_name": "GAIR/lima", "learning_rate": 2e-4}')
    (folder / "merged_16bit" / "config.json").write_text("{}")
    shutil.copytree(next(real_runs.first.iterdir()), folder / "benchmarks" / "base" / "lm-eval")
    shutil.copytree(next(real_runs.second.iterdir()), folder / "benchmarks" / "fine-tuned" / "a" / "lm-eval")
    return folder


def outside(raw: bytes) -> bytes:
    """A README without our section and without what we put into its front matter."""
    raw = SECTION.sub(b"", raw)
    return re.sub(rb"# benchtui:start.*?# benchtui:end\r?\n?", b"", raw, flags=re.DOTALL)


HAND_WRITTEN = {
    "plain": b"# Mine\n\nText by hand.\n",
    "no final newline": b"# Mine\n\nThe end",
    "windows": b"---\r\nlicense: mit # checked\r\ntags:\r\n- x\r\n---\r\n\r\n# Mine\r\n\r\nText.\r\n",
    "windows without end": b"# Mine\r\n\r\nText.",
    "odd front matter": (
        b"---\n# who trained it\nlicense:   'apache-2.0'   # really\n\n"
        b"datasets: [a/b,   c/d]\nextra: {deep: {er: 1}} \n---\nBody\n\n\n\n"
    ),
    "empty": b"",
    "only blank": b"\n\n\n",
    "byte order mark": "\ufeff---\nlicense: mit\n---\n# Ünïcode ✓\n".encode(),
    "trailing spaces": b"# Mine  \n \n\t\nText  ",
    "markers in code": b"# How\n\n```html\n" + START.encode() + b"\n" + END.encode() + b"\n```\n\nEnd.\n",
    "markers of an older version": (
        b"# Mine\n\n<!-- benchtui:start -->\n## Benchmark Results\nold\n<!-- benchtui:end -->\n\nAfter.\n"
    ),
    "another section of that name": b"# Mine\n\n## Benchmark Results\n\n| hand | made |\n| --- | --- |\n| 1 | 2 |\n",
    "empty front matter": b"---\n---\n# Mine\n",
    "model-index of others": (
        b"---\nmodel-index:\n- name: other\n  results:\n  - task:\n      type: text-generation\n"
        b"    dataset: {name: D, type: d/d}\n    metrics:\n    - {type: acc, value: 1.5} # by hand\n"
        b"# about the licence\nlicense: mit\n---\nBody\n"
    ),
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_ten_regenerations_change_nothing_outside_the_section(model: Path, name: str) -> None:
    file, before = model / "README.md", HAND_WRITTEN[name]
    file.write_bytes(before)
    summary = summarize(model)
    update_readmes(model, summary)
    first = file.read_bytes()
    for _ in range(9):
        update_readmes(model, summary)
    assert file.read_bytes() == first
    assert first.count(b"## Benchmark Results") == 1 + before.count(b"## Benchmark Results") - (
        b"older" in name.encode()
    )
    if "older version" in name:
        assert first.startswith(b"# Mine\n\n<!-- benchtui:results:start")
        assert first.endswith(b"-->\n\nAfter.\n")
        return
    kept = outside(first) if "code" not in name else first
    assert kept.startswith(before.rstrip(b"\r\n") if "front" not in name and name != "only blank" else before[:20])
    for line in before.splitlines(keepends=True):
        assert line in kept + b"\n"
    assert kept.strip() == before.strip() or "code" in name


def test_line_ends_follow_the_file(model: Path) -> None:
    (model / "README.md").write_bytes(HAND_WRITTEN["windows"])
    update_readmes(model)
    written = (model / "README.md").read_bytes()
    assert b"\n" not in written.replace(b"\r\n", b"")


def test_a_changed_result_replaces_the_section_only(model: Path) -> None:
    file = model / "README.md"
    file.write_bytes(b"# Mine\n\nAbove.\n")
    update_readmes(model)
    with file.open("ab") as more:
        more.write(b"\nBelow, by hand.\n")
    write_run(
        model / "benchmarks" / "fine-tuned" / "b", {"obey": ifeval([True] * 12, total=12)}, stamp="2099-01-01T00-00-00"
    )
    messages = update_readmes(model)
    assert messages[0].startswith("README.md: updated.")
    text = file.read_text()
    assert text.startswith("# Mine\n\nAbove.\n\n<!-- benchtui")
    assert text.endswith("-->\n\nBelow, by hand.\n")
    assert text.count("## Benchmark Results") == 1


UNPARSABLE = {
    "broken front matter": (b"---\nlicense: [mit\n---\nBody\n", "not valid YAML in line"),
    "front matter without end": (b"---\nlicense: mit\nBody\n", "front matter has no end"),
    "front matter that is no table": (b"---\n- a\n- b\n---\nBody\n", "not a table of keys"),
    "not text": (b"# Mine \xff\xfe\n", "not UTF-8"),
    "one marker": (f"# Mine\n{START}\nBody\n".encode(), "do not make one pair"),
    "markers in the wrong order": (f"{END}\n{START}\n".encode(), "do not make one pair"),
    "two sections": (f"{START}\n{END}\n{START}\n{END}\n".encode(), "do not make one pair"),
    "a code block without end": (b"# Mine\n\n```\ncode\n", "last code block has no end"),
}


@pytest.mark.parametrize("name", UNPARSABLE)
def test_what_cannot_be_parsed_is_left_alone_and_said(model: Path, name: str) -> None:
    raw, why = UNPARSABLE[name]
    (model / "README.md").write_bytes(raw)
    messages = update_readmes(model)
    assert (model / "README.md").read_bytes() == raw
    assert messages[0].startswith("README.md: left alone, ")
    assert why in messages[0]
    assert messages[1] == "lora/README.md: created."


def test_results_of_a_checkpoint_are_not_those_of_other_formats(model: Path) -> None:
    (model / "checkpoint-10").mkdir()
    (model / "checkpoint-10" / "config.json").write_text("{}")
    summary = summarize(model)
    assert summary.fine_tuned is not None
    tuned = msgspec.structs.replace(summary.fine_tuned, format="checkpoint-10")
    assert update_readmes(model, msgspec.structs.replace(summary, fine_tuned=tuned)) == ["README.md: created."]
    assert not (model / "lora" / "README.md").exists()


def test_new_readmes_say_only_what_files_say(model: Path) -> None:
    assert update_readmes(model) == [
        "README.md: created.",
        "lora/README.md: created.",
        "merged_16bit/README.md: created.",
        "gguf/README.md: created.",
    ]
    card = ModelCard((model / "lora" / "README.md").read_text())
    assert card.data.base_model == "org/tiny-base"
    assert card.data.library_name == "peft"
    assert card.data.datasets == ["GAIR/lima"]
    assert card.data.license is None
    assert "Learning rate: 0.0002" in card.text
    assert "LoRA alpha" not in card.text
    assert "License" not in card.text


def test_a_licence_is_taken_from_a_sibling(model: Path) -> None:
    (model / "merged_16bit" / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Merged\n")
    update_readmes(model)
    assert ModelCard((model / "lora" / "README.md").read_text()).data.license == "apache-2.0"


def test_the_hub_reads_the_results_from_the_card(model: Path) -> None:
    (model / "lora" / "README.md").write_text("---\nlicense: mit # checked\nbase_model: org/tiny-base\n---\n# LoRA\n")
    update_readmes(model)
    text = (model / "lora" / "README.md").read_text()
    assert "license: mit # checked\n" in text
    card = ModelCard(text)  # huggingface_hub's own validation
    assert card.data.model_name == "llama-lima"
    results = {(r.dataset_name, r.metric_type, r.metric_name): r for r in card.data.eval_results}
    accuracy = results["obey", "prompt_level_strict_acc", "Strict Prompt (%)"]
    raw = yaml.safe_load(next((model / "benchmarks" / "fine-tuned").glob("*/lm-eval/results_*")).read_text())
    assert accuracy.metric_value == round(100 * raw["results"]["obey"]["prompt_level_strict_acc,none"], 2)
    assert results["pages", "word_perplexity", "word_perplexity"].metric_value > 1
    assert all(r.source_name.startswith("benchtui (lm-eval 0.4") for r in card.data.eval_results)


def test_results_of_others_stay_beside_ours(model: Path) -> None:
    (model / "README.md").write_bytes(HAND_WRITTEN["model-index of others"])
    update_readmes(model)
    text = (model / "README.md").read_text()
    assert "{type: acc, value: 1.5} # by hand\n" in text
    index = yaml.safe_load(text.split("---")[1])["model-index"]
    assert [item["name"] for item in index] == ["other", "llama-lima"]


def test_a_card_that_another_tool_rewrote_is_not_given_our_results_twice(model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    update_readmes(model)
    ModelCard.load(model / "README.md").save(model / "README.md")  # drops the comments
    update_readmes(model)
    index = yaml.safe_load((model / "README.md").read_text().split("---")[1])["model-index"]
    assert len(index) == 1


def test_five_samples_are_no_published_result(tmp_path: Path) -> None:
    model = tmp_path / "m"
    write_run(model / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([True] * 5)})
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    update_readmes(model)
    text = (model / "README.md").read_text()
    assert "model-index" not in text
    assert "5/541" in text


def test_no_path_of_this_disk_is_published(model: Path) -> None:
    for results in model.glob("benchmarks/**/results_*.json"):
        results.write_text(results.read_text().replace("tiny-second", "/home/somebody/secret/tiny"))
    update_readmes(model)
    assert "/home/somebody" not in (model / "README.md").read_text()


def test_a_link_and_its_permissions_survive(model: Path) -> None:
    target = model / "docs" / "card.md"
    target.parent.mkdir()
    target.write_text("# Mine\n")
    target.chmod(0o640)
    (model / "README.md").symlink_to(target)
    update_readmes(model)
    assert (model / "README.md").is_symlink()
    assert "Benchmark Results" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_out_of_the_model_is_not_followed(model: Path, tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "elsewhere.md"
    if exists:
        target.write_text("# Not the model's\n")
    (model / "README.md").symlink_to(target)
    done = update_readmes(model)
    assert done[0] == f"README.md: left alone, it leads to {target}, outside the model's folder."
    assert "lora/README.md: created." in done
    assert target.exists() is exists
    assert not exists or target.read_text() == "# Not the model's\n"


def test_a_format_kept_elsewhere_is_not_written(model: Path, tmp_path: Path) -> None:
    (model / "lora").rename(tmp_path / "shared")
    (model / "lora").symlink_to(tmp_path / "shared")
    assert any(line.startswith("lora/README.md: left alone") for line in update_readmes(model))
    assert not (tmp_path / "shared" / "README.md").exists()


def test_a_model_that_is_itself_a_link_is_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(model)
    assert update_readmes(tmp_path / "alias")[0] == "README.md: created."


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_readme_is_said(model: Path) -> None:
    (model / "README.md").write_text("# Mine\n")
    (model / "README.md").chmod(0o444)
    assert "read-only" in update_readmes(model)[0]
    assert (model / "README.md").read_text() == "# Mine\n"


def test_a_link_that_leads_to_itself_is_said_and_the_others_are_done(model: Path) -> None:
    (model / "README.md").symlink_to("README.md")
    done = update_readmes(model)
    assert done[0] == "README.md: left alone, it is a link that leads to itself."
    assert "lora/README.md: created." in done
    assert (model / "README.md").is_symlink()


def test_a_front_matter_that_cannot_be_changed_is_said(model: Path) -> None:
    (model / "README.md").write_text("---\n{license: mit}\n---\n# Mine\n")
    assert update_readmes(model)[0] == (
        "README.md: updated. Its front matter was left alone, it cannot be added to without changing it."
    )
    assert "## Benchmark Results" in (model / "README.md").read_text()


def test_what_is_said_of_a_part_of_the_samples_says_so(tmp_path: Path) -> None:
    """The sentence in bold and IFEval's own table are read without the column of n."""
    model = tmp_path / "m"
    first, second = flipped(40, 5, 60, 45)
    for name, right in (("base", first), ("fine-tuned/a", second)):
        write_run(model / "benchmarks" / name, {"ifeval": ifeval(right)})
    update_readmes(model)
    text = (model / "README.md").read_text()
    assert re.search(r"\*\*[^*]+Instruction-Following \+23\.3 \(95 % CI [^)]+\) on 150 of 541 samples\.", text)
    assert "Not over all samples: Base 150 of 541, Fine-tuned 150 of 541." in text
    for name, right in (("base", first), ("fine-tuned/a", second)):
        shutil.rmtree(model / "benchmarks" / name / "lm-eval")
        write_run(model / "benchmarks" / name, {"ifeval": ifeval(right, total=150)})
    update_readmes(model)
    assert "of 541" not in (model / "README.md").read_text()
    assert "Not over all" not in (model / "README.md").read_text()
