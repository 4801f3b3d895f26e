"""Checks Python and the packages against the version ranges in benchtui's own metadata and lm-eval's."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
from benchtui.doctor.check import Check
from benchtui.supervise.cluster.address import INSTALL
from benchtui.text import one_line

_TASK_FAMILIES = {
    "math": "MATH",
    "multilingual": "multilingual tasks",
    "japanese_leaderboard": "Japanese leaderboard",
    "longbench": "LongBench",
    "ruler": "RULER",
    "libra": "LIBRA",
    "acpbench": "ACPBench",
    "discrim_eval": "Discrim-Eval",
    "unitxt": "Unitxt",
}


@dataclass(frozen=True)
class _Lack:
    """A requirement that is not met; `installed` is None when the package is missing."""

    requirement: Requirement
    installed: str | None

    def __str__(self) -> str:
        if self.installed is None:
            return f"{self.requirement.name} is missing"
        return f"{self.requirement.name} {self.installed} is outside {self.requirement.specifier}"


def check_python() -> Iterator[Check]:
    version = platform.python_version()
    where = f"{version} on {platform.system()} {platform.machine()}"
    try:
        wanted = importlib.metadata.metadata("benchtui")["Requires-Python"]
    except (importlib.metadata.PackageNotFoundError, KeyError):
        wanted = ""
    if SpecifierSet(wanted or "").contains(version, prereleases=True):
        yield Check("Python", "ok", where)
    else:
        yield Check(
            "Python", "problem", f"{where}; benchtui needs {wanted}", "Make a new environment with that Python."
        )


def check_packages() -> Iterator[Check]:
    """Check benchtui's own requirements, those of the evaluation worker among them."""
    try:
        requirements = _requirements("benchtui")
    except importlib.metadata.PackageNotFoundError:
        yield Check("Packages", "problem", "benchtui is not installed, only its files are here", "pip install .")
        return
    lacks = _lacks(requirements)
    if lacks:
        yield Check("Packages", "problem", "; ".join(map(str, lacks)), _install(lack.requirement for lack in lacks))
        return
    used = ["lm_eval", *(need.package for need in find_backend(DEFAULT_BACKEND).needs)]
    shown = ", ".join(f"{name.replace('_', '-')} {importlib.metadata.version(name)}" for name in used)
    yield Check("Packages", "ok", f"all {len(requirements)} within their ranges: {shown}")


def check_ifeval() -> Iterator[Check]:
    """Check IFEval's three packages, which come only with lm-eval's extra; IFEval is in every suite."""
    try:
        requirements = _requirements("lm_eval", "ifeval")
    except importlib.metadata.PackageNotFoundError:
        yield Check("IFEval", "problem", "lm-eval is missing", 'python -m pip install "lm-eval[ifeval]>=0.4.13,<0.5"')
        return
    lacks = _lacks(requirements)
    if lacks:
        yield Check("IFEval", "problem", "; ".join(map(str, lacks)), _install(lack.requirement for lack in lacks))
        return
    installed = (f"{needed.name} {importlib.metadata.version(needed.name)}" for needed in requirements)
    yield Check("IFEval", "ok", ", ".join(installed))


def check_task_families() -> Iterator[Check]:
    """Check families of tasks outside the suites that need packages of their own; missing ones are not a problem."""
    try:
        lacking = {family: lacks for family in _TASK_FAMILIES if (lacks := _lacks(_requirements("lm_eval", family)))}
    except importlib.metadata.PackageNotFoundError:
        return
    ready = len(_TASK_FAMILIES) - len(lacking)
    if not lacking:
        yield Check("Other tasks", "ok", f"the packages of all {ready} task families are here")
        return
    names = ", ".join(_TASK_FAMILIES[family] for family in lacking)
    extras = ", ".join(family.replace("_", "-") for family in lacking)
    first = extras.split(",", 1)[0]
    step = f'python -m pip install "lm-eval[{first}]"' + (f" (or one of: {extras})" if len(lacking) > 1 else "")
    yield Check("Other tasks", "ok", f"nothing is missing for the suites; more packages wanted by {names}", step)


def check_cluster() -> Iterator[Check]:
    """Check Ray, with which --cluster reaches other machines; nothing is connected to."""
    try:
        version = importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        yield Check("Cluster", "absent", "Ray is not installed, which --cluster needs", INSTALL)
        return
    address = one_line(os.environ.get("RAY_ADDRESS", ""), 200)
    yield Check("Cluster", "ok", f"Ray {version}; --cluster auto takes {address or 'the one that this machine is in'}")


def missing_extra(name: str) -> str | None:
    """Return the install line for benchtui's extra `name` when something of it is missing, else None."""
    try:
        lacks = _lacks(_requirements("benchtui", name))
    except importlib.metadata.PackageNotFoundError:
        return None
    return _install(lack.requirement for lack in lacks) if lacks else None


def _requirements(distribution: str, extra: str = "") -> list[Requirement]:
    """Yield what `distribution` needs here: for itself, or only for `extra`; extras of what it needs are followed.

    Raises PackageNotFoundError.
    """
    found: dict[str, Requirement] = {}
    for text in importlib.metadata.requires(distribution) or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue  # of no meaning to pip either
        marker = needed.marker
        applies = marker is None or marker.evaluate({"extra": extra or "none"})
        only_for_extra = marker is not None and not marker.evaluate({"extra": "none"})
        if not applies or (extra and not only_for_extra):
            continue
        found[needed.name] = needed
        for inner in needed.extras:
            found |= {deeper.name: deeper for deeper in _of_extra(needed.name, inner)}
    return list(found.values())


def _of_extra(distribution: str, extra: str) -> list[Requirement]:
    try:
        return _requirements(distribution, extra)
    except importlib.metadata.PackageNotFoundError:
        return []  # the missing distribution itself is reported


def _lacks(requirements: list[Requirement]) -> list[_Lack]:
    lacks = []
    for needed in requirements:
        try:
            installed = importlib.metadata.version(needed.name)
        except importlib.metadata.PackageNotFoundError:
            lacks.append(_Lack(needed, None))
            continue
        if not needed.specifier.contains(installed, prereleases=True):
            lacks.append(_Lack(needed, installed))
    return lacks


def _install(requirements: Iterator[Requirement]) -> str:
    quoted = " ".join(f'"{_bare(needed)}"' for needed in requirements)
    return f"python -m pip install {quoted}"


def _bare(needed: Requirement) -> str:
    extras = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    return f"{needed.name}{extras}{needed.specifier}"
