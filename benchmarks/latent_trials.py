"""Held-out clips and their latents, on which models and adapters are tried without an editor."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from synclora_course.exam.conditions import Challenge, set_case
from synclora_lite.core import inference_sigmas, sample
from synclora_lite.evaluation.metrics import evaluate_edit
from synclora_lite.models import I2VModel, decode, encode
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.portraits import held_out

METRICS = ("sync", "edit_kept", "psnr")


@dataclass
class Trials:
    """Held-out clips, encoded.

    Attributes:
        model: What encodes, draws and decodes; its transformer may have an adapter.
        count: Of clips.
        steps: Of sampling.
    """

    model: I2VModel
    count: int
    steps: int
    tasks: list[Challenge] = field(init=False)
    source: Tensor = field(init=False)
    first: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Render and encode."""
        cases = held_out(0, self.count)
        self.tasks = [set_case(case, "exact") for case in cases]
        self.source = self.encoded([task.source.frames for task in self.tasks])
        self.first = self.encoded([task.first_frame[None] for task in self.tasks])

    @torch.no_grad()
    def encoded(self, clips: list[np.ndarray]) -> Tensor:
        """Return the latents of clips."""
        return encode(self.model, to_model_range(torch.from_numpy(np.stack(clips))))

    @torch.no_grad()
    def metrics(self, *, referred: bool) -> dict[str, float]:
        """Draw all clips, the source in context or left out, decode them alone; return means."""
        size = self.source.shape[2:]
        told = self.model.conditioning(size, self.source if referred else None)
        noise = torch.randn(self.source.shape, generator=torch.Generator().manual_seed(0))
        sigmas = inference_sigmas(self.model.scheduler, self.steps, size.numel())
        drawn = sample(self.model.transformer, self.first, noise, sigmas, told)
        clips = to_frames(decode(self.model, drawn)).numpy()
        rows = [
            evaluate_edit(task.source.frames, task.truth, clip)
            for task, clip in zip(self.tasks, clips, strict=True)
        ]
        return {m: round(float(np.mean([row[m] or 0.0 for row in rows])), 4) for m in METRICS}
