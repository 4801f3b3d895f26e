"""What the user chose to talk with: models, how they write, and what they are told first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.plans.command import said_settings
from benchtui.plans.token_choice import OF_SAMPLING, sampling_arguments
from benchtui.routing.records import Sampling
from benchtui.settings.rows import ISOLATED
from benchtui.settings.sampling import FLAGS, check_sampling

CHAT_SAMPLING = Sampling(max_new_tokens=1024)
"""How models write in a chat where nobody says otherwise: the likeliest token, at most so many of them."""
OF_CHAT = (
    "outputs", "adapter-base", "backend", "server", "endpoint", "read-gguf", "request-timeout", "python",
    "chat-template", "enable-thinking", "think-end-token",
    "max-length", "dtype", "device", "kv-type", "flash-attention", "threads", "model-args", "seed", "verify",
    "offline", "trust-remote-code", "allow-pickle",
)  # fmt: skip
CHAT_SETTINGS = (*OF_CHAT, *OF_SAMPLING, "timeout")
"""The rows of settings that `benchtui chat` has flags for."""


@dataclass(frozen=True)
class ChatChoice:
    """One `benchtui chat`.

    `settings` has what it shares with `benchtui run`, CHAT_SETTINGS of it; its `gen_kwargs` are empty: `sampling` says
    how models write, with the third of the seeds. `models` are as they were typed, as for `benchtui tokens compare`;
    `names` what they are called, () for what suits. `system` is the system prompt; `blind` hides who wrote what:
    a vote on the `prompts` of the file `prompts_file`, "" where the voter writes them, over after `votes` votes.
    """

    settings: Choice
    models: tuple[str, ...]
    names: tuple[str, ...] = ()
    sampling: Sampling = CHAT_SAMPLING
    system: str | None = None
    blind: bool = False
    prompts: tuple[str, ...] = ()
    prompts_file: str = ""
    votes: int | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """What does the same when typed, whatever benchtui.toml and the environment say."""
        return ("benchtui", "chat", ISOLATED, *self._arguments(), "--", *self.models)

    def _arguments(self) -> Iterator[str]:
        for row, value in said_settings(self.settings):
            if row.name in CHAT_SETTINGS:
                yield from row.arguments(value)
        yield from sampling_arguments(self.sampling, CHAT_SAMPLING)
        if self.names:
            yield from ("--names", ",".join(self.names))
        if self.system is not None:
            yield from ("--system", self.system)
        if self.blind:
            yield "--blind"
            if self.prompts_file:
                yield from ("--file", self.prompts_file)
            if self.votes is not None:
                yield from ("--votes", str(self.votes))


def check_written(sampling: Sampling) -> None:
    """Raise UsageError for numbers by which no answer can be written."""
    check_sampling({name: getattr(sampling, name) for name in FLAGS})
    if sampling.max_new_tokens < 1:
        raise UsageError("An answer has at least one token.", "Give a number from 1 on.")
