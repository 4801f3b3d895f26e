"""What every test may use: a clean home, and the hub of real data where it is beside the checkout."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.runs.laid_out import Laid

ROOT = Path(__file__).resolve().parent.parent
HUB = Path(os.environ.get("BENCHTUI_TEST_HUB") or ROOT.parent / "shared" / "hub")
REAL = Path(os.environ.get("BENCHTUI_TEST_REAL") or ROOT / ".real").absolute()
VLLM = str(Path(found).absolute()) if (found := os.environ.get("BENCHTUI_TEST_VLLM")) else ""
"""The Python of an environment with vLLM: not resolved, since its link is what makes it one."""
RECORDINGS = Path(os.environ.get("BENCHTUI_TEST_RECORDINGS") or ROOT.parent / "shared" / "recordings")
OLLAMA = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
"""Where a live Ollama server would be: tests marked "ollama" ask it, no other test does."""
WHOLE = bool(os.environ.get("BENCHTUI_TEST_WHOLE"))
FULL = os.environ.get("BENCHTUI_TEST_REAL_SIZE") == "full"
"""Whether the numbers of draws and documents are those of `make real`, which may take an hour."""
REQUIRED = os.environ.get("BENCHTUI_TEST_REQUIRE", "").split(",")

# The same examples every time, so that a change is judged by itself; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# Tiny models gain nothing from threads, and on a busy machine threads that wait for each other cost a hundredfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# What a shell starts in the background ignores Ctrl+C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Hub:
    """A Hugging Face Hub on loopback: `env` points the libraries at it and at a cache of their own."""

    url: str
    root: Path
    env: dict[str, str]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked "long", but for where everything is tested and where a test is named."""
    if WHOLE or any("::" in argument for argument in config.args):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


def absent(what: str, reason: str) -> None:
    """Skip a test that needs something which is not here, or fail it where BENCHTUI_TEST_REQUIRE names `what`."""
    if what in REQUIRED:
        pytest.fail(f"{what} tests are required here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    if not (HUB / "serve.py").is_file():
        absent("hub", "no hub beside the checkout")
    server = subprocess.Popen(
        [sys.executable, str(HUB / "serve.py"), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().decode().split()[-1]
        home = tmp_path_factory.mktemp("hf-home")
        yield Hub(url, HUB, {"HF_ENDPOINT": url, "HF_HOME": str(home), "NLTK_DATA": str(HUB / "nltk_data")})
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The folder with a real instruct model of 135M parameters and an adapter trained on it (`make real` makes it)."""
    if not (REAL / "outputs" / "smollm2-gsm8k").is_dir():
        absent("real", "no real model: `make real` fetches it")
    return REAL


@pytest.fixture(scope="session")
def llama_cpp() -> None:
    """For tests that read GGUF files in this process or in a worker."""
    if importlib.util.find_spec("llama_cpp") is None:
        absent("gguf", "llama-cpp-python is not installed")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder with what two real Ollama servers answered."""
    if not (RECORDINGS / "README.md").is_file():
        absent("recordings", "no recordings beside the checkout")
    return RECORDINGS


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the developer's own configuration, cache or state."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        patch.setenv(name, str(home / name.lower()))
    for name in list(os.environ):
        if name.startswith("BENCHTUI_"):
            patch.delenv(name)
    patch.setenv("NO_COLOR", "1")
    patch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # nothing listens there: a server of the developer's own is not asked
    yield
    patch.undo()


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """A model, its base and two tasks, whose runs are laid out without a model being loaded."""
    from tests.runs.laid_out import Laid

    return Laid(tmp_path)
