"""Makes the models in data/models/mediapipe; run it where mediapipe 0.10.21 is installed.

MediaPipe's first generation carried its models for bodies and for what is a person in the wheel
(Apache-2.0); the second one wants the two pose models in one file, and the range of a model's input
said in the model. The bytes of the result do not depend on the machine. face_landmarker.task,
beside them, is MediaPipe's own file.
"""

import struct
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from synclora_lite.artifacts import models_dir
from synclora_lite.files import write_atomic
from tools.lock import record

# model in the task file -> (model in the wheel, mean and deviation that its input is scaled with)
POSE = {
    "pose_detector.tflite": ("pose_detection/pose_detection.tflite", 127.5, 127.5),
    "pose_landmarks_detector.tflite": ("pose_landmark/pose_landmark_full.tflite", 0.0, 255.0),
}
SELFIE = ("selfie_segmentation/selfie_segmentation.tflite", 0.0, 255.0)
HEADER = 30  # bytes of a zip entry before its name
ALIGNMENT = 16


def with_range(name: str, mean: float, deviation: float) -> bytes:
    """Return a model of the wheel that says how pixels of 0..255 become its input."""
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    model = files("mediapipe") / "modules" / name
    writer = MetadataWriter.create(bytearray(model.read_bytes()))
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
    """Make the files and enter them into the record of shipped models."""
    folder = models_dir() / "mediapipe"
    models = {name: with_range(*told) for name, told in POSE.items()}
    paths = [
        bundle(models, folder / "pose_landmarker.task"),
        write_atomic(folder / "selfie_segmenter.tflite", with_range(*SELFIE)),
    ]
    record(paths, command="python -m tools.landmarkers, with mediapipe 0.10.21")


if __name__ == "__main__":
    main()
