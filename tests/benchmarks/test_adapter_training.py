"""The moment in which an adapter finds its reference, in the log of its training."""

from benchmarks.adapter_training import moment


def test_the_moment_is_when_the_loss_falls_below_the_bases_for_good():
    steps, losses = [200, 400, 600, 800], [0.9, 0.6, 0.5, 0.3]
    assert moment(steps, losses, plain=0.7) == 400
    assert moment(steps, [0.9, 0.6, 0.75, 0.3], plain=0.7) == 800


def test_an_adapter_that_never_reads_has_no_moment():
    assert moment([200, 400], [0.9, 0.8], plain=0.7) is None
