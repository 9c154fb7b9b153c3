"""Sequence, loss, adapter and its files."""

import pytest
import torch
from diffusers import LTXImageToVideoPipeline
from peft import PeftModel
from safetensors.torch import save_file

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.core import (
    ATTENTION,
    FEED_FORWARD,
    block,
    flow_loss,
    in_context_batch,
    lora_state_dict,
    pack,
)
from synclora_lite.errors import ModelError
from synclora_lite.models import (
    AdapterSettings,
    add_adapter,
    denoise,
    from_any_format,
    load_adapter,
    save_adapter,
    to_format,
)

SETTINGS = AdapterSettings(rank=4, base="tiny")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clips(seed):
    return noise(2, 8, 3, 2, 2, seed=seed)


def trained(transformer, settings=SETTINGS):
    """Stand in for training: give every factor of a fresh adapter some value."""
    add_adapter(transformer, settings)
    generator = torch.Generator().manual_seed(9)
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return transformer


def generate(model, **options):
    return denoise(model, clips(1)[:, :, :1], clips(0), reference=clips(2), steps=3, **options)


def assembled(model, latents, pure, sigmas, reference=None, **options):
    known = model.conditioning(latents.shape[2:], reference)
    return in_context_batch(latents, pure, sigmas, known, **options)


def test_the_sequence_is_clean_reference_clean_first_frame_noisy_rest():
    model, target, source, pure = tiny_model(), clips(1), clips(2), clips(3)
    made = assembled(model, target, pure, torch.tensor([0.4, 0.8]), reference=source)
    assert torch.equal(made.sigmas, torch.tensor([[0, 0, 0, 0, 0.4, 0.4], [0, 0, 0, 0, 0.8, 0.8]]))
    assert torch.equal(made.tokens[:, :12], pack(source))
    assert torch.equal(made.tokens[:, 12:16], pack(target[:, :, :1]))
    assert torch.allclose(made.tokens[0, 16:], (0.6 * pack(target) + 0.4 * pack(pure))[0, 4:])
    assert torch.equal(made.coordinates[:, :12], made.coordinates[:, 12:])
    assert made.learned.tolist() == [[False, True, True]] * 2


def test_training_and_sampling_give_the_transformer_the_same_input(monkeypatch):
    """The first step of sampling from pure noise is the training pass at sigma 1."""
    model, seen = tiny_model(), []
    original = model.transformer.proj_in.forward
    monkeypatch.setattr(
        model.transformer.proj_in, "forward", lambda x: seen.append(x.clone()) or original(x)
    )
    original_rotations = block.rotations
    turns = []
    monkeypatch.setattr(
        block, "rotations", lambda *a: turns.append(original_rotations(*a)) or turns[-1]
    )
    made = assembled(model, clips(1), clips(0), torch.ones(2), reference=clips(2))
    flow_loss(model.transformer, made)
    generate(model, layout="full")
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(turns[0], turns[1])


def test_a_frame_that_is_not_given_is_noisy_and_learned():
    given = torch.tensor([True, False])
    made = assembled(
        tiny_model(), clips(1), clips(3), torch.tensor([0.4, 0.8]), first_frame_given=given
    )
    assert made.learned.tolist() == [[False, True, True], [True, True, True]]
    assert made.sigmas[1].tolist() == pytest.approx([0.8] * 3)


def test_the_loss_counts_the_noisy_target_tokens_only():
    model = tiny_model()
    made = assembled(model, clips(1), clips(3), torch.tensor([0.4, 0.8]), reference=clips(2))
    loss = flow_loss(model.transformer, made)
    made.target[:, :4] += 100  # first frame
    assert torch.equal(flow_loss(model.transformer, made), loss)
    made.target[:, 4:] += 100
    assert (flow_loss(model.transformer, made) > loss + 1000).all()


