"""What the first cell of every notebook calls: install if needed, then `begin`."""

import os
import platform
import random
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from synclora_course.errors import CourseError
from synclora_course.install import ARCHIVE, complete
from synclora_lite import REPOSITORY, __version__

BRANCH = "main"
CHAPTERS = {
    "00": "quickstart",
    "01": "portraits",
    "02": "pairs",
    "03": "sync_scores",
    "04": "image_to_video",
    "05": "in_context_lora",
    "06": "training",
    "07": "editing",
    "08": "measuring",
    "09": "full_size",
    "10": "tool",
}
SHOWN_VERSIONS = ("torch", "diffusers", "peft", "mediapipe", "numpy")


def notebook_name(chapter: str) -> str:
    """Return the name of a chapter's notebook, without suffix: "03" -> "03_sync_scores".

    Raises:
        CourseError: There is no such chapter.

    """
    if chapter not in CHAPTERS:
        raise CourseError(f"no chapter {chapter!r}", f"one of {', '.join(CHAPTERS)}")
    return f"{chapter}_{CHAPTERS[chapter]}"


def first_cell(chapter: str) -> str:
    """Return the source of the first code cell of a chapter's notebook."""
    notebook_name(chapter)
    return (
        "try:\n"
        "    import synclora_course  # noqa: F401\n"
        "except ImportError:\n"
        f"    %pip install -q --no-deps {ARCHIVE}\n"
        "from synclora_course.notebook import begin\n"
        "\n"
        f'begin("{chapter}")'
    )


def colab_url(chapter: str) -> str:
    """Return the address that opens a chapter's student notebook in Colab."""
    path = REPOSITORY.removeprefix("https://github.com/")
    name = notebook_name(chapter)
    return f"https://colab.research.google.com/github/{path}/blob/{BRANCH}/notebooks/student/{name}.ipynb"


def binder_url(chapter: str) -> str:
    """Return the address that opens a chapter's student notebook in Binder."""
    path = REPOSITORY.removeprefix("https://github.com/")
    opened = f"lab/tree/notebooks/student/{notebook_name(chapter)}.ipynb"
    return f"https://mybinder.org/v2/gh/{path}/{BRANCH}?{urlencode({'urlpath': opened})}"


def nbgitpuller_url(hub: str, chapter: str) -> str:
    """Return the address that brings the course into a JupyterHub and opens a chapter there."""
    folder = REPOSITORY.rpartition("/")[2]
    opened = f"lab/tree/{folder}/notebooks/student/{notebook_name(chapter)}.ipynb"
    query = urlencode({"repo": REPOSITORY, "branch": BRANCH, "urlpath": opened})
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{query}"


def begin(chapter: str, *, seed: int = 0) -> None:
    """Make a notebook ready: packages, seeds, video encoder and style; print what it runs on.

    Args:
        chapter: Two digits, such as "03".
        seed: Seed of Python's, NumPy's and torch's global generators. The package itself draws
            from explicit generators only.

    Raises:
        CourseError: There is no such chapter, or what it needs cannot be installed.

    """
    name = notebook_name(chapter)
    complete(chapter)
    import imageio_ffmpeg
    import matplotlib as mpl
    import mediapy
    import numpy as np
    import torch

    from synclora_lite.viz.style import SETTINGS

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 -- for students' own cells
    torch.manual_seed(seed)
    mediapy.set_ffmpeg(imageio_ffmpeg.get_ffmpeg_exe())
    if not isinstance(mediapy._run_ffmpeg, partial):
        mediapy._run_ffmpeg = partial(_run_ffmpeg, mediapy._run_ffmpeg)
    mpl.rcParams.update(SETTINGS)
    print(f"{name} · synclora-lite {__version__} · Python {platform.python_version()}")
    print(" · ".join(f"{package} {metadata.version(package)}" for package in SHOWN_VERSIONS))
    print(describe_machine())


def _run_ffmpeg(passed_on: Callable[..., Any], arguments: Sequence[str], **options: Any) -> Any:
    """Run ffmpeg for mediapy, whose `read_video` asks for -vsync: ffmpeg 9 has -fps_mode only."""
    words = [{"-vsync": "-fps_mode"}.get(word, word) for word in arguments]
    for place, (first, second) in enumerate(pairwise(words)):
        if (first, second) == ("-fps_mode", "0"):
            words[place + 1] = "passthrough"
    return passed_on(words, **options)


def describe_machine() -> str:
    """Describe the device that torch will use and the free memory, in one line."""
    import psutil
    import torch

    memory = psutil.virtual_memory()
    free = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB memory free"
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return f"device: {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB · {free}"
    return f"device: CPU, {os.cpu_count()} cores · {free}"
