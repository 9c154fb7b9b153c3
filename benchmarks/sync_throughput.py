"""Scoring a folder on all cores, beside a plain loop over MediaPipe, and scoring it again.

    python -m benchmarks.sync_throughput --pairs 4 --frames 33

Writes data/results/sync_throughput.json. The plain loop is what one writes first: read each clip,
ask Face and Pose Landmarker for every frame, in one process. Clips are rendered, and models and
worker processes are started, before any clock runs. All times come from one run on one machine.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import mediapipe
from mediapipe.tasks.python.vision import FaceLandmarker, PoseLandmarker

from synclora_course.results import write_result
from synclora_lite.landmarks.tasks import find_bundle, native_silence
from synclora_lite.pairs import Exact, build, locate, score_pairs

SEED = 2000


def plain_loop(files: list[Path]) -> int:
    """Track every frame of every file, one after another; return how many showed a face."""
    seen = 0
    models = [str(find_bundle(f"{name}_landmarker.task")) for name in ("face", "pose")]
    with (
        native_silence(),
        FaceLandmarker.create_from_model_path(models[0]) as face,
        PoseLandmarker.create_from_model_path(models[1]) as pose,
    ):
        for path in files:
            stream = cv2.VideoCapture(str(path))
            while True:
                more, frame = stream.read()
                if not more:
                    break
                rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
                seen += bool(face.detect(image).face_landmarks)
                pose.detect(image)
            stream.release()
    return seen


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the rendered clips here")
    parser.add_argument("--note", default="", help="what else the machine was doing")
    return parser.parse_args()


def main() -> None:
    """Render, warm up, measure, and store."""
    args = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SYNCLORA_CACHE"] = f"{scratch}/cache"
        folder = args.folder or Path(scratch) / "pairs"
        pairs = build(folder, Exact(args.frames, args.size), args.pairs, seed=SEED)
        build(f"{scratch}/warm", Exact(9, args.size), args.jobs, seed=SEED + 1)
        files = [locate(folder, media.path) for p in pairs for media in (p.source, p.edited)]
        score_pairs(f"{scratch}/warm", jobs=args.jobs)
        plain_loop(files[:1])
        first = seconds(lambda: score_pairs(folder, jobs=args.jobs, again=True))
        plain = seconds(lambda: plain_loop(files))
        again = seconds(lambda: score_pairs(folder, jobs=args.jobs, again=True))
    frames = 2 * args.frames * args.pairs
    values = {
        "pairs": args.pairs,
        "frames": frames,
        "size": args.size,
        "jobs": args.jobs,
        "plain_seconds": round(plain, 2),
        "first_seconds": round(first, 2),
        "again_seconds": round(again, 3),
        "plain_frames_per_second": round(frames / plain, 1),
        "frames_per_second": round(frames / first, 1),
        "speedup": round(plain / first, 2),
        "speedup_again": round(first / again, 1),
        "note": args.note,
    }
    print(values)
    command = (
        f"python -m benchmarks.sync_throughput --pairs {args.pairs} --frames {args.frames} "
        f"--size {args.size} --jobs {args.jobs}"
    )
    write_result("sync_throughput", values, command=command, seed=SEED)


if __name__ == "__main__":
    main()
