"""A worker's session: heavy imports once, weights once, then one run after another."""

from __future__ import annotations

import logging
import os
import random
from contextlib import closing
from typing import Any

from benchtui.runs.directory import RunDirectory
from benchtui.runs.equivalent import equivalent_command
from benchtui.runs.files import write_atomic
from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.journal import Journal
from benchtui.runs.plan import RunPlan
from benchtui.worker import remembered
from benchtui.worker.guard import StopFlag
from benchtui.worker.report import EventLogHandler, Reporter, report_imports, report_progress_bars


class Session:
    """Keeps the loaded model between runs that can share it."""

    def __init__(self, stop: StopFlag, *, memory_share: float = 1.0) -> None:
        self._stop = stop
        self._memory_share = memory_share
        self._loaded: Any = None
        self._listener: EventLogHandler | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._loaded = None

    def evaluate(self, run: RunDirectory, reporter: Reporter, *, score_only: bool) -> None:
        """Evaluate one run and write its results; `score_only` scores what its journal holds."""
        plan = run.plan()
        set_environment(plan)  # before anything of Hugging Face's is imported
        self._listen(reporter)
        from benchtui.worker.evaluate import Evaluation, evaluate
        from benchtui.worker.prompts import TokenizerPrompter
        from benchtui.worker.tasks import load_tasks

        seed_everything(plan, with_torch=not score_only)
        reporter.phase("loading task")
        metadata = {"pretrained": plan.source.path, **plan.prompts.model_args}
        tasks = load_tasks(plan, metadata, lambda name: self._task_built(reporter, name))
        with Journal(run.journal) as journal, closing(InHandWriter(run.in_hand)) as in_hand:
            if score_only:
                self._stop.interruptible = False
                prompter = TokenizerPrompter(plan)
                facts = {"dtype": used} if (used := journal.noted("dtype in use")) else {}
                evaluate(Evaluation(run, plan, tasks, journal, reporter, self._stop, in_hand, prompter), facts)
                return
            reporter.phase("loading model", detail=plan.source.path)
            loaded = self._load(plan, reporter)
            facts = {"device": loaded.device, "dtype": loaded.dtype}
            write_atomic(run.equivalent_command, equivalent_command(plan, dtype=loaded.dtype))
            self._stop.interruptible = False
            with loaded.adapter(plan.source):
                lm, share = loaded.lm, self._share(plan)
                evaluation = Evaluation(run, plan, tasks, journal, reporter, self._stop, in_hand, lm, lm, share)
                evaluate(evaluation, facts)
            self._stop.interruptible = True

    def _listen(self, reporter: Reporter) -> None:
        """Warnings of the libraries become events, their progress bars signs of life, of the run in hand."""
        if self._listener is None:
            self._listener = EventLogHandler(reporter)
            logging.getLogger().addHandler(self._listener)
            report_imports(self._listener)
            report_progress_bars(self._listener)
        self._listener.reporter = reporter

    def _task_built(self, reporter: Reporter, name: str) -> None:
        reporter.task = name
        reporter.advance("files", 1)

    def _load(self, plan: RunPlan, reporter: Reporter) -> Any:
        from benchtui.worker.load import load_model, prepare

        share = self._share(plan)
        if share < self._memory_share:
            reporter.decision("memory", f"{share:.3g} of what would be planned", "more did not fit before")
        if self._loaded is not None and self._loaded.serves(plan.source):
            prepare(self._loaded, plan, reporter, share)
        else:
            self._loaded = None  # frees the other model first: two may not fit
            self._loaded = load_model(plan, reporter, share)
        return self._loaded

    def _share(self, plan: RunPlan) -> float:
        """Of the memory that would be planned for. lm-eval's own model remembers batch sizes instead."""
        if plan.engine != "fast" or isinstance(plan.batch_size, int):
            return self._memory_share
        return min(self._memory_share, remembered.memory_share(plan))


def set_environment(plan: RunPlan) -> None:
    """What the libraries read from the environment when they are imported."""
    environment = {
        "TOKENIZERS_PARALLELISM": "false",  # its threads do not survive a fork
        "DISABLE_MULTIPROC": "1",  # lm-eval's bootstrap pool has deadlocked for users (EH#1485)
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "HF_ALLOW_CODE_EVAL": "1" if plan.permissions.unsafe_code else "0",
    }
    if plan.offline:
        environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    os.environ.update(environment)


def seed_everything(plan: RunPlan, *, with_torch: bool) -> None:
    """lm-eval's seeds, and langdetect's: unseeded, IFEval's language checks differ from run to run (EH#4213). Without a
    model PyTorch draws nothing, and is not worth the seconds of its import."""
    import numpy as np

    python_seed, numpy_seed, torch_seed, _ = plan.prompts.seeds
    random.seed(python_seed)
    np.random.seed(numpy_seed)  # the global generator is what lm-eval and its tasks use
    if with_torch:
        import torch

        torch.manual_seed(torch_seed)
    try:
        from langdetect import DetectorFactory
    except ModuleNotFoundError:
        return  # only IFEval needs it, and says so itself
    DetectorFactory.seed = 0
