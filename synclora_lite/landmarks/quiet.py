"""Keep MediaPipe's native log lines off the screen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Read by the native libraries when they are first imported.
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def native_silence() -> Iterator[None]:
    """Send what native code writes to standard error nowhere, for the length of the block.

    Python exceptions pass through untouched: they are not written to the stream here.
    """
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all: there is nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        with suppress(OSError):
            os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
