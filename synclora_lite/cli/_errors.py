"""The border of the program: whatever goes wrong inside leaves as one line and a status."""

import errno
import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import typer

from synclora_lite.errors import SyncLoraError

DONE, FAILED = 0, 1
_INTERRUPTED = 130  # what typer makes of Ctrl-C
TRACEBACK = "SYNCLORA_TRACEBACK"  # set it to see where an unexpected error came from


class Stopped(BaseException):
    """The process was asked to end; raised so that temporary files are removed."""


def guarded(command: Callable[[], object]) -> int:
    """Run a typer command and return its exit status: 0, 1 with one line on stderr, 2 misuse."""
    status = DONE
    try:
        command()
    except SystemExit as ended:  # how typer ends, whether well or with a usage error
        status = ended.code if isinstance(ended.code, int) else DONE
        if status == _INTERRUPTED:
            return _fail("interrupted")
    except (KeyboardInterrupt, Stopped):
        return _fail("interrupted")
    except Exception as error:  # the last place to tell it in one line
        if os.environ.get(TRACEBACK):
            raise
        return _fail(describe(error))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _fail(f"the output cannot be written ({error.strerror})")
    return status


def _fail(message: str) -> int:
    """Print `Error: message` as one line on stderr and return the status of a failure."""
    words = " ".join(message.split())
    typer.echo("Error: " + "".join(x if x.isprintable() else "?" for x in words), err=True)
    return FAILED


def describe(error: Exception) -> str:
    """Say in words what an exception means for the reader."""
    if isinstance(error, SyncLoraError):
        return str(error)
    refused = getattr(error, "errno", None) == errno.ENOMEM
    if refused or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out of memory; use a shorter or smaller clip, or a smaller batch"
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    if type(error).__name__ == "SafetensorError" and "I/O error: " in str(error):
        return f"weights cannot be written ({str(error).rpartition('I/O error: ')[2]})"
    if isinstance(error, ImportError):
        return f"a package is missing ({error}); run the set-up again"
    return (
        f"unexpected {type(error).__name__}: {error}; this is a fault of the program, please "
        f"report it with what {TRACEBACK}=1 prints"
    )


def start() -> None:
    """Keep libraries off stderr, where our one line stands alone; make SIGTERM an exception."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stopped

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, stop)


def end(status: int) -> NoReturn:
    """End the process; after a failure exit handlers, which may fail themselves, are not heard."""
    if status == FAILED and not os.environ.get(TRACEBACK):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(status)
