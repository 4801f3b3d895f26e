"""The public Python interface: what a notebook or a script needs. Nothing else in this package is public.

Every function takes `outputs`, the folder of trained models, and names runs as `benchtui runs` prints them. Importing
this module is cheap; numpy and pandas are imported by the functions that need them, PyTorch only by worker processes.
Each function raises BenchtuiError for what a user can put right; the message says what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
from benchtui.chat.opening import open_chat
from benchtui.displays.script import ScriptFrontend, on_stderr
from benchtui.errors import BenchtuiError, ExitCode, UsageError
from benchtui.plans.choice import Choice
from benchtui.settings.rows import MAX_LOSS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from benchtui.compare.flipped import Flipped
    from benchtui.compare.history.history import Experiment
    from benchtui.compare.leaderboard.pick.records import Pick
    from benchtui.compare.leaderboard.records import Leaderboard
    from benchtui.compare.records import Comparison, Row
    from benchtui.compare.verdicts.gate import Gate
    from benchtui.models.listing import ListedModel
    from benchtui.results.records import RunResults
    from benchtui.results.samples import Sample
    from benchtui.results.tokens import TokensResults
    from benchtui.routing.records import Side, SwitchedText
    from benchtui.runs.listing import ListedRun
    from benchtui.tokens.modes import DivergenceKind, Mode
    from benchtui.worker.answering.hybrid.generator import HybridGenerator
    from benchtui.worker.answering.loaded_model import LoadedModel

__all__ = [
    "OUTPUTS",
    "BenchtuiError",
    "Choice",
    "ExitCode",
    "HybridGenerator",
    "compare",
    "compare_tokens",
    "comparison_frame",
    "divergence",
    "find_models",
    "flipped_samples",
    "gate",
    "history",
    "leaderboard",
    "list_runs",
    "load",
    "open_chat",
    "open_tokens",
    "pick",
    "read_run",
    "read_samples",
    "run_benchmark",
    "switch_generate",
]

OUTPUTS = Path("outputs")


def find_models(outputs: str | Path = OUTPUTS, *, backend: str = DEFAULT_BACKEND) -> list[ListedModel]:
    """Find the trained models in `outputs`, the newest first, with their formats, base, last result and problems."""
    from benchtui.models.listing import list_models

    return list_models(Path(outputs), find_backend(backend))


def list_runs(outputs: str | Path = OUTPUTS) -> list[ListedRun]:
    """List every run in `outputs`, the newest first; a run that cannot be read is listed with the reason."""
    from benchtui.runs.listing import list_runs as listed

    return listed(Path(outputs))


def read_run(run: str | Path, outputs: str | Path = OUTPUTS) -> RunResults:
    """Read the scores and settings of a run: its name, its folder, or a model (its newest full run).

    The folder may also be one that lm-eval wrote itself.
    """
    from benchtui.results.choose import find_scored_run
    from benchtui.results.read import read_run as read

    return read(find_scored_run(Path(outputs), str(run)))


def read_samples(results: RunResults, task: str) -> list[Sample]:
    """Read the scores of every sample of `task`, once for each of the task's filters; [] when none were logged."""
    from benchtui.compare.differences.leaves import SampleSource

    return SampleSource(results).read(task)


def compare(
    first: str | Path | None = None, second: str | Path | None = None, outputs: str | Path = OUTPUTS
) -> Comparison:
    """Compare run `second` with run `first`, sample by sample, as `benchtui compare` does.

    A model or run alone is compared with its base; without any, the model that was benchmarked last.
    """
    from benchtui.compare.compare import compare_runs
    from benchtui.results.choose import places_to_compare
    from benchtui.results.read import read_run as read

    if first is None and second is not None:
        raise UsageError("compare() was given a second run and no first.", "Name the run to compare it with.")
    names = (None if run is None else str(run) for run in (first, second))
    one, other, _ = places_to_compare(Path(outputs), *names)
    return compare_runs(read(one), read(other))


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """Make a pandas table of a comparison: one line a row, with the columns of `benchtui compare --format csv`."""
    import pandas as pd

    from benchtui.reports.exports import comparison_records

    return pd.DataFrame.from_records(comparison_records(comparison))