def test_a_fresh_adapter_changes_nothing_and_freezes_the_base():
    model = tiny_model()
    before = generate(model)
    parameters = add_adapter(model.transformer, SETTINGS)
    assert torch.allclose(generate(model), before, atol=1e-6)
    assert sum(p.numel() for p in parameters) == sum(
        v.numel() for v in lora_state_dict(model.transformer).values()
    )


def test_a_second_adapter_is_refused(tmp_path):
    model = tiny_model()
    save_adapter(trained(model.transformer), SETTINGS, tmp_path)
    with pytest.raises(ModelError, match="has an adapter already"):
        load_adapter(model.transformer, tmp_path)


def test_a_saved_adapter_comes_back_equal_and_fused_it_is_the_same(tmp_path):
    model = tiny_model()
    save_adapter(trained(model.transformer), SETTINGS, tmp_path)
    expected = generate(model)
    plain, fused = tiny_model(), tiny_model()
    assert load_adapter(plain.transformer, tmp_path) == SETTINGS
    load_adapter(fused.transformer, tmp_path, fuse=True)
    assert torch.allclose(generate(plain), expected, atol=1e-5)
    assert torch.allclose(generate(fused), expected, atol=1e-4)
    assert (generate(tiny_model()) - expected).abs().max() > 1e-2


def test_strength_zero_is_the_base_model(tmp_path):
    save_adapter(trained(tiny_model().transformer), SETTINGS, tmp_path)
    model = tiny_model()
    load_adapter(model.transformer, tmp_path, strength=0.0)
    assert torch.allclose(generate(model), generate(tiny_model()), atol=1e-6)


@pytest.mark.parametrize("key_format", ["diffusers", "peft", "comfyui"])
def test_key_formats_round_trip(tmp_path, key_format):
    transformer = trained(tiny_model().transformer)
    weights = lora_state_dict(transformer)
    back = from_any_format(to_format(weights, key_format))
    assert back.keys() == weights.keys()
    save_adapter(transformer, SETTINGS, tmp_path, key_format=key_format)
    (file,) = tmp_path.glob("*.safetensors")
    other = tiny_model().transformer
    settings = load_adapter(other, file)
    assert settings.rank == 4
    assert all(torch.equal(v, weights[n]) for n, v in lora_state_dict(other).items())


def test_peft_loads_our_folder(tmp_path):
    model = tiny_model()
    save_adapter(trained(model.transformer), SETTINGS, tmp_path, key_format="peft")
    other = tiny_model()
    PeftModel.from_pretrained(other.transformer, tmp_path)
    assert torch.allclose(generate(other), generate(model), atol=1e-5)
    assert load_adapter(tiny_model().transformer, tmp_path) == SETTINGS


def test_layers_outside_the_blocks_have_their_original_names_for_comfyui():
    weights = {
        "proj_in.lora_A.weight": torch.ones(1),
        "transformer_blocks.0.x.lora_B.weight": torch.ones(1),
    }
    named = list(to_format(weights, "comfyui"))
    assert named[0] == "diffusion_model.patchify_proj.lora_A.weight"
    assert named[1] == "diffusion_model.transformer_blocks.0.x.lora_B.weight"


def test_a_stored_alpha_is_multiplied_in():
    weights = lora_state_dict(trained(tiny_model().transformer))
    name = "transformer_blocks.0.attn1.to_q"
    stored = to_format(weights, "comfyui") | {f"diffusion_model.{name}.alpha": torch.tensor(2.0)}
    back = from_any_format(stored)
    assert torch.allclose(back[f"{name}.lora_B.weight"], weights[f"{name}.lora_B.weight"] / 2)


@pytest.mark.parametrize("key_format", ["diffusers", "comfyui"])
@pytest.mark.parametrize("targets", [SETTINGS.targets, ATTENTION + FEED_FORWARD])
def test_the_stock_pipeline_loads_our_adapter(tmp_path, key_format, targets):
    model = tiny_model()
    settings = AdapterSettings(rank=4, targets=targets)
    save_adapter(trained(model.transformer, settings), settings, tmp_path, key_format=key_format)
    other = tiny_model()
    pipe = LTXImageToVideoPipeline(
        vae=other.vae,
        transformer=other.transformer,
        scheduler=other.scheduler,
        text_encoder=None,
        tokenizer=None,
    )
    pipe.load_lora_weights(tmp_path, weight_name="adapter.safetensors")
    assert torch.allclose(generate(other), generate(model), atol=1e-5)


