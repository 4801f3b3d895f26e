"""What looks like a password or a token: it is masked where text is passed on, and never written into a run's files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchtui.errors import UsageError

_SECRET = frozenset(
    {"token", "password", "passwd", "passphrase", "secret", "key", "apikey", "credential", "credentials", "auth"}
    | {"authorization", "bearer"}
)
_VOCABULARY = frozenset({"bos", "eos", "pad", "unk", "sep", "cls", "mask", "start", "end", "stop", "prefix", "think"})
"""What comes right before "token" where it is one of a vocabulary: "bos_token", "think end token"."""
KNOWN = re.compile(r"\b(?:hf_|api_org_|sk-|ghp_|github_pat_)[\w-]{16,}")
"""Tokens of services that are known by how they begin."""


def is_secret_name(key: str) -> bool:
    """Whether what is called `key` is a secret: `hf_token`, but not `bos_token`."""
    words = re.split(r"[ _.-]", key.lower())
    return any(
        word in _SECRET and not (word == "token" and (before in _VOCABULARY or after == "healing"))
        for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False)
    )


def refuse_secrets(settings: Mapping[str, object]) -> None:
    """Raise UsageError where a setting, however deep inside, is a secret: a plan is a file that is passed on."""
    if found := _secret_in(settings):
        raise UsageError(
            f"it cannot set {found}: the run's files would hold the secret.",
            "Set the variable HF_TOKEN, or log in with `hf auth login`.",
        )


def _secret_in(value: object) -> str:
    """Return the name of the first secret in `value`, "" for none."""
    if isinstance(value, Mapping):
        inside = (name if is_secret_name(name) else _secret_in(item) and name for name, item in value.items())
        return next((name for name in inside if name), "")
    if isinstance(value, list):
        return next((found for item in value if (found := _secret_in(item))), "")
    return "a token" if isinstance(value, str) and KNOWN.search(value) else ""