def flipped_samples(comparison: Comparison, row: Row, limit: int = 50) -> list[Flipped]:
    """Read the samples of `row` that became right or became wrong, with their texts, at most `limit`."""
    from benchtui.compare.flipped import flipped_samples as flipped

    return flipped(comparison, row, limit)


def gate(
    comparison: Comparison,
    *,
    max_loss: float | None = None,
    same_within: float | None = None,
    min_gain: float | None = None,
    gain_tasks: Sequence[str] = (),
) -> Gate:
    """Check a comparison as `benchtui gate` does: no loss over `max_loss` points (default 3), or no difference over
    `same_within` points either way; and a gain of `min_gain` points on `gain_tasks`.
    """
    from benchtui.compare.verdicts.gate import asked_tasks
    from benchtui.compare.verdicts.gate import gate as check
    from benchtui.runs.directory import RunDirectory

    if same_within is not None and (max_loss is not None or min_gain is not None):
        raise UsageError("gate() takes same_within, or max_loss and min_gain, not both.", "Leave one of them out.")
    known = [row.task for row in comparison.headlines]
    if unknown := [task for task in gain_tasks if task not in known]:
        raise UsageError(f"The runs have no task {unknown[0]!r} in common.", f"They have {', '.join(known) or 'none'}.")
    if (min_gain is None) != (not gain_tasks):
        raise UsageError("gate() needs min_gain and gain_tasks together.", "Give both, or neither.")
    run = RunDirectory(comparison.second.run)
    return check(
        comparison,
        max_loss=MAX_LOSS if max_loss is None else max_loss,
        same_within=same_within,
        min_gain=min_gain,
        gain_tasks=gain_tasks,
        asked=() if gain_tasks else asked_tasks(comparison, run.plan() if run.exists() else None),
    )


def history(model: str | Path | None = None, outputs: str | Path = OUTPUTS) -> list[Experiment]:
    """List every run that left results, the oldest first, with what was trained and each score beside its base's.

    With `model`, the runs of that model alone.
    """
    from benchtui.compare.history.history import all_history, model_history
    from benchtui.results.choose import find_model

    return all_history(Path(outputs)) if model is None else model_history(find_model(Path(outputs), str(model))[0])


def leaderboard(
    models: Sequence[str | Path] = (),
    *,
    reference: str = "base",
    tasks: Sequence[str] = (),
    outputs: str | Path = OUTPUTS,
) -> Leaderboard:
    """Compare many models, checkpoints, quantisations and backends at once, as `benchtui leaderboard` does.

    `models` names some of them alone, `tasks` some of the columns. Each is compared with its own base, or all with the
    row named `reference`. Raises UsageError where there is no such model, row or task.
    """
    from benchtui.compare.leaderboard.assemble import assemble, complete

    found = assemble(Path(outputs), [str(model) for model in models], reference=reference, tasks=tasks)
    *_, whole = complete(found)
    return whole.board()


