"""Where does the base, which never saw a clean reference, look? Where the adapter's may lie.

    python -m benchmarks.reference_place --record

The base alone draws held-out edits: without the source (i2v), and with it in the sequence, its
positions moved sideways by so many latent columns; a clip has twelve, and in pretraining a second
panel lay beside the first. Where the source changes nothing, whatever an adapter adds is its own.
Writes data/results/reference_place.json.
"""

import argparse

from benchmarks.latent_trials import Trials
from synclora_lite.files import write_result
from synclora_lite.models import load_model

OFFSETS = (0, 12, -12, 24, -24, 48)


def main() -> None:
    """Try all places; print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=36)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    trials = Trials(load_model("lite"), given.clips, given.steps)
    rows: list[dict[str, object]] = []
    for offset in (None, *OFFSETS):
        rows.append({"offset": offset, **trials.metrics(offset=offset)})
        print(rows[-1], flush=True)
    if given.record:
        command = f"python -m benchmarks.reference_place --clips {given.clips} --record"
        values = {"clips": given.clips, "steps": given.steps, "rows": rows}
        write_result("reference_place", values, command=command, seed=0)


if __name__ == "__main__":
    main()
