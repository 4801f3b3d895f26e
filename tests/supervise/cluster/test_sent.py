"""What a node is given without Ray being there: files, answers, a place; and what is refused before it is asked."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import msgspec
import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.machine import MEMORY_PART
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.runs.journal.journal import Journal, JournalMismatchError, RequestKey
from benchtui.supervise.cluster.address import check_address
from benchtui.supervise.cluster.messages import Node
from benchtui.supervise.cluster.node import NodeWorker
from benchtui.supervise.cluster.remote import Remote
from benchtui.supervise.cluster.room import room_for
from benchtui.supervise.cluster.trees import Part, Tree, _tree, moved, same_files, trees_of
from benchtui.supervise.settings import supervise_settings
from tests.run_stories import make_run

THREE = [Node("head", 0, 0), Node("a", 4, 0), Node("b", 2, 0)]


@pytest.fixture
def sent_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a node keeps what is sent to it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "benchtui" / "sent-here"


def model_of(plan: BenchmarkPlan) -> Path:
    folder = Path(plan.source.path)
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "model.safetensors").write_bytes(b"0123456789" * 10)
    (folder / "README.md").write_text("results")
    (folder / "benchmarks").mkdir(exist_ok=True)
    (folder / "benchmarks" / "benchmark.json").write_text("{}")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    run = make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
    plan = run.plan()
    source = msgspec.structs.replace(plan.source, path=str(tmp_path / "model"))
    plan = msgspec.structs.replace(plan, source=source, task_files={})
    model_of(plan)
    (found,) = trees_of(plan, ())
    return found


def test_only_the_model_itself_is_sent_and_not_what_was_found_of_it(tree: Tree) -> None:
    assert [file.name for file in tree.files] == ["config.json", "sub/model.safetensors"]
    assert tree.size == 102


def send(node: NodeWorker, tree: Tree, root: Path, *, damage: bytes = b"") -> str:
    packed = msgspec.msgpack.encode(tree)
    for file in tree.files:
        content = (root / file.name).read_bytes() + damage
        for start in range(0, len(content), 64):
            piece = content[start : start + 64]
            node.receive(packed, file.name, start, piece, hashlib.sha256(piece).hexdigest())
    return node.keep(packed)


def test_files_that_a_node_lacks_are_sent_once_and_found_again(tree: Tree, sent_to: Path, tmp_path: Path) -> None:
    root, node, packed = Path(tree.root), NodeWorker(), msgspec.msgpack.encode(tree)
    assert node.holds(packed) == tree.root, "the same files at the same path are used as they are"
    root.rename(tmp_path / "elsewhere")
    assert node.holds(packed) == ""
    kept = send(node, tree, tmp_path / "elsewhere")
    assert kept == str(sent_to / tree.key / "model")
    assert (Path(kept) / "sub" / "model.safetensors").read_bytes() == b"0123456789" * 10
    assert NodeWorker().holds(packed) == kept


def test_another_model_at_the_same_path_is_not_taken_for_it(tree: Tree, sent_to: Path) -> None:
    (Path(tree.root) / "sub" / "model.safetensors").write_bytes(b"9876543210" * 10)
    assert NodeWorker().holds(msgspec.msgpack.encode(tree)) == ""


def test_what_arrives_damaged_is_not_kept(tree: Tree, sent_to: Path) -> None:
    node, root = NodeWorker(), Path(tree.root)
    assert send(node, tree, root, damage=b"!") == ""
    assert not list(sent_to.iterdir())
    with pytest.raises(ValueError, match="damaged"):
        node.receive(msgspec.msgpack.encode(tree), "config.json", 0, b"{}", "0" * 64)


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "other.json"])
def test_nothing_is_written_outside_of_what_is_sent(tree: Tree, sent_to: Path, name: str) -> None:
    with pytest.raises(ValueError, match="none of the files"):
        NodeWorker().receive(msgspec.msgpack.encode(tree), name, 0, b"", hashlib.sha256(b"").hexdigest())


def test_a_plan_finds_its_files_where_they_are_and_stays_the_same_plan(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs" / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)})
    plan = run.plan()
    source = msgspec.structs.replace(plan.source, path="/models/x")
    prompts = msgspec.structs.replace(plan.prompts, system_instruction="/models/x is where you are")
    files = {"arc": "/lib/lm_eval/tasks/arc.yaml", "own": "/models/xy/own.yaml"}
    plan = msgspec.structs.replace(plan, source=source, prompts=prompts, task_files=files)
    raw = moved(msgspec.json.encode(plan), {"/models/x": "/cache/1/x", "/lib/lm_eval": "/else/lm_eval"})
    there = msgspec.json.decode(raw, type=BenchmarkPlan)
    assert there.source.path == "/cache/1/x"
    assert there.task_files == {"arc": "/else/lm_eval/tasks/arc.yaml", "own": "/models/xy/own.yaml"}
    assert there.prompts == plan.prompts
    assert there.fingerprint == plan.fingerprint


@pytest.mark.parametrize(
    ("workers", "device", "threads", "expected"),
    [
        (0, "auto", None, (3, 2, 0, 0.5)),  # two processors each: two workers on a, one on b
        (0, "auto", "1", (6, 1, 0, 0.25)),
        (2, "cpu", None, (2, 2, 0, 0.5)),
        (6, "auto", None, (6, 1, 0, 0.25)),
        (9, "auto", None, (9, 1, 0, 0.25)),  # three of them wait
        (2, "cuda", None, (2, 1, 1, 1.0)),  # Ray may start machines that have some
    ],
)
def test_workers_get_a_part_of_the_processors_that_fits_into_a_node(
    monkeypatch: pytest.MonkeyPatch, workers: int, device: str, threads: str | None, expected: tuple[object, ...]
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if threads is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
    room = room_for(workers, device, THREE)
    assert (room.workers, room.cpus, room.gpus, room.memory_part) == expected
    if not room.gpus:
        environment = room.placement.environment
        assert environment["OMP_NUM_THREADS"] == str(room.cpus)
        assert environment["CUDA_VISIBLE_DEVICES"] == ""
        assert float(environment[MEMORY_PART]) == room.memory_part


def test_where_the_cluster_has_gpus_each_worker_gets_one() -> None:
    room = room_for(0, "auto", [*THREE, Node("c", 8, 2)])
    assert (room.workers, room.gpus, room.placement.environment) == (2, 1, {})


def test_a_cluster_without_a_place_now_needs_a_number_of_workers() -> None:
    with pytest.raises(UsageError, match="no GPU now"):
        room_for(0, "cuda", THREE)
    with pytest.raises(UsageError, match="one machine"):
        room_for(2, "cuda:1", THREE)


def test_an_address_where_nothing_listens_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        check_address(place)
        with pytest.raises(UsageError, match="Ray Client"):
            check_address(f"ray://{place}")
    with pytest.raises(BenchtuiError, match=rf"No cluster can be reached at {place}"):
        check_address(place)
    monkeypatch.setenv("RAY_ADDRESS", place)
    with pytest.raises(BenchtuiError, match=place):
        check_address("auto")
    with pytest.raises(UsageError, match="HOST:PORT"):
        check_address("somewhere")


def test_devices_of_this_machine_are_refused_beside_a_cluster() -> None:
    with pytest.raises(UsageError, match="--devices"):
        supervise_settings(None, skip_stalled=False, workers=2, devices="0,1", cluster="auto")


def test_a_batch_is_handed_over_whole_and_damage_is_left_behind(tmp_path: Path) -> None:
    with Journal(tmp_path / "there.sqlite") as there, Journal(tmp_path / "here.sqlite") as here:
        there.bind({"fingerprint": "x"})
        for batch in range(3):
            there.record_all([(RequestKey("arc", 10 * batch + doc, 0), "d", "answer") for doc in range(4)])
        first = there.excerpt(0.0, 5)
        assert (len(first.answers), first.more) == (8, True)
        here.merge(first, there.path)
        rest = there.excerpt(first.latest or 0.0, 5)
        assert (len(rest.answers), rest.more) == (4, False)
        damaged = [(*row[:5], '"other"', *row[6:]) if row[1] == 20 else row for row in rest.answers]
        here.merge(msgspec.structs.replace(rest, answers=damaged), there.path)
        assert here.count() == 11
        here.merge(there.excerpt(), there.path)
        assert here.answers("arc") == there.answers("arc")
    with Journal(tmp_path / "other.sqlite") as other:
        other.bind({"fingerprint": "y"})
        with pytest.raises(JournalMismatchError):
            other.merge(first, there.path)


def test_nodes_with_other_data_of_a_task_are_told_apart(tmp_path: Path) -> None:
    from benchtui.runs.kinds.benchmark.task_data import TaskData, keep_data

    class NoRay:
        def remote(self, actor: object) -> object:
            return actor

    run, remote = make_run(tmp_path / "m" / "benchmarks" / "base", "base", leaves={"arc": ("arc",)}), Remote(NoRay())
    for node, documents in (("a", "1"), ("b", "1")):
        with Journal(tmp_path / f"{node}.sqlite") as journal:
            keep_data(journal, {"arc": TaskData(documents, 10, 10)})
            remote.check_data(run, node, journal)
    with Journal(tmp_path / "c.sqlite") as journal:
        keep_data(journal, {"arc": TaskData("2", 10, 10)})
        with pytest.raises(BenchtuiError, match="c has other data of arc than a: other samples"):
            remote.check_data(run, "c", journal)


def test_what_is_private_or_not_needed_stays_on_this_machine(tmp_path: Path) -> None:
    for name in (
        ".env",
        ".ssh/id",
        "mine.yaml",
        "rows.jsonl",
        "outputs/m/x.json",
        "optimizer.pt",
        "checkpoint-5/w.bin",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    def sent(part: Part) -> list[str]:
        return [file.name for file in _tree(str(tmp_path), part).files]

    assert sent("tasks") == ["mine.yaml", "rows.jsonl"], "what lies directly beside the task file"
    assert sent("model") == ["mine.yaml", "outputs/m/x.json", "rows.jsonl"]
    assert sent("all") == ["checkpoint-5/w.bin", "mine.yaml", "optimizer.pt", "outputs/m/x.json", "rows.jsonl"]


@pytest.mark.parametrize("more", ["chat_template.jinja", "generation_config.json", "adapter/adapter_config.json"])
def test_a_folder_with_more_in_it_is_another_one(tmp_path: Path, more: str) -> None:
    for place in ("here", "there"):
        (tmp_path / place / "adapter").mkdir(parents=True)
        (tmp_path / place / "config.json").write_text("{}")
    tree = _tree(str(tmp_path / "here"), "model")
    assert same_files(tree, tmp_path / "there")
    (tmp_path / "there" / more).write_text("{}")
    assert not same_files(tree, tmp_path / "there")
