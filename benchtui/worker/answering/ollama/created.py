"""Check a model that was made in Ollama against what it was made from.

`python -m benchtui.worker.answering.ollama.created JOB` (JSON: see Job) prints one line of JSON: {"problem": "…"}, ""
where the two are the same model. Ollama says "success" of models whose tokenizer it read wrongly, too.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchtui.backends.ollama_server import KEY_VARIABLE
from benchtui.backends.servers import ask
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.plans.load import plan_load
from benchtui.text import one_line
from benchtui.worker.answering.gguf.answering import GgufAnswering
from benchtui.worker.answering.http.failures import PassingError
from benchtui.worker.answering.loaded_model import LoadedModel, load_model
from benchtui.worker.answering.ollama.agreement import PROMPTS, TOKENS, Agreement
from benchtui.worker.answering.ollama.answers import TokenLogProb, read_logprobs
from benchtui.worker.answering.ollama.asking import Asking
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.guard import die_with_supervisor

SAME_SHARE, SAME = 0.9, 0.6
"""Of a folder with the same weights: the share of the tokens of the server's greedy answers that lie at most so many
nats below the likeliest one here, above the largest margin at which equal files parted in measurements over three
builds. (An answer cut into tokens anew may have others than were written.)"""
QUANTISED, QUANTISED_MEAN = 0.3, 1.0
"""The same where the server has quantised the weights: the median, and the mean."""
_CONTEXT = 2048
_SECONDS = 600.0
"""Of silence: the first answer waits until the model is loaded."""


class Job(msgspec.Struct, frozen=True):
    """What to compare: the model `name` at `url` with `model` of `outputs`, loaded by `backend` from `format`;
    `quantised` where the server made its weights smaller."""

    url: str
    name: str
    outputs: str
    model: str
    backend: str
    format: str | None = None
    base: str | None = None
    quantised: bool = False


def problem_of(job: Job) -> str:
    """Return what shows that the server's model is another one, "" where nothing does.

    Raises BenchtuiError where the model cannot be loaded here, or the server does not answer.
    """
    choice = Choice(
        Path(job.outputs), model=job.model, base=job.base, compare=False, backend=job.backend, format=job.format,
        dtype="float32" if job.backend == "hf" else "auto", max_length=_CONTEXT, offline=True,
    )  # fmt: skip
    with load_model(plan_load(choice)) as own:
        counts, below, agreement = [], [], Agreement()
        answering = own._answering  # noqa: SLF001 - the file's own tokens are followed, which texts do not tell
        for prompt in PROMPTS:
            text, logprobs, read = _answered(job, prompt)
            counts.append((len(own.get_tokenizer().encode([prompt])[prompt]), read))
            if isinstance(answering, GgufAnswering) and logprobs:
                agreement.compare(answering, prompt, logprobs, Unobserved())
            elif text:
                below += _below_the_likeliest(own, prompt, text)
    agreed = agreement.differences or agreement.margins or agreement.certain
    return _of_counts(counts, exact=isinstance(answering, GgufAnswering)) or (
        agreement.problem(quantised=job.quantised) if agreed else _of_tokens(below, quantised=job.quantised)
    )


def _answered(job: Job, prompt: str) -> tuple[str, list[TokenLogProb], int]:
    """The server's greedy answer, its tokens where it tells them, and how many tokens it took the prompt for."""
    body = Asking(job.name, _CONTEXT).probe(prompt, TOKENS)
    try:
        status, said, _ = ask(job.url, "/api/generate", KEY_VARIABLE, body, seconds=_SECONDS)
    except OSError as error:
        raise BenchtuiError(f"Ollama gave no answer to check: {one_line(str(error), 200)}.") from error
    lines = _lines(said)
    if status != 200 or not lines or not lines[-1].get("done"):
        why = one_line(str(lines[-1].get("error", "it ends early") if lines else said), 200)
        raise BenchtuiError(f"Ollama gave no answer to check (HTTP {status}): {why}.")
    text = "".join(str(line.get("response", "")) for line in lines)
    try:
        logprobs = [found for line in lines for found in read_logprobs(line.get("logprobs"))]
    except PassingError as error:
        raise BenchtuiError(f"Ollama gave no answer to check: {error}.") from error
    return text, logprobs, int(lines[-1].get("prompt_eval_count") or 0)


def _lines(said: Any) -> list[dict[str, Any]]:
    if isinstance(said, dict):
        return [said]
    try:
        found = [json.loads(line) for line in str(said).split("\n") if line.strip()]
    except ValueError:
        return []
    return [line for line in found if isinstance(line, dict)]


def _below_the_likeliest(own: LoadedModel, prompt: str, text: str) -> list[float]:
    """How far, in nats, each token of `text` lies below the likeliest one here."""
    rows = own.get_logits(prompt, text)
    ids = own.get_tokenizer().encode([prompt + text])[prompt + text][-len(rows) :]
    return [float(np.max(row) - row[token]) for row, token in zip(rows, ids, strict=True)]


def _of_counts(counts: list[tuple[int, int]], *, exact: bool) -> str:
    """What shows that the tokenizers differ. Unless `exact`, a beginning-of-text token may be counted on one side: the
    same for every prompt."""
    differences = {read - mine for mine, read in counts}
    if differences == {0} or (not exact and len(differences) == 1 and abs(next(iter(differences))) == 1):
        return ""
    mine, read = max(counts, key=lambda pair: abs(pair[0] - pair[1]))
    return f"its tokenizer is another one: a prompt of {mine} tokens is {read} there"


def _of_tokens(below: list[float], *, quantised: bool) -> str:
    if not below:
        return "it writes nothing"
    median, mean = statistics.median(below), statistics.fmean(below)
    if quantised and (median > QUANTISED or mean > QUANTISED_MEAN):
        return f"its answers are unlikely here: {mean:.2f} nats a token below the likeliest (the mean)"
    near = sum(nats <= SAME for nats in below) / len(below)
    if not quantised and near < SAME_SHARE:
        return f"of its tokens {1 - near:.0%} lie more than {SAME} nats below the likeliest one"
    return ""


def main() -> None:
    """Read the job from the command line, and print what was found."""
    die_with_supervisor()
    job = msgspec.json.decode(sys.argv[1], type=Job)
    try:
        found = {"problem": problem_of(job)}
    except BenchtuiError as error:
        found = {"error": str(error)}
    print(json.dumps(found))  # noqa: T201 - the process's answer


if __name__ == "__main__":
    main()
