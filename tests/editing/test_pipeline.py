"""The pipeline has the manners of diffusers: adapters by name, a generator, an output object."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.core import load_lora_state_dict, lora_state_dict
from synclora_lite.editing import EditSettings, LTXVideo, SDEdit, SyncLoraPipeline
from synclora_lite.editing.domain import Domain, save_domain
from synclora_lite.errors import ConfigError, EditError, ModelError
from synclora_lite.models import (
    AdapterSettings,
    add_adapter,
    load_adapter,
    save_adapter,
    save_model,
)
from synclora_lite.video import Clip

DOMAIN = Domain(side=32, frames=5, limit=100.0)
SETTINGS = AdapterSettings(rank=2, base="tiny")
VIDEO = np.random.default_rng(0).integers(0, 256, (7, 40, 40, 3), dtype=np.uint8)
IMAGE = VIDEO[0][::-1].copy()
FEW: dict[str, Any] = {"num_inference_steps": 2}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two adapters, "a" and "b", and "full", which reads the reference in another way."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed, name in enumerate(("a", "b", "full")):
        transformer = tiny_model().transformer
        add_adapter(transformer, SETTINGS)
        drawn = torch.Generator().manual_seed(seed)
        named = lora_state_dict(transformer)
        values = {n: 0.3 * torch.randn(v.shape, generator=drawn) for n, v in named.items()}
        load_lora_state_dict(transformer, values)
        settings = replace(SETTINGS, layout="full") if name == "full" else SETTINGS
        save_adapter(transformer, settings, folder / name)
    return folder


@pytest.fixture
def pipe() -> SyncLoraPipeline:
    return SyncLoraPipeline(LTXVideo(tiny_model(), DOMAIN))


def difference(a: Any, b: Any) -> float:
    return float(np.abs(a.frames - b.frames).max())


def test_a_folder_becomes_a_pipeline_that_edits_as_a_fused_one_does(tmp_path, adapters):
    folder = save_model(tiny_model(), tmp_path / "tiny")
    save_domain(DOMAIN, folder)
    pipe = SyncLoraPipeline.from_pretrained(folder)
    pipe.load_lora_weights(adapters / "a")
    output = pipe(VIDEO, Image.fromarray(IMAGE), generator=seeded(), **FEW)
    assert output.frames.shape == (1, *VIDEO.shape)
    fused = SyncLoraPipeline.from_pretrained(folder, adapter=adapters / "a")
    made = fused(VIDEO, IMAGE, generator=seeded(), **FEW)
    assert np.abs(output.frames - made.frames).mean() < 0.5 / 255
    assert np.array_equal((output.frames[0, 0] * 255).round(), IMAGE)
    with pytest.raises(EditError, match="i2v with an adapter in the model's weights"):
        fused(VIDEO, IMAGE, method="i2v", **FEW)


def test_the_generator_decides_and_output_may_be_images(pipe, adapters):
    pipe.load_lora_weights(adapters / "a")
    generator = seeded()
    first, second = (pipe(VIDEO, IMAGE, generator=generator, **FEW) for _ in range(2))
    assert difference(first, second) > 0
    images = pipe(VIDEO, IMAGE, generator=seeded(), output_type="pil", **FEW).frames[0]
    assert np.array_equal(np.stack(images), (first.frames[0] * 255).round())
    listed = pipe([Image.fromarray(f) for f in VIDEO], IMAGE, generator=seeded(), **FEW)
    assert difference(listed, first) == 0


@pytest.mark.parametrize("method", ["sync-lora", "flowedit"])
def test_a_new_generator_makes_the_clip_of_its_seed(pipe, adapters, method):
    pipe.load_lora_weights(adapters / "a")
    called = pipe(VIDEO, IMAGE, method=method, generator=seeded(), **FEW).frames[0]
    settings = EditSettings(method, steps=2, seed=4)
    made = pipe.edit(Clip(VIDEO, 25.0), IMAGE, settings).frames
    assert np.array_equal((called * 255).round(), made)


def test_adapters_add_up_with_their_weights(pipe, adapters):
    for name in "ab":
        pipe.load_lora_weights(adapters / name, adapter_name=name)

    def edited(names: Any, weights: Any) -> Any:
        pipe.set_adapters(names, weights)
        return pipe(VIDEO, IMAGE, generator=seeded(), **FEW)

    alone, half = edited("a", 1.0), edited(["a", "b"], [0.5, 0.5])
    near = difference(half, alone) / 10
    assert difference(edited(["a", "b"], [1.0, 0.0]), alone) < near


def test_without_adapters_the_model_is_the_plain_one(pipe, adapters):
    plain = pipe(VIDEO, IMAGE, generator=seeded(), **FEW)
    pipe.load_lora_weights(adapters / "a")
    assert difference(pipe(VIDEO, IMAGE, generator=seeded(), **FEW), plain) > 2 / 255
    for method in ("i2v", SDEdit(strength=1.0)):  # nor do they see an adapter that is loaded
        assert difference(pipe(VIDEO, IMAGE, method=method, generator=seeded(), **FEW), plain) == 0
    control = pipe(VIDEO, IMAGE, method="base-reference", generator=seeded(), **FEW)
    pipe.set_adapters([])
    assert difference(pipe(VIDEO, IMAGE, generator=seeded(), **FEW), plain) == 0
    again = pipe(VIDEO, IMAGE, method="base-reference", generator=seeded(), **FEW)
    assert difference(again, control) == 0


def test_strength_and_guidance_count(pipe, adapters):
    pipe.load_lora_weights(adapters / "a")
    usual, other = (
        [
            pipe(VIDEO, IMAGE, method="sdedit", strength=strength, generator=seeded(), **FEW),
            pipe(VIDEO, IMAGE, guidance_scale=guidance, generator=seeded(), **FEW),
        ]
        for strength, guidance in ((0.7, 1.0), (0.1, 3.0))
    )
    assert all(difference(*both) > 0 for both in zip(usual, other, strict=True))
    assert pipe.to("cpu").device == torch.device("cpu")


def test_what_does_not_fit_is_refused(pipe, adapters):
    pipe.load_lora_weights(adapters / "a", "a")
    pipe.load_lora_weights(adapters / "full", "full")
    for call, error, message in (
        (lambda: pipe.load_lora_weights(adapters / "b", "a"), ModelError, "named 'a' again"),
        (lambda: pipe.set_adapters("c"), ModelError, "no adapter named 'c'; .*loaded: a, full"),
        (lambda: pipe.set_adapters(["a", "full"]), ModelError, "a, full together"),
        (lambda: pipe.set_adapters(["a"], [1.0, 2.0]), ModelError, "2 weights for 1 adapters"),
        (lambda: pipe.to("cuda:99"), ConfigError, "the device"),
        (lambda: pipe(VIDEO[:1], IMAGE), EditError, "at least two"),
        (lambda: pipe(VIDEO, IMAGE, strength=0.5), EditError, "--strength with method sync-lora"),
        (lambda: pipe(VIDEO, IMAGE[:, :10]), EditError, "aspect"),
        (
            lambda: load_adapter(pipe.ltx_video.model.transformer, adapters / "a"),
            ModelError,
            "already",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
