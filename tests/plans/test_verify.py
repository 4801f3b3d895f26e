"""`benchtui run --verify`: a change that samples of a large file cannot see keeps a stored base from being reused."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.benchmark.resume_benchmark import runs_to_resume
from benchtui.errors import BenchtuiError
from benchtui.models import identity
from benchtui.models.identity import sampled_places
from benchtui.models.weights.safetensors import read_header
from benchtui.plans.plan import Permissions
from tests.runs.laid_out import Laid, end


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
    monkeypatch.setattr(identity, "SMALL_WEIGHTS", 0)  # as if every weight file were large
    monkeypatch.setattr(identity, "_SPREAD_BLOCKS", 2)
    monkeypatch.setattr(identity, "_SPREAD_BYTES", 16)
    monkeypatch.setattr(identity, "_TENSOR_BYTES", 16)
    return Laid(tmp_path)


def change_between_the_samples(weights: Path) -> None:
    header = read_header(weights)
    read = sampled_places(header, weights.stat().st_size)
    start = len(header.raw)
    between = next(at for at in range(start, weights.stat().st_size) if all(not a <= at < a + n for a, n in read))
    with weights.open("r+b") as file:
        file.seek(between)
        old = file.read(1)
        file.seek(between)
        file.write(bytes([old[0] ^ 1]))


def test_only_a_verified_base_is_reused_and_only_while_no_byte_changed(laid: Laid) -> None:
    base = laid.lay_out().base
    assert base is not None
    end(base, "finished")
    assert laid.lay_out().reused
    first = laid.lay_out(verify=True)
    assert not first.reused, "nobody knows whether the stored one was of the same bytes"
    assert first.base is not None
    end(first.base, "finished")
    assert laid.lay_out(verify=True).reused
    assert laid.lay_out().reused, "a verified base is as good as any"
    change_between_the_samples(laid.folder / "base" / "model.safetensors")
    assert laid.lay_out().reused, "what samples cannot see"
    assert not laid.lay_out(verify=True).reused


def test_of_small_weights_all_was_read_before(tmp_path: Path) -> None:
    laid = Laid(tmp_path)
    base = laid.lay_out().base
    assert base is not None
    end(base, "finished")
    assert laid.lay_out(verify=True).reused


def test_the_fingerprint_and_so_a_resumed_run_is_the_same_with_and_without(laid: Laid) -> None:
    assert laid.prepared().fine_tuned.fingerprint == laid.prepared(verify=True).fine_tuned.fingerprint


def test_both_digests_are_said(laid: Laid) -> None:
    prepared = laid.prepared(verify=True)
    assert prepared.base is not None
    notes = " ".join(prepared.notes)
    assert f"All of the model's bytes: {prepared.fine_tuned.source.whole}." in notes
    assert f"All of the base's bytes: {prepared.base.source.whole}." in notes
    assert prepared.base.source.whole.startswith("sha256:")


def test_resuming_reads_all_bytes_again(laid: Laid) -> None:
    runs = laid.lay_out(verify=True)
    assert runs.base is not None
    for run in (runs.base, runs.fine_tuned):
        end(run, "cancelled")
    assert runs_to_resume(runs.fine_tuned, Permissions(), [laid.tasks]).to_evaluate
    change_between_the_samples(laid.weights)
    with pytest.raises(BenchtuiError, match="all of the model's bytes"):
        runs_to_resume(runs.fine_tuned, Permissions(), [laid.tasks])
