"""What the user chose to compare token by token: models, texts, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.plans.choice import Choice
from benchtui.plans.command import said_settings
from benchtui.plans.tokens import Sampling
from benchtui.settings.rows import ISOLATED, OF_OWN_DATA
from benchtui.settings.values import number_words
from benchtui.tokens.modes import Keep, Mode

BASE = "base"
"""Means the base of the first trained model among the names of models."""
LAST = "last"
"""What `--answers` is given for both runs of the last comparison."""
GREEDY = Sampling()
LARGEST = 10_000_000_000
KEPT_TOP = 64

OF_TEXTS = ("include-path", "limit", "num-fewshot", *(row.name for row in OF_OWN_DATA))
OF_MODELS = (
    "outputs", "adapter-base", "backend", "server", "python", "chat-template", "system-instruction", "enable-thinking",
    "think-end-token", "max-length", "batch-size", "dtype", "device", "kv-type", "flash-attention", "threads",
    "model-args", "seed", "verify", "offline", "trust-remote-code", "allow-pickle", "confirm-unsafe-code",
    "allow-metric-code",
)  # fmt: skip
OF_SAMPLING = ("temperature", "top-k", "top-p", "min-p")
OF_RUN = ("timeout", "skip-stalled", "resume", "detach", "json")
TOKEN_SETTINGS = (*OF_TEXTS, *OF_MODELS, *OF_SAMPLING, *OF_RUN)
"""The rows of settings that `benchtui tokens compare` has flags for."""


@dataclass(frozen=True)
class TokensChoice:
    """One `benchtui tokens compare`.

    `settings` has what it shares with `benchtui run`; of its tasks only `tasks`, `data` and what is said of data count,
    and its `gen_kwargs` are empty: `sampling` says how a model writes in the mode "own", with the third of the seeds.
    `models` are as they were typed, BASE among them; `names` what they are called, () for what suits. `checkpoints`
    adds those of each trained model. The texts are the `answers` of runs (LAST: both of the last comparison), those of
    the documents that changed sides (`flips`), a `prompt` with or without an `answer`, references of tasks and data, or
    benchtui's own prompts. With `score_prompts` the questions of stored answers are scored too. `chat` puts a prompt
    into the chat template. `keep` None keeps the most that a model gives; `largest` is in bytes.
    """

    settings: Choice
    models: tuple[str, ...]
    names: tuple[str, ...] = ()
    checkpoints: bool = False
    answers: tuple[str, ...] = ()
    flips: bool = False
    score_prompts: bool = False
    prompt: str | None = None
    answer: str | None = None
    chat: bool = False
    mode: Mode = "given"
    sampling: Sampling = GREEDY
    keep: Keep | None = None
    kept_top: int = KEPT_TOP
    keep_heads: bool = False
    largest: int = LARGEST
    all_pairs: bool = False
    experiment: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """What does the same when typed, whatever benchtui.toml and the environment say."""
        shared = self.shared_arguments()
        return ("benchtui", "tokens", "compare", ISOLATED, *shared, *self._own(), "--", *self.models)

    def shared_arguments(self) -> Iterator[str]:
        """Yield the flags of settings, names of models, and texts: those that other commands over texts have too."""
        yield from self._settings()
        yield from self._texts()

    def _settings(self) -> Iterator[str]:
        for row, value in said_settings(self.settings):
            if row.name in TOKEN_SETTINGS:
                yield from row.arguments(value)
        if self.settings.tasks:
            yield from ("--tasks", ",".join(self.settings.tasks))

    def _texts(self) -> Iterator[str]:
        if self.names:
            yield from ("--names", ",".join(self.names))
        for run in self.answers:
            yield from ("--answers", run)
        for flag, said in (("--prompt", self.prompt), ("--answer", self.answer)):
            if said is not None:
                yield from (flag, said)
        switches = {
            "--checkpoints": self.checkpoints,
            "--flips": self.flips,
            "--score-prompts": self.score_prompts,
            "--chat": self.chat,
        }
        yield from (flag for flag, on in switches.items() if on)

    def _own(self) -> Iterator[str]:
        plain = TokensChoice(self.settings, ())
        if self.mode != plain.mode:
            yield from ("--mode", self.mode, *sampling_arguments(self.sampling))
        if self.keep is not None:
            yield from ("--keep", self.keep)
        if self.kept_top != plain.kept_top:
            yield from ("--keep-top", str(self.kept_top))
        if self.keep_heads:
            yield "--keep-heads"
        if self.largest != plain.largest:
            yield from ("--largest", str(self.largest))
        if self.all_pairs:
            yield "--all-pairs"
        if self.experiment:
            yield from ("--experiment", self.experiment)


def sampling_arguments(sampling: Sampling, plain: Sampling = GREEDY) -> Iterator[str]:
    """Yield the flags of what differs from `plain`, which is greedy decoding."""
    for name in ("temperature", "top_k", "top_p", "min_p", "max_new_tokens"):
        if (value := getattr(sampling, name)) != getattr(plain, name):
            yield from (f"--{name.replace('_', '-')}", number_words(value))
    for stop in sampling.stop:
        yield from ("--stop", stop)
