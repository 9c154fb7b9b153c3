"""How an LTX-2 samples: the distilled setting of the released adapter, or the official dev one.

Noise levels are always given to the pipeline as they are. Left to itself it counts the reference's
tokens in the shift (diffusers 0.40 to 0.42.1), so that an edit with a reference and one without
would run on different levels; the official code shifts by mu = 2.05 whatever the sequence.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from diffusers import FlowMatchEulerDiscreteScheduler

from synclora_lite.errors import EditError
from synclora_lite.models.model import SIZES

AS_GIVEN: dict[str, Any] = {"use_dynamic_shifting": False, "shift_terminal": None, "shift": 1.0}
DEV_STEPS = 30
DEV_GUIDANCE: dict[str, Any] = {
    "guidance_scale": 3.0,
    "stg_scale": 1.0,
    "modality_scale": 3.0,
    "guidance_rescale": 0.7,
    "audio_guidance_scale": 7.0,
    "audio_stg_scale": 1.0,
    "audio_modality_scale": 3.0,
    "audio_guidance_rescale": 0.7,
    "spatio_temporal_guidance_blocks": [28],
}
UNGUIDED: dict[str, Any] = {  # a difference that counts nothing has the factor 0, or else 1
    name: 0.0 if "stg" in name else 1.0 for name in DEV_GUIDANCE if name.endswith("_scale")
}


@dataclass(frozen=True)
class LTX2Sampling:
    """How one edit with an LTX-2 is sampled.

    The distilled setting is that of the released adapter: eight fixed noise levels and no guidance,
    for a distilled model, or a dev model with the distilled LoRA.
    """

    distilled: bool | None = None  # False: the dev model's setting; None: what its scheduler is for
    steps: int | None = None  # of the dev setting; 30 if None
    seed: int = 0  # of the noise
    reference_strength: float = 1.0  # 1 is a clean reference; 0 leaves it out
    # The edited frame is compressed by H.264 at this rate factor, as the frames of videos in
    # training were: 33 is official, 0 leaves it as it is.
    crf: int = 33  # DEFAULT_IMAGE_CRF of diffusers 0.40, which a hosted notebook may not have
    upsampler: str | Path | None = None  # folder or hub name: two stages, 512 and then 1024

    def arguments(self, scheduler: FlowMatchEulerDiscreteScheduler) -> dict[str, Any]:
        """Return noise levels and guidance for the stock pipeline; EditError for other steps."""
        from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES  # of LTX-2 alone

        distilled = self.distilled
        if distilled is None:
            distilled = not scheduler.config.use_dynamic_shifting
        if not distilled:
            return {"sigmas": dev_sigmas(self.steps or DEV_STEPS), **DEV_GUIDANCE}
        if self.steps not in (None, len(DISTILLED_SIGMA_VALUES)):
            raise EditError(
                f"{self.steps} steps with the distilled setting",
                f"its {len(DISTILLED_SIGMA_VALUES)} fixed noise levels",
                "leave --steps out, or say --dev for the dev model",
            )
        return {"sigmas": DISTILLED_SIGMA_VALUES, **UNGUIDED}


def dev_sigmas(steps: int) -> list[float]:
    """Return the official noise levels of the dev model: shifted by mu = 2.05, last one 0.1."""
    if steps == 1:
        return [1.0]  # the first level and the last at once
    scheduler = FlowMatchEulerDiscreteScheduler(**SIZES["ltx-2.3"]["scheduler"])
    levels = np.linspace(1.0, 1 / steps, steps)
    scheduler.set_timesteps(sigmas=levels, mu=scheduler.config.max_shift)
    return scheduler.sigmas[:-1].tolist()
