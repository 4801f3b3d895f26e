"""What is passed on holds neither the folders nor the secrets of who ran it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.compare.summary import summarize
from benchtui.plans.plan import write_plan
from benchtui.reports.html import comparison_html
from benchtui.reports.readme.published import published, published_command
from benchtui.reports.readme.readme import update_readmes
from tests.run_stories import make_run
from tests.synthetic import Task, write_run


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            ("benchtui", "run", "--model", "my-llama", "--suite", "quick"),
            "benchtui run --model my-llama --suite quick",
        ),
        (
            ("/home/ann/.venv/bin/benchtui", "run", "--outputs", "/home/ann/my models/outputs"),
            "benchtui run --outputs outputs",
        ),
        (
            ("benchtui", "--base", "~/models/llama", "--include-path=/srv/tasks/ours/"),
            "--base llama --include-path=path/to/ours",
        ),
        (("run", "--include-path", "/home/ann/tasks"), "run --include-path path/to/tasks"),
        (("run", "--include-path", "tasks/mine"), "run --include-path tasks/mine"),
        (("run", "--data", "/home/ann/secret project/q.csv"), "run --data path/to/q.csv"),
        (("run", "--data", "q.csv", "--data", "hub:org/name"), "run --data q.csv --data hub:org/name"),
        (("run", "--include-path=../mine"), "run --include-path=../mine"),
        (("run", "--base", "C:\\Users\\ann\\llama"), "run --base llama"),
        (
            ("lm_eval", "--model_args", "pretrained=/home/ann/llama,peft=/home/ann/x/lora,token=hf_abc,dtype=bfloat16"),
            "lm_eval --model_args 'pretrained=llama,peft=lora,token=***,dtype=bfloat16'",
        ),
        (("run", "--model-args", "hf_token=abc"), "run --model-args 'hf_token=***'"),
        (("run", "--hf-token", "abc", "--yes"), "run --hf-token '***' --yes"),
        (("run", "--api-key=abc"), "run '--api-key=***'"),
        (("run", "--gen-kwargs", '{"temperature": 0, "password": "abc def"}'), '"temperature": 0, "password": ***}\''),
        (("run", "--base", "hf_abcdefghijklmnopqrstuvwxyz"), "run --base '***'"),
        (("run", "--proxy", "https://ann:abc@example.org/x"), "run --proxy https://example.org/x"),
        (
            ("run", "--think-end-token", "</think>", "--model-args", "add_bos_token=True"),
            "run --think-end-token '</think>' --model-args add_bos_token=True",
        ),
        (("run", "--system-instruction", "Answer yes/no. /no_think"), "'Answer yes/no. /no_think'"),
        (("run", "--tasks", "gsm8k:5,mmlu", "--base", "org/name"), "run --tasks gsm8k:5,mmlu --base org/name"),
    ],
)
def test_a_command_can_be_shown_to_anybody(command: tuple[str, ...], shown: str) -> None:
    assert published_command(command).endswith(shown)


def test_paths_in_a_sentence_are_shortened_and_the_rest_stays() -> None:
    sentence = "there is no samples file of t in /home/ann/outputs/a and /home/ann/b (run lm_eval with --log_samples)."
    assert published(sentence) == "there is no samples file of t in a and b (run lm_eval with --log_samples)."
    assert published("did not finish (died): /home/ann/x/fine-tuned.") == "did not finish (died): fine-tuned."
    assert published("+18.1 points (95 % CI 14.0 to 22.2, p < 0.001)") == (
        "+18.1 points (95 % CI 14.0 to 22.2, p < 0.001)"
    )


@pytest.mark.parametrize(
    "words",
    [
        "think end token: `</think>` (Base), not set (Fine-tuned)",
        'template tokens: {"bos_token": "<s>", "eos_token": "</s>"} (Base)',
        "pad_token_id: 0",
    ],
)
def test_the_tokens_of_a_vocabulary_are_no_secrets(words: str) -> None:
    assert published(words) == words


@pytest.mark.parametrize(
    "words",
    [
        "token: s3cret",
        "my token: s3cret",
        "hub token: s3cret",
        "the end password: s3cret",
        "end_key=s3cret",
        "x=end token=s3cret",
        "bos_token: <s> token: s3cret",
        "https://ann:s3cret@example.org",
    ],
)
def test_secrets_beside_such_words_stay_masked(words: str) -> None:
    assert "s3cret" not in published(words)


@given(st.text(max_size=30), st.text(max_size=30), st.from_regex(r"[a-z0-9]{12}", fullmatch=True))
def test_no_text_around_it_lets_a_secret_through(before: str, after: str, secret: str) -> None:
    assert f"q{secret}q" not in published(f"{before},api_key=q{secret}q,{after}")


def test_a_card_and_a_page_hold_neither(tmp_path: Path) -> None:
    secret, folder = "s3cr3tt0k3n", "/home/ann"
    model = tmp_path / "my-llama"
    command = ("benchtui", "run", "--outputs", f"{folder}/outputs", "--model-args", f"hf_token={secret}")
    plan = {"model args": {"hf_token": secret}, "system instruction": f"As in {folder}/docs/style.md."}
    for name in ("base", "fine-tuned/2026-11-20T10-30-15"):
        run = make_run(model / "benchmarks" / name, "base" if name == "base" else "fine-tuned")
        write_plan(run.plan_file, msgspec.structs.replace(run.plan(), command=command, model_name=f"{folder}/llama"))
        block = {"plan": {**plan, "seeds": name}, "partial": True}
        write_run(run.path, {"t": Task({("acc", "none"): [True] * 8})}, block=block, samples=False)
    update_readmes(model)
    summary = summarize(model)
    assert summary.comparison is not None
    card, page = (model / "README.md").read_text(), comparison_html(summary.comparison)
    for text in (card, page):
        assert secret not in text
        assert folder not in text
        assert str(tmp_path) not in text
        assert "style.md" in text
    assert "benchtui run --outputs outputs --model-args 'hf_token=***'" in card


def test_a_run_of_another_tool_shows_the_command_and_not_its_first_comment(tmp_path: Path) -> None:
    run = make_run(tmp_path / "m" / "benchmarks" / "fine-tuned" / "a")
    write_run(run.path, {"t": Task({("acc", "none"): [True] * 8})})
    run.equivalent_command.write_text("#!/bin/sh\n# The same.\nlm_eval run --model_args pretrained=/home/ann/x\n")
    update_readmes(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text()
    assert "```bash\nlm_eval run --model_args pretrained=x\n```" in card


def test_the_command_in_a_card_is_whole(tmp_path: Path) -> None:
    """A system message of several lines, longer than a line of a table: pasted, the command is the one that ran."""
    run = make_run(tmp_path / "m" / "benchmarks" / "fine-tuned" / "a")
    write_run(run.path, {"t": Task({("acc", "none"): [True] * 8})})
    message = "First line;\n\n# second line: it's\n```\n<!-- benchtui:results:end -->\n" + "word " * 300
    command = ("benchtui", "run", "--system-instruction", message)
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), command=command))
    update_readmes(tmp_path / "m")
    once = (tmp_path / "m" / "README.md").read_text()
    block = re.search(r"(`{4,})bash\n(.*?)\n\1\n", once, re.DOTALL)
    assert block is not None
    assert shlex.split(block.group(2)) == list(command)
    update_readmes(tmp_path / "m")
    assert (tmp_path / "m" / "README.md").read_text() == once


def test_lm_evals_command_in_a_card_is_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path / "m" / "benchmarks" / "fine-tuned" / "a")
    write_run(run.path, {"t": Task({("acc", "none"): [True] * 8})})
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), command=()))
    script = "#!/bin/sh\n# The same.\nlm_eval run '--system_instruction=a\n\n# b' --tasks t\nlm_eval run --tasks u\n"
    run.equivalent_command.write_text(script)
    update_readmes(tmp_path / "m")
    assert (
        "```bash\nlm_eval run '--system_instruction=a\n\n# b' --tasks t\n```"
        in (tmp_path / "m" / "README.md").read_text()
    )
