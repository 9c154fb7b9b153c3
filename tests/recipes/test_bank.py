import sys

import numpy as np
import pytest
import torch

from recipes import bank
from recipes.rendering import cases_of, encode_bank, read_shard, training_case
from synclora_lite.errors import PairError, TrainingError
from synclora_lite.models import save_model, tiny_model
from synclora_lite.portraits import render_clip
from synclora_lite.training import LatentDataset, write_shard


@pytest.fixture
def run(monkeypatch):
    def called(*words):
        monkeypatch.setattr(sys, "argv", ["bank", *map(str, words)])
        bank.main()

    return called


def test_pairs_from_any_on_are_rendered_and_encoded(tmp_path, run):
    frames, latents = tmp_path / "frames", tmp_path / "latents"
    run("frames", frames, "--pairs", 64, "--first", 64, "--size", 32, "--jobs", 1)
    shard = read_shard(frames / "pairs-000064.safetensors")
    case = training_case(64)
    assert torch.equal(shard[0, 0], torch.from_numpy(render_clip(case.source, case.motion, 32)))
    save_model(tiny_model(), tmp_path / "model")
    run("latents", frames, latents, "--vae", tmp_path / "model" / "vae")
    pair = LatentDataset(latents).read(torch.tensor([0]))
    assert pair.shape[:2] == (1, 2)
    assert not torch.equal(pair[:, 0], pair[:, 1])
    with pytest.raises(PairError, match="holds clips of 17x32x32; expected 17x16x16; name another"):
        run("frames", frames, "--pairs", 64, "--size", 16, "--jobs", 1)
    save_model(tiny_model(seed=1), tmp_path / "other")
    with pytest.raises(TrainingError, match=r"was made with autoencoder .*; name another folder"):
        run("latents", frames, latents, "--vae", tmp_path / "other" / "vae")


def test_a_bank_begins_where_a_shard_does(tmp_path, run):
    with pytest.raises(PairError, match=r"from pair 100 on; expected a multiple of 64"):
        run("frames", tmp_path / "frames", "--pairs", 64, "--first", 100, "--jobs", 1)
    assert not (tmp_path / "frames").exists()


def test_pairs_of_a_bank_are_numbered_from_where_it_begins(tmp_path):
    for first in (64, 66):
        frames = torch.zeros(2, 2, 5, 8, 8, 3, dtype=torch.uint8)
        write_shard(tmp_path / f"pairs-{first:06d}.safetensors", frames=frames)
    assert cases_of(LatentDataset(tmp_path, "frames"), torch.tensor([0, 3, 1])) == [64, 67, 65]
    write_shard(tmp_path / "mine.safetensors", frames=frames)
    with pytest.raises(TrainingError, match=r"mine\.safetensors does not say which .*pairs-000064"):
        cases_of(LatentDataset(tmp_path, "frames"), torch.tensor([0]))


def test_frames_are_encoded_once(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 2, 5, 32, 32, 3), dtype=np.uint8)
    write_shard(tmp_path / "frames" / "pairs-0.safetensors", frames=torch.from_numpy(frames))
    made = encode_bank(tiny_model().vae, tmp_path / "frames", tmp_path / "l", progress=False)
    assert made.read(torch.tensor([2])).shape == (1, 2, 8, 2, 2, 2)
    before = made.files[0].stat().st_mtime_ns
    encode_bank(tiny_model().vae, tmp_path / "frames", tmp_path / "l", progress=False)
    assert made.files[0].stat().st_mtime_ns == before