def pick(
    models: Sequence[str | Path] = (),
    *,
    by: str = "mean",
    within: float = MAX_LOSS,
    no_worse: Mapping[str, float] | None = None,
    max_size: int | None = None,
    max_memory: int | None = None,
    min_speed: float | None = None,
    earliest: bool = False,
    reference: str = "base",
    outputs: str | Path = OUTPUTS,
) -> Pick:
    """Find the smallest model that is shown to be no worse than the best by more than `within` points, as
    `benchtui pick` does: `picked` is its place in `candidates`, None where the data cannot tell or nothing fits.

    `by` is a task, or "mean"; `no_worse` has the points that may be lost of a task against the base, by task. Sizes are
    in bytes, `min_speed` in tokens a second. With `earliest` the first by training step is kept, not the smallest.
    Raises UsageError for a margin that makes no sense, and for a model or task that is not there.
    """
    from benchtui.compare.leaderboard.pick.decide import ask
    from benchtui.compare.leaderboard.pick.records import Limits, NoWorse, Question

    margins = {"within": within, **(no_worse or {})}
    if wrong := [name for name, points in margins.items() if not 0 <= points <= 100]:
        raise UsageError(f"{margins[wrong[0]]} is no margin for {wrong[0]!r}.", "Give points from 0 to 100.")
    demands = tuple(NoWorse(task, points) for task, points in (no_worse or {}).items())
    question = Question(by, within, demands, Limits(max_size, max_memory, min_speed), earliest)
    return ask(Path(outputs), [str(model) for model in models], question, reference=reference)


def run_benchmark(choice: Choice, say: Callable[[str], None] | None = None) -> ExitCode:
    """Benchmark a model against its base, as `benchtui run` does, and wait until it has ended.

    `choice` holds the settings: those of `benchtui run` under the same names. The [run] part of benchtui.toml and the
    environment are not read. Progress is printed line by line on stderr, or given to `say`. In the main thread Ctrl+C
    (a notebook's stop button) asks for a stop, which keeps what was answered. The results are on disk: see `read_run`
    and `compare`. Raises BenchtuiError when the benchmark cannot be started.
    """
    from benchtui.benchmark.run import run_choice
    from benchtui.supervise.control import Control

    frontend = ScriptFrontend(say or on_stderr, resume=choice.resume is not False)
    control = Control(frontend.say)
    signals = control if threading.current_thread() is threading.main_thread() else nullcontext()
    with signals:
        return run_choice(choice, frontend, control)


def load(
    model: str | Path | None = None, *, backend: str = DEFAULT_BACKEND, outputs: str | Path = OUTPUTS, **settings: Any
) -> LoadedModel:
    """Load a model into this process, or reach one at a server, and return it ready to be asked.

    `model` is a name in `outputs`, a path, a hub id, or what the server calls it; None is the newest. `settings` are
    those of `benchtui run` that say how a model is loaded and asked, under the same names: `format`, `dtype`, `device`,
    `batch_size`, `max_length`, `server`, `seeds`, and the backend's own, for example `engine`. The files of the model
    are checked as before a benchmark. This imports PyTorch, or what else the backend needs, into this process.
    Raises BenchtuiError naming the model and what would help, TypeError for a setting that there is not.

        with benchtui.api.load("my-model") as model:
            print(model.generate("Once upon a time", max_new_tokens=20))
    """
    from benchtui.plans.load import loading_choice, plan_load
    from benchtui.worker.answering.loaded_model import load_model

    return load_model(plan_load(loading_choice(model, backend, Path(outputs), settings)))


def divergence(
    first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]], kind: DivergenceKind = "js"
) -> NDArray[np.float64]:
    """Compute how far apart two distributions are at each row, from what `get_logits` returns for two models.

    `kind` is "js" (Jensen-Shannon, at most ln 2), "kl" (KL(first‖second)), "kl-reverse", or "tv" (total variation,
    at most 1); nats, in float64, with no epsilon. Raises ValueError for arrays of unlike shapes, and for NaN.
    """
    from benchtui.tokens.divergences import divergence as computed

    return computed(first, second, kind)


