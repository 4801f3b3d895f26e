"""State dicts as torchtune, Meta and plain PyTorch write them become the very model they were taken from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from benchtui.errors import BenchtuiError
from benchtui.models.describe import describe
from benchtui.worker.answering.hf.checkpoint.__main__ import put_on_base
from benchtui.worker.answering.hf.checkpoint.torchtune import in_halves
from tests.worker.tiny_models import make_base

Tensors = dict[str, torch.Tensor]
HEADS, KV_HEADS, WIDTH = 4, 2, 32


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), num_attention_heads=HEADS, num_key_value_heads=KV_HEADS)


@pytest.fixture(scope="module")
def trained(base: Path) -> Tensors:
    """The base's tensors, all changed a little."""
    torch.manual_seed(1)
    return {
        name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in load_file(base / "model.safetensors").items()
    }


def made(file: Path, base: Path, folder: Path) -> Tensors:
    """What is made of a file on the architecture of `base`."""
    folder.mkdir()
    shutil.copy(base / "config.json", folder)
    put_on_base(file, folder, str(base), "")
    return load_file(folder / "model.safetensors")


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def equal(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def neighbours(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """A projection in torchtune's order, row by row: the halves of each head alternate."""
    turned = torch.empty_like(rows)
    length = len(rows) // heads
    for head in range(heads):
        for place in range(length):
            half, pair = place % 2, place // 2
            turned[head * length + place] = rows[head * length + half * (length // 2) + pair]
    return turned


TORCHTUNE = {
    "self_attn.q_proj.weight": "attn.q_proj.weight",
    "self_attn.k_proj.weight": "attn.k_proj.weight",
    "self_attn.v_proj.weight": "attn.v_proj.weight",
    "self_attn.o_proj.weight": "attn.output_proj.weight",
    "mlp.gate_proj.weight": "mlp.w1.weight",
    "mlp.up_proj.weight": "mlp.w3.weight",
    "mlp.down_proj.weight": "mlp.w2.weight",
    "input_layernorm.weight": "sa_norm.scale",
    "post_attention_layernorm.weight": "mlp_norm.scale",
    "embed_tokens.weight": "tok_embeddings.weight",
    "norm.weight": "norm.scale",
    "lm_head.weight": "output.weight",
}
META = TORCHTUNE | {
    "self_attn.q_proj.weight": "attention.wq.weight",
    "self_attn.k_proj.weight": "attention.wk.weight",
    "self_attn.v_proj.weight": "attention.wv.weight",
    "self_attn.o_proj.weight": "attention.wo.weight",
    "mlp.gate_proj.weight": "feed_forward.w1.weight",
    "mlp.up_proj.weight": "feed_forward.w3.weight",
    "mlp.down_proj.weight": "feed_forward.w2.weight",
    "input_layernorm.weight": "attention_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "norm.weight": "norm.weight",
}


def as_written_by(table: dict[str, str], tensors: Tensors, *, turned: bool = True) -> Tensors:
    """Tensors of transformers by the names of another library, queries and keys in its order."""
    found = {}
    for name, tensor in tensors.items():
        inner = name.removeprefix("model.")
        layer, own = (
            (inner[: inner.index(".", 7) + 1], inner[inner.index(".", 7) + 1 :]) if "layers." in inner else ("", inner)
        )
        heads = HEADS if "q_proj" in own else KV_HEADS if "k_proj" in own else 0
        found[layer + table.get(own, own)] = neighbours(tensor, heads) if heads and turned else tensor
    return found


@pytest.mark.parametrize("table", [TORCHTUNE, META], ids=["torchtune", "meta"])
def test_other_libraries_llama_gives_the_same_logits(
    table: dict[str, str], base: Path, trained: Tensors, tmp_path: Path
) -> None:
    written = as_written_by(table, trained)
    query = "layers.0.attn.q_proj.weight" if table is TORCHTUNE else "layers.0.attention.wq.weight"
    assert not torch.equal(written[query], trained["model.layers.0.self_attn.q_proj.weight"])
    file = saved(tmp_path / "tuned.pt", written | {"rope.freqs": torch.ones(4)} if table is META else written)
    assert equal(made(file, base, tmp_path / "made"), trained)
    save_file(trained, tmp_path / "itself.safetensors", {"format": "pt"})
    shutil.copytree(base, tmp_path / "own")
    shutil.copy(tmp_path / "itself.safetensors", tmp_path / "own" / "model.safetensors")
    ids = torch.tensor([[0, 5, 7, 11, 3, 2, 9]])
    logits = [
        AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)(ids).logits
        for name in ("own", "made")
    ]
    assert torch.equal(*logits)
    described = describe(tmp_path / "made")
    assert described.has_tokenizer
    assert described.special_tokens == describe(base).special_tokens


def test_the_order_of_rows_is_that_of_the_rotary_embeddings(base: Path, trained: Tensors) -> None:
    """Attention as torchtune computes it (pairs of neighbours turned, as complex numbers) on its own order of rows has
    the scores of transformers on the translated ones."""
    config = AutoModelForCausalLM.from_pretrained(base).config
    torch.manual_seed(3)
    hidden, length = torch.randn(6, WIDTH), WIDTH // HEADS
    query = neighbours(trained["model.layers.0.self_attn.q_proj.weight"], HEADS)
    key = neighbours(trained["model.layers.0.self_attn.k_proj.weight"], KV_HEADS)
    theta = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, length, 2).float() / length)
    turn = torch.polar(torch.ones(6, length // 2), torch.outer(torch.arange(6).float(), theta))

    def turned(rows: torch.Tensor, heads: int) -> torch.Tensor:
        pairs = torch.view_as_complex((hidden @ rows.T).view(6, heads, length // 2, 2))
        return torch.view_as_real(pairs * turn[:, None]).reshape(6, heads, length)

    theirs = torch.einsum("qhd,khd->hqk", turned(query, HEADS), turned(key, KV_HEADS).repeat_interleave(2, dim=1))
    cos, sin = LlamaRotaryEmbedding(config)(hidden, torch.arange(6)[None])
    split = [(hidden @ in_halves(rows, heads).T).view(1, 6, heads, length).transpose(1, 2)
             for rows, heads in ((query, HEADS), (key, KV_HEADS))]  # fmt: skip
    ours_q, ours_k = apply_rotary_pos_emb(split[0], split[1], cos, sin)
    ours = torch.einsum("hqd,hkd->hqk", ours_q[0], ours_k[0].repeat_interleave(2, dim=0))
    torch.testing.assert_close(ours, theirs)


def test_a_qwen_keeps_its_order(tmp_path: Path) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    base = make_base(tmp_path / "base")
    vocabulary = json.loads((base / "config.json").read_text())["vocab_size"]
    (base / "model.safetensors").unlink()
    config = Qwen2Config(vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=1,
                         num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, tie_word_embeddings=True)  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(base)
    tensors = load_file(base / "model.safetensors")
    table = TORCHTUNE | {f"self_attn.{one}_proj.bias": f"attn.{one}_proj.bias" for one in "qkv"}
    file = saved(tmp_path / "qwen.pt", as_written_by(table, tensors, turned=False))
    assert equal(made(file, base, tmp_path / "made"), tensors)


WRAPPERS: list[Callable[[Tensors], Any]] = [
    lambda t: t,
    lambda t: {"model": t, "optimizer": {"step": 3}, "epochs_run": 1},
    lambda t: {"state_dict": {f"model.{name}": tensor for name, tensor in t.items()}, "pytorch-lightning_version": "2"},
    lambda t: {f"module.{name}": tensor for name, tensor in t.items()},
    lambda t: {f"_orig_mod.{name}": tensor for name, tensor in t.items()},
    lambda t: {f"_fsdp_wrapped_module.{name.replace('layers.0.', 'layers.0._checkpoint_wrapped_module.')}": tensor
               for name, tensor in t.items()},
    lambda t: {name.removeprefix("model."): tensor for name, tensor in t.items()},
    lambda t: t | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)},
    lambda t: {"module": {f"module.{name}": tensor.bfloat16() for name, tensor in t.items()}},
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrappers_are_taken_off(wrap: Callable[[Tensors], Any], base: Path, trained: Tensors, tmp_path: Path) -> None:
    found = made(saved(tmp_path / "tuned.pt", wrap(trained)), base, tmp_path / "made")
    dtype = next(iter(found.values())).dtype
    assert equal(found, {name: tensor.to(dtype) for name, tensor in trained.items()})


def test_an_old_pickle_and_safetensors_are_read_too(base: Path, trained: Tensors, tmp_path: Path) -> None:
    torch.save(trained, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert equal(made(tmp_path / "old.pth", base, tmp_path / "of-old"), trained)
    save_file(as_written_by(TORCHTUNE, trained), tmp_path / "new.safetensors")
    assert equal(made(tmp_path / "new.safetensors", base, tmp_path / "of-new"), trained)


class Opens:
    def __reduce__(self) -> Any:
        return os.mkdir, ("it-was-run",)


NORM, DOWN = "model.norm.weight", "model.layers.1.mlp.down_proj.weight"
BROKEN: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "missing": (lambda t: {name: tensor for name, tensor in t.items() if name != DOWN}, f"{DOWN} is missing"),
    "three missing": (lambda t: {name: t[name] for name in t if "v_proj" not in name and name != NORM},
                      " and 1 more are missing"),
    "unexpected": (lambda t: t | {"model.layers.7.mlp.up_proj.weight": t[DOWN]},
                   "model.layers.7.mlp.up_proj.weight is in no such model"),
    "shape": (lambda t: t | {NORM: torch.ones(33)}, f"{NORM} is 33, in the model 32"),
    "more tokens": (lambda t: t | {"model.embed_tokens.weight": torch.ones(999, 32)},
                    "model.embed_tokens.weight is 999 × 32, in the model "),
    "quantised": (lambda t: t | {NORM: t[NORM].to(torch.int8)}, "stored as torch.int8"),
    "odd numbers": (lambda t: t | {NORM: t[NORM].to(torch.float8_e4m3fn)}, "torch.float8_e4m3fn"),
    "an adapter": (lambda t: {"layers.0.attn.q_proj.lora_a.weight": t[NORM]}, "the matrices of an adapter"),
    "code": (lambda t: t | {"x": Opens()}, "holds more than weights"),
    "no tensor": (lambda t: t | {"step": 3}, "step is no tensor"),
    "optimizer": (lambda t: {"optimizer": {"state": {0: t[NORM]}}}, "holds no state dict"),
    "a list": (lambda t: list(t.values()), "holds no state dict"),
    "torchtune, one missing": (lambda t: as_written_by(TORCHTUNE, {name: t[name] for name in t if name != NORM}),
                               f"{NORM} is missing"),
    "torchtune, a bias": (lambda t: as_written_by(TORCHTUNE, t) | {"layers.0.attn.q_proj.bias": torch.ones(32)},
                          "layers.0.attn.q_proj.bias is in no such model"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_every_tensor_is_accounted_for(
    case: str, base: Path, trained: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, said = BROKEN[case]
    with pytest.raises(BenchtuiError) as caught:
        made(saved(tmp_path / "tuned.pt", change(trained)), base, tmp_path / "made")
    assert said in caught.value.what
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made" / "model.safetensors").exists()
    assert not Path("it-was-run").exists()


def test_a_head_of_its_own_does_not_fit_a_tied_model(base: Path, tmp_path: Path) -> None:
    tied = make_base(tmp_path / "tied", tie_word_embeddings=True)
    tensors = load_file(tied / "model.safetensors")
    head = tensors["model.embed_tokens.weight"].clone()
    assert equal(
        made(saved(tmp_path / "same.pt", tensors | {"lm_head.weight": head}), tied, tmp_path / "made"), tensors
    )
    with pytest.raises(BenchtuiError, match=r"embed_tokens\.weight and lm_head\.weight differ"):
        made(saved(tmp_path / "other.pt", tensors | {"lm_head.weight": head + 1}), tied, tmp_path / "other")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing", b"\x80\x04N.", b"text\n" * 100], ids=range(4))
@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_a_damaged_file_is_one_line(data: bytes, name: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BenchtuiError) as caught:
        made(tmp_path / name, base, tmp_path / "made")
    assert name in caught.value.what
    assert "\n" not in str(caught.value)
