"""Each check says what it finds on machines that are not this one."""

from __future__ import annotations

import http.server
import importlib.metadata
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.doctor import accelerators, hub, packages, storage
from benchtui.doctor.check import Check
from benchtui.doctor.examine import run_together
from benchtui.machine import ContainerMemory
from tests.gpus_here import put_gpus_here


def distribution(folder: Path, name: str, version: str, *requires: str) -> None:
    """An installed package, as pip records one."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Requires-Python: >=3.11"]
    (info / "METADATA").write_text("\n".join(lines + [f"Requires-Dist: {needed}" for needed in requires]) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with nothing in it but what the test puts there."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr("sys.path", [str(folder)])
    return folder


LM_EVAL = (
    "datasets>=2",
    'langdetect; extra == "ifeval"',
    'immutabledict; extra == "ifeval"',
    'nltk>=3.9.1; extra == "ifeval"',
    'sympy>=1.12; extra == "math"',
)


def test_a_missing_and_an_old_package_with_the_line_that_mends_them(site: Path) -> None:
    distribution(site, "benchtui", "0.1.0", "lm-eval[ifeval]<0.5,>=0.4.13", "peft>=0.17", 'pytest; extra == "dev"')
    distribution(site, "lm-eval", "0.4.9", *LM_EVAL)
    (check,) = packages.check_packages()
    assert check.status == "problem"
    assert "lm-eval 0.4.9 is outside <0.5,>=0.4.13" in check.message
    assert "peft is missing" in check.message
    assert "pytest" not in check.message
    assert '"lm-eval[ifeval]<0.5,>=0.4.13"' in check.next_step
    assert '"peft>=0.17"' in check.next_step
    assert '"nltk>=3.9.1"' in check.next_step  # what the extra of a package needs is followed


def test_ifeval_needs_its_three(site: Path) -> None:
    distribution(site, "lm-eval", "0.4.13", *LM_EVAL)
    distribution(site, "langdetect", "1.0.9")
    distribution(site, "nltk", "3.8.0")
    (check,) = packages.check_ifeval()
    assert check.status == "problem"
    assert check.message == "immutabledict is missing; nltk 3.8.0 is outside >=3.9.1"
    assert check.next_step == 'python -m pip install "immutabledict" "nltk>=3.9.1"'


def test_task_families_are_no_problem(site: Path) -> None:
    distribution(site, "lm-eval", "0.4.13", *LM_EVAL)
    (check,) = packages.check_task_families()
    assert check.status == "ok"
    assert "MATH" in check.message
    assert check.next_step == 'python -m pip install "lm-eval[math]"'


def test_nothing_installed_at_all(site: Path) -> None:
    statuses = [check.status for check in (*packages.check_packages(), *packages.check_ifeval())]
    assert statuses == ["problem", "problem"]
    assert list(packages.check_task_families()) == []


def test_an_old_python_is_a_problem(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(site, "benchtui", "0.1.0")
    monkeypatch.setattr("platform.python_version", lambda: "3.10.4")
    (check,) = packages.check_python()
    assert check.status == "problem"
    assert ">=3.11" in check.message


def driver(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def torch_build(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torch whose version file the test writes, and which answers as the test's module says."""
    distribution(site, "torch", "2.13.0")
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return site / "torch"


# Two cards as `nvidia-smi --query-gpu=name,memory.total,memory.free --format=csv,noheader,nounits` prints them.
TWO_CARDS = "echo 'NVIDIA H100 80GB HBM3, 81559, 81008'; echo 'NVIDIA A2, 15356, [N/A]'"
CUDA_BUILD = "from typing import Optional\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
HAS_TWO = """
class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 2)
"""
HAS_NONE = """
class cuda:
    is_available = staticmethod(lambda: False)
"""


def test_cards_that_torch_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch_build: Path) -> None:
    driver(tmp_path / "bin", TWO_CARDS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (torch_build / "version.py").write_text("cuda: Optional[str] = None\nhip: Optional[str] = None\n")
    (check,) = accelerators.check_gpu()
    assert check.status == "warning"
    assert "NVIDIA H100 80GB HBM3 (84.9 GB free of 85.5 GB), NVIDIA A2 (16.1 GB)" in check.message
    assert "built without CUDA" in check.message


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        (HAS_TWO, "ok", "for CUDA 13.0"),
        (HAS_NONE, "problem", "finds no device"),
        ("import time; time.sleep(30)", "ok", "not tried"),
        ("raise ImportError('libcudart.so.13')", "ok", "not tried"),
    ],
)
def test_what_torch_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch_build: Path, module: str, status: str, said: str
) -> None:
    driver(tmp_path / "bin", TWO_CARDS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (torch_build / "version.py").write_text(CUDA_BUILD)
    (torch_build / "__init__.py").write_text(module)
    start = time.monotonic()
    check, *_ = accelerators.check_gpu()
    assert time.monotonic() - start < 5
    assert (check.status, said in check.message) == (status, True), check


def test_a_driver_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch_build: Path) -> None:
    driver(tmp_path / "bin", "echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (check,) = accelerators.check_gpu()
    assert check.status == "warning"
    assert "names no GPU" in check.message


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "container_memory", lambda: ContainerMemory(2_000_000_000, 1_500_000_000))
    (check,) = accelerators.check_memory()
    assert check.status == "warning"
    assert "1.5 GB free of 2.0 GB that this container may use" in check.message