def switch_generate(
    model_a: LoadedModel,
    model_b: LoadedModel,
    prompts: Sequence[str],
    *,
    kind: DivergenceKind = "js",
    threshold: float = 0.1,
    back: float | None = None,
    min_stay: int = 1,
    start: Side = "a",
    block: int | Literal["auto"] = "auto",
    max_new_tokens: int = 256,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    stop: Sequence[str] = (),
    seed: int = 1234,
) -> list[SwitchedText]:
    """Let two loaded models write behind each prompt by turns: model B where they are further apart than `threshold`
    (`kind`, in nats), model A again where they are nearer than `back` (half of it by default).

    After a switch at least `min_stay` tokens are written before the next; `start` is who begins. `block` tokens are
    written by one before the other reads them, which changes what it costs and no text. The random numbers depend on
    `seed`, the prompt's place and the token's alone. Each text has its switch points and what it cost. Raises
    BenchtuiError where the models do not share their tokens, or either of them fails, ValueError for a rule or a number
    that makes no sense.
    """
    from benchtui.routing.records import Sampling
    from benchtui.routing.rules import SwitchRule, back_threshold
    from benchtui.worker.switching.loaded import switch_texts

    rule = SwitchRule(kind, threshold, back_threshold(threshold, back), min_stay, start)
    sampling = Sampling(temperature, top_k, top_p, min_p, max_new_tokens, tuple(stop), seed)
    return switch_texts((model_a, model_b), prompts, rule, sampling, block)


def compare_tokens(
    models: Sequence[str | Path],
    *,
    outputs: str | Path = OUTPUTS,
    prompt: str | None = None,
    answer: str | None = None,
    answers: Sequence[str] = (),
    tasks: Sequence[str] = (),
    data: Sequence[str] = (),
    limit: float | None = None,
    mode: Mode = "given",
    say: Callable[[str], None] | None = None,
    **settings: Any,
) -> TokensResults:
    """Compare models at every token of the same texts, as `benchtui tokens compare` does, and open what was found.

    The texts are a `prompt` and the `answer` behind it, the `answers` of runs, the references of `tasks` or of `data`
    (of which `prompt` and `answer` name the columns), else benchtui's own prompts. With `mode` "own" each model writes.
    `settings` are those of `benchtui run` that say how models are loaded, under the same names. Progress is printed on
    stderr, or given to `say`. Raises BenchtuiError where it cannot be started, or did not finish.
    """
    from benchtui.benchmark.tokens import compare_tokens as compare_models
    from benchtui.plans.token_choice import TokensChoice
    from benchtui.results.tokens import read_tokens
    from benchtui.settings.rows import NO_SUITE
    from benchtui.supervise.control import Control

    shared = Choice(
        Path(outputs),
        suite=NO_SUITE,
        compare=False,
        tasks=tuple(tasks),
        data=tuple(data),
        prompt=prompt if data else None,
        answer=answer if data else None,
        limit=limit,
        **settings,
    )
    choice = TokensChoice(
        shared,
        tuple(str(model) for model in models),
        answers=tuple(answers),
        prompt=None if data else prompt,
        answer=None if data else answer,
        mode=mode,
    )
    frontend = ScriptFrontend(say or on_stderr, resume=True)
    control = Control(frontend.say)
    signals = control if threading.current_thread() is threading.main_thread() else nullcontext()
    with signals:
        outcome = compare_models(choice, frontend, control)
    if outcome.exit_code != ExitCode.DONE:
        raise BenchtuiError(
            f"The comparison in {outcome.run.path} did not finish.", "`benchtui resume` does what is left of it."
        )
    return read_tokens(outcome.run.path)


def open_tokens(run: str | Path | None = None, outputs: str | Path = OUTPUTS) -> TokensResults:
    """Open what a comparison by token found: its store of distributions, and its summary. No model is loaded.

    `run` is a run, a model (its newest comparison) or the folder of a store; without it, the newest of all.
    """
    from benchtui.results.tokens import find_tokens

    return find_tokens(Path(outputs), None if run is None else str(run))


def __getattr__(name: str) -> Any:
    """Import `HybridGenerator` when it is asked for: it comes with PyTorch."""
    if name == "HybridGenerator":
        from benchtui.worker.answering.hybrid.generator import HybridGenerator as Found

        return Found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
