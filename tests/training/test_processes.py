"""What a program that trains asks of its process."""

import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys, torch
from synclora_lite.training.processes import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.ones(2**24).sum()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24).sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_memory_that_a_step_frees_is_not_asked_for_again():
    pages = {
        how: int(subprocess.check_output([sys.executable, "-c", ROUNDS, how], text=True))
        for how in ("keep", "as it is")
    }
    assert pages["keep"] < pages["as it is"] / 4
