"""What the official trainer of LTX-2 (Lightricks/LTX-2, packages/ltx-trainer) is told.

In-context training as the released adapter is used: the reference always there, the first frame
always given, the constant caption. The fields are those of its configuration reference.
"""

from pathlib import Path
from typing import Any

import yaml

from synclora_lite.files import write_atomic

Bucket = tuple[int, int, int]  # frames, height, width
SIDE, FRAMES = 512, 81  # of the released adapter's clips
FILE = "ltx-2-trainer.yaml"
_CONFIG = """\
# Training of an in-context adapter with the official trainer of LTX-2, from packages/ltx-trainer:
#
#   uv run python scripts/process_dataset.py {data} \\
#       --resolution-buckets "{buckets}" --skip-audio \\
#       --model-path path/to/ltx-2.3-22b-dev.safetensors --text-encoder-path path/to/gemma
#   uv run python scripts/train.py {config}
#
# Put the two paths in below as well. It asks for 80 GB; with quantization: int8-quanto and
# optimizer_type: adamw8bit for 32 GB.
model:
  model_path: path/to/ltx-2.3-22b-dev.safetensors
  text_encoder_path: path/to/gemma
  training_mode: lora
lora:
  rank: {rank}
  alpha: {rank}
  target_modules: [attn1.to_q, attn1.to_k, attn1.to_v, attn1.to_out.0, attn2.to_q, attn2.to_k,
    attn2.to_v, attn2.to_out.0, ff.net.0.proj, ff.net.2]
training_strategy:
  name: flexible
  video:
    is_generated: true
    latents_dir: latents
    conditions:
    - {{type: reference, latents_dir: reference_latents, probability: 1.0}}
    - {{type: first_frame, probability: 1.0}}
optimization:
  learning_rate: 0.0002
  steps: 3000
  batch_size: 1
  optimizer_type: adamw
  scheduler_type: constant
  enable_gradient_checkpointing: true
acceleration: {{mixed_precision_mode: bf16, quantization: null}}
checkpoints: {{interval: 250, keep_last_n: 2}}
seed: 0
"""


def bucket_of(frames: int, size: tuple[int, int], side: int = SIDE, most: int = FRAMES) -> Bucket:
    """Return the size to train a clip of frames and (height, width) at.

    It keeps its aspect, with about `side` squared pixels and 8k + 1 frames, at most `most`.
    """
    scale = side / (size[0] * size[1]) ** 0.5
    height, width = (max(32, round(n * scale / 32) * 32) for n in size)
    return (max(1, min(frames, most)) - 1) // 8 * 8 + 1, height, width


def write_trainer_config(
    out: Path, rows: list[dict[str, Any]], buckets: list[Bucket], rank: int = 128
) -> Path:
    """Write the configuration for an exported data set: its rows, and a bucket for each of them.

    The released adapter has rank 256.
    """
    out = out.resolve()
    frames, height, width = max(set(buckets), key=buckets.count)
    samples = [
        {
            "prompt": row["caption"],
            "conditions": [
                {"type": "first_frame", "image_or_video": str(out / row["video"])},
                {"type": "reference", "video": str(out / row["reference_video"]),
                 "include_in_output": True},
            ],
        }
        for row in rows[:2]
    ]  # fmt: skip
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
    text = _CONFIG.format(
        data=out / "metadata.jsonl",
        buckets=";".join(f"{w}x{h}x{f}" for f, h, w in sorted(set(buckets))),
        config=out / FILE,
        rank=rank,
    )
    return write_atomic(out / FILE, text + yaml.safe_dump(places, sort_keys=False))
