"""Pairs without a model: exact ones, and ones that are spoiled on purpose."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from synclora_lite.errors import PairError
from synclora_lite.pairs.building import Drawn
from synclora_lite.pairs.planting import FAULTS, LEAST_FRAMES, SPARE, Case
from synclora_lite.portraits import edit_case, render_batch


@dataclass(frozen=True)
class Exact:
    """One motion rendered with two appearances: synchronized by construction."""

    name: ClassVar[str] = "exact"
    frames: int = 17
    size: int = 96

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, seed: int, kind: str) -> Drawn:
        """Render both clips of one edit."""
        case = edit_case(seed, kind, self.frames)
        clips = render_batch([case.source, case.edited], [case.motion] * 2, self.size).numpy()
        return Drawn(clips[0], clips[1], case.motion.fps)


@dataclass(frozen=True)
class Corrupted:
    """An exact pair with one known fault, to test scores and filters.

    Attributes:
        frames: At least `LEAST_FRAMES`.
        faults: Which faults take turns; all if empty.

    Raises:
        PairError: It would have too few frames to plant a fault in.

    """

    name: ClassVar[str] = "corrupted"
    frames: int = 17
    size: int = 96
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the length."""
        if self.frames < LEAST_FRAMES:
            raise PairError(f"corrupted pairs of {self.frames} frames", f"{LEAST_FRAMES} or more")

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, seed: int, kind: str) -> Drawn:
        """Draw a case, a fault and its strength, and plant it.

        Raises:
            PairError: There is no fault of that name.

        """
        names = self.faults or tuple(FAULTS)
        fault = names[seed % len(names)]
        if fault not in FAULTS:
            raise PairError(f"the fault {fault!r}", ", ".join(FAULTS))
        case = Case(edit_case(seed, kind, self.frames + 2 * SPARE), self.size, seed)
        source, edited, strength = FAULTS[fault](case)
        return Drawn(source, edited, case.fps, {"fault": fault, **strength})