def test_layers_of_different_rank_are_read_as_one(tmp_path):
    model = tiny_model()
    weights = lora_state_dict(trained(model.transformer))
    layer = "transformer_blocks.0.attn1.to_q"
    a, b = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
    small = weights | {a: weights[a][:2].clone(), b: weights[b][:, :2].clone()}
    save_file(small, tmp_path / "mixed.safetensors")
    other = tiny_model()
    assert load_adapter(other.transformer, tmp_path / "mixed.safetensors").rank == 4
    back = lora_state_dict(other.transformer)
    assert torch.allclose(back[b] @ back[a], small[b] @ small[a], atol=1e-6)


def test_a_downloaded_adapter_is_used_as_it_was_trained_and_a_bare_file_as_others_are(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--owner--adapter"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    settings = AdapterSettings(rank=4, layout="reference-self", base="tiny")
    snapshot = place / "snapshots" / ("0" * 40)
    save_adapter(trained(tiny_model().transformer), settings, snapshot)
    for whole in ("owner/adapter", snapshot):
        assert load_adapter(tiny_model().transformer, whole) == settings
    bare = load_adapter(tiny_model().transformer, snapshot / "adapter.safetensors")
    assert bare.layout == "full"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"lora_B.weight": (4, 2)}, r"shapes missing and \(4, 2\); expected \(rank, inputs\)"),
        ({"lora_A.weight": (2, 4)}, r"shapes \(2, 4\) and missing"),
        ({"lora_A.weight": (4,), "lora_B.weight": (4,)}, r"shapes \(4,\) and \(4,\)"),
        ({"lora_A.weight": (2, 4), "lora_B.weight": (4, 3)}, r"shapes \(2, 4\) and \(4, 3\)"),
        ({"lora_A.weight": (0, 4), "lora_B.weight": (4, 0)}, r"shapes \(0, 4\) and \(4, 0\)"),
        ({"lora_A.weight": (2, 4), "lora_B.weight": (4, 2), "alpha": (2,)}, "a scale .* of 2 num"),
        ({"alpha": ()}, "without its factors"),
    ],
)
def test_factors_that_are_no_pair_of_matrices_are_refused(tmp_path, shapes, message):
    layer = "transformer_blocks.0.attn1.to_q"
    stored = {f"{layer}.{name}": torch.ones(shape) for name, shape in shapes.items()}
    save_file(stored, tmp_path / "odd.safetensors")
    with pytest.raises(ModelError, match=message):
        load_adapter(tiny_model().transformer, tmp_path / "odd.safetensors")


def test_wrong_files_and_targets_are_clear_errors(tmp_path):
    with pytest.raises(ModelError, match="does not exist; expected an adapter folder"):
        load_adapter(tiny_model().transformer, tmp_path)
    with pytest.raises(ModelError, match="no layer is named to_everything"):
        add_adapter(tiny_model().transformer, AdapterSettings(targets=("to_everything",)))
    with pytest.raises(ModelError, match="is not an adapter weight"):
        from_any_format({"decoder.weight": torch.zeros(1)})
    save_adapter(trained(tiny_model().transformer), SETTINGS, tmp_path)
    layer = "transformer_blocks.9.attn1.to_q"
    factors = {"A": torch.zeros(4, 32), "B": torch.zeros(32, 4)}
    weights = {f"{layer}.lora_{name}.weight": value for name, value in factors.items()}
    save_file(weights, tmp_path / "adapter.safetensors")
    with pytest.raises(ModelError, match=r"^2 of 2 weights of adapter.safetensors have no place"):
        load_adapter(tiny_model().transformer, tmp_path)
