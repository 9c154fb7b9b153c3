"""The number format that "auto" takes is the one that the device multiplies fastest."""

import sys
from pathlib import Path

import pytest
import torch

from synclora_lite.models import multiplies_bfloat16
from synclora_lite.models.precision import compute_dtype


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/cpuinfo is Linux's")
def test_the_units_found_are_those_that_the_system_lists():
    flags = {*Path("/proc/cpuinfo").read_text().split()}
    assert multiplies_bfloat16() == bool(flags & {"amx_bf16", "avx512_bf16", "bf16"})


def test_auto_is_bfloat16_only_where_the_processor_multiplies_it():
    found = compute_dtype("auto", "cpu")
    assert found == (torch.bfloat16 if multiplies_bfloat16() else torch.float32)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_format_that_is_named_is_taken(name):
    assert compute_dtype(name, "cpu") == getattr(torch, name)
