"""The benchmarks of the lite model run, and what they compare computes the same; no timings."""

import pytest
import torch

from benchmarks import editing_speed, full_size, training_speed
from benchmarks.measuring import Products


def positive(values):
    return all(positive(v) if isinstance(v, dict) else v > 0 for v in values.values())


def test_the_plain_loop_learns_what_ours_does(tmp_path):
    values = training_speed.measure(training_speed.quick(tmp_path), tmp_path, ("plain",))
    assert values["difference"]["velocity"] < 1e-5
    assert values["difference"]["loss"] < 1e-5
    names = set(training_speed.VARIANTS)
    assert names == {*values["seconds_per_step"]} == {"ours", *values["speedup"]}
    assert {*values["utilisation"]} == {"ours", "ours, float32"}
    assert {*values["peak_mb"]} == {"plain"}
    assert values["operations"]["step"] > values["operations"]["passes"]
    assert positive({k: v for k, v in values.items() if k not in ("job", "difference")})
    training_speed.show(training_speed.tidy(values))


def test_an_edit_is_the_same_with_and_without_the_cache(tmp_path):
    values = editing_speed.measure(editing_speed.quick(tmp_path), ("edit",))
    assert max(values["difference"].values()) < 1e-4
    assert {*values["speedup"]} == {"sampling", "edit"}
    assert sum(values["parts"].values()) == pytest.approx(1)
    assert positive({k: values[k] for k in ("seconds", "speedup", "peak_mb")})
    editing_speed.show(editing_speed.tidy(values))


def test_the_full_size_benchmark_runs_to_its_end_at_tiny_size():
    values = full_size.main(
        ["--model", "tiny-ltx-2.3", "--frames", "9", "--size", "64", "--rank", "4"]
    )
    assert {*values["training"]} == {*values["optimizer"]} == {"int8", "bfloat16", "smallest"}
    assert positive(values["training"])
    assert positive(values["editing"])
    late = full_size.main(["--model", "tiny-ltx-2.3", "--minutes", "0"])
    assert set(late["training"].values()) == {"out of time"}


def test_the_products_of_a_step_are_counted_with_their_gradients():
    layer, x = torch.nn.Linear(6, 5), torch.randn(4, 6, requires_grad=True)
    with Products() as products:
        (layer(x) @ torch.randn(5, 3)).sum().backward()
    # two products forward, the gradients of the layer's input and weight, and of the other's input
    assert sum(products.seen.values()) == 5
    assert products.seconds() > 0
