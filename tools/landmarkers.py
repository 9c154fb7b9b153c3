"""Makes data/models/mediapipe/pose_landmarker.task; run it where mediapipe 0.10.21 is installed.

MediaPipe's first generation carried its two pose models in the wheel (Apache-2.0); the second one
wants them in one file, with the range of their inputs said in the models. The bytes of the result
do not depend on the machine. face_landmarker.task, beside it, is MediaPipe's own file.
"""

import struct
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from synclora_lite import artifacts

# model in the task file -> (model in the wheel, mean and deviation that its input is scaled with)
POSE = {
    "pose_detector.tflite": ("pose_detection/pose_detection.tflite", 127.5, 127.5),
    "pose_landmarks_detector.tflite": ("pose_landmark/pose_landmark_full.tflite", 0.0, 255.0),
}
HEADER = 30  # bytes of a zip entry before its name
ALIGNMENT = 16


def with_range(model: bytes, mean: float, deviation: float) -> bytes:
    """Write into a model how pixels of 0..255 become its input."""
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    writer = MetadataWriter.create(bytearray(model))
    writer.add_image_input(norm_mean=[mean], norm_std=[deviation])
    content, _ = writer.populate()
    return bytes(content)


def bundle(models: dict[str, bytes], path: Path) -> Path:
    """Write models as one task file: a zip without compression or dates, each model aligned."""
    with ZipFile(path, "w") as target:
        for name, content in models.items():
            entry = ZipInfo(name)
            padding = -(target.start_dir + HEADER + len(name) + 4) % ALIGNMENT
            entry.extra = struct.pack("<HH", 0xFFFF, padding) + bytes(padding)
            target.writestr(entry, content)
    return path


def main() -> None:
    """Make the file and enter it into the record of shipped models."""
    folder = files("mediapipe") / "modules"
    models = {
        name: with_range((folder / model).read_bytes(), mean, deviation)
        for name, (model, mean, deviation) in POSE.items()
    }
    path = bundle(models, artifacts.models_dir() / "mediapipe" / "pose_landmarker.task")
    artifacts.record([path], command="python -m tools.landmarkers, with mediapipe 0.10.21")


if __name__ == "__main__":
    main()
