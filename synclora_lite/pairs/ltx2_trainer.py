"""What the official trainer of LTX-2 (Lightricks/LTX-2, packages/ltx-trainer) is told.

In-context training as the released adapter is used: the reference always there, the first frame
always given, the constant caption. The fields are those of its configuration reference.
"""

from pathlib import Path
from typing import Any

import yaml

from synclora_lite.errors import PairError
from synclora_lite.files import write_atomic
from synclora_lite.video import probe

Bucket = tuple[int, int, int]  # frames, height, width
SIDE, FRAMES = 512, 81  # of the released adapter's clips
FILE = "ltx-2-trainer.yaml"


def bucket_of(frames: int, size: tuple[int, int], side: int = SIDE, most: int = FRAMES) -> Bucket:
    """Return the size to train a clip of frames and (height, width) at.

    It keeps its aspect, with about `side` squared pixels and 8k + 1 frames, at most `most`.
    """
    scale = side / (size[0] * size[1]) ** 0.5
    height, width = (max(32, round(n * scale / 32) * 32) for n in size)
    return (max(1, min(frames, most)) - 1) // 8 * 8 + 1, height, width


def write_trainer_config(out: Path, rows: list[dict[str, Any]]) -> Path:
    """Write the configuration for an exported data set of rows; PairError if there are none."""
    if not rows:
        raise PairError("no pairs to train on", "at least one")
    shown, out = [probe(out / row["video"]) for row in rows], out.resolve()
    buckets = [bucket_of(info.frames, (info.height, info.width)) for info in shown]
    frames, height, width = max(set(buckets), key=buckets.count)
    samples = []
    for row in rows[:2]:
        first = {"type": "first_frame", "image_or_video": str(out / row["video"])}
        reference = {"type": "reference", "video": str(out / row["reference_video"])}
        conditions = [first, reference | {"include_in_output": True}]
        samples.append({"prompt": row["caption"], "conditions": conditions})
    places = {
        "data": {"preprocessed_data_root": str(out / ".precomputed")},
        "validation": {
            "samples": samples,
            "video_dims": [width, height, frames],
            "frame_rate": 25.0,
            "interval": 500,
            "generate_audio": False,
        },
        "output_dir": str(out / "runs"),
    }
    sizes = ";".join(f"{w}x{h}x{f}" for f, h, w in sorted(set(buckets)))
    template = Path(__file__).with_name(FILE).read_text("utf-8")
    text = template.format(data=out / "metadata.jsonl", config=out / FILE, buckets=sizes)
    return write_atomic(out / FILE, text + yaml.safe_dump(places, sort_keys=False))