def test_the_cache_is_measured_within_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert "nothing in it yet" in next(iter(hub.check_cache())).message
    for repository in ("models--org--a", "models--org--b", "datasets--openai--gsm8k"):
        blobs = tmp_path / "hub" / repository / "blobs"
        blobs.mkdir(parents=True)
        for number in range(3):
            (blobs / str(number)).write_bytes(bytes(1000))
    assert hub.measure_cache(tmp_path / "hub", 5.0) == (9000, 2, 1, True)
    assert hub.measure_cache(tmp_path / "hub", -1.0)[3] is False
    (check,) = hub.check_cache()
    assert check.message == f"{tmp_path / 'hub'}: 9.0 KB, 2 models, 1 data set"


class _Answers(http.server.BaseHTTPRequestHandler):
    body = b"{}"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def server() -> Iterator[str]:
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{found.server_address[1]}"
    found.shutdown()
    found.server_close()


def test_the_hub_answers_or_not(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", f"http://{server}")
    monkeypatch.setenv("HF_TOKEN", "secret")
    (check,) = hub.check_hub()
    assert (check.status, check.message) == ("ok", f"http://{server} (HF_ENDPOINT) answers; a token is set")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (check,) = hub.check_hub()
    assert check.status == "warning"
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc/passwd")
    (check,) = hub.check_hub()
    assert check.status == "warning"


def test_sentence_data_as_a_folder_or_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLTK_DATA", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    (tmp_path / "b" / "tokenizers").mkdir(parents=True)
    (tmp_path / "b" / "tokenizers" / "punkt_tab.zip").write_bytes(b"PK")
    (check,) = storage.check_nltk()
    assert check == Check("NLTK data", "ok", f"punkt_tab in {tmp_path / 'b'}")


def test_where_nltk_looks_is_where_we_look(monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk.data as nltk_data

    monkeypatch.delenv("NLTK_DATA", raising=False)
    assert [str(place) for place in storage.nltk_places()] == [path for path in nltk_data.path if "NLTK" not in path][
        -len(storage.nltk_places()) :
    ]


@pytest.mark.parametrize(("free", "status"), [(10**8, "problem"), (5 * 10**9, "warning"), (10**11, "ok")])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: real._replace(free=free))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (check,) = storage.check_disk(tmp_path / "outputs")
    assert check.status == status


def test_broken_models_are_counted(tmp_path: Path) -> None:
    (tmp_path / "outputs" / "empty").mkdir(parents=True)
    (check,) = storage.check_models(tmp_path / "outputs")
    assert check.status == "warning"
    assert "1 of them cannot be used" in check.message


def test_a_check_that_hangs_or_falls_over_does_not_take_the_others_along() -> None:
    def falls() -> list[Check]:
        raise RuntimeError("driver\x1b[31m gone")

    found = run_together(
        [
            ("slow", lambda: time.sleep(20) or []),
            ("falls", falls),
            ("fine", lambda: [Check("fine", "ok", "x"), Check("fine", "ok", "y")]),
        ],
        0.3,
    )
    assert [(check.name, check.status) for check in found] == [
        ("slow", "warning"),
        ("falls", "problem"),
        ("fine", "ok"),
        ("fine", "ok"),
    ]
    assert "RuntimeError: driver gone" in found[1].message


def test_our_own_metadata_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.1")
    (check,) = packages.check_packages()
    assert "transformers 0.0.1 is outside" in check.message


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (None, "--devices auto: 3 workers, on GPU 0 (NVIDIA H100 80GB HBM3), GPU 1 (NVIDIA H100 80GB HBM3), GPU 2 "),
        ("2", "--devices auto: 1 worker, on GPU 0 (NVIDIA A2), as CUDA_VISIBLE_DEVICES allows"),
        ("", "--devices auto: no GPU, as CUDA_VISIBLE_DEVICES allows, one worker on the processor"),
    ],
)
def test_what_devices_auto_would_use(
    allowed: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_gpus_here(tmp_path / "bin", monkeypatch)
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    (check,) = accelerators.check_devices()
    assert check.message.startswith(said)
