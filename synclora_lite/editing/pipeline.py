"""`SyncLoraPipeline`: the edit with the manners of a diffusers pipeline.

pipe = SyncLoraPipeline.from_pretrained("lite", adapter="lite-adapter")
output = pipe(video, image, generator=torch.Generator().manual_seed(0))
output.frames  # (1, frames, height, width, 3)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from diffusers.utils import BaseOutput
from jaxtyping import UInt8
from PIL import Image

from synclora_lite.core import combine, eject, inject, load_lora_state_dict, set_scale
from synclora_lite.editing.domain import check_domain
from synclora_lite.editing.fitting import edit_in_windows, into_frame, out_of_frame
from synclora_lite.editing.ltx_video import LTXVideo, load_ltx_video, uncovered
from synclora_lite.editing.methods import METHODS, Method, Window
from synclora_lite.editing.precheck import as_picture, to_size
from synclora_lite.editing.propagation import restore
from synclora_lite.editing.settings import STEPS, EditSettings, Made, tuned_options
from synclora_lite.errors import EditError, ModelError
from synclora_lite.models import AdapterSettings, read_adapter
from synclora_lite.models.folders import is_ltx2, model_folder
from synclora_lite.models.formats import Weights
from synclora_lite.models.ltx2_sampling import LTX2Sampling
from synclora_lite.models.precision import check_device
from synclora_lite.video import Clip

if TYPE_CHECKING:
    from synclora_lite.editing.ltx2 import LTX2

Frames = UInt8[np.ndarray, "frames height width 3"]
Picture = UInt8[np.ndarray, "height width 3"]
Video = Clip | np.ndarray | list[Image.Image]

OVERLAP = 5  # frames that neighbouring windows share
FRAME_RATE = 25.0  # of a video that does not say; only LTX-2 asks for it


@dataclass
class SyncLoraOutput(BaseOutput):
    """One edited clip: an array in [0, 1], or for `output_type="pil"` a list of lists of images."""

    frames: np.ndarray | list[list[Image.Image]]


@dataclass(eq=False)
class SyncLoraPipeline:
    """An image-to-video model that edits clips: the lite model, LTX-Video or LTX-2."""

    backend: "LTXVideo | LTX2"  # the loaded model, and what kind of clips it knows
    tuned: dict[str, dict[str, float]] = field(default_factory=dict)  # by method, see `settings`
    adapters: dict[str, tuple[Weights, AdapterSettings]] = field(default_factory=dict)  # by name

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "lite",
        *,
        adapter: str | Path | Sequence[str | Path] = (),
        device: str = "cpu",
        ltx2: LTX2Sampling | None = None,
    ) -> "SyncLoraPipeline":
        """Load LTX-Video (lite is one) or LTX-2: "lite", a folder, or a downloaded hub model.

        The adapter is "lite-adapter", a folder, file or hub name, with :STRENGTH if that is not 1;
        its update is added to the weights. For LTX-2 there may be several, the in-context adapter
        first, and a setting. Raises EditError if they are not for this model, ModelError if files
        are missing or damaged, ConfigError if this machine lacks the device.
        """
        names = (adapter,) if isinstance(adapter, str | Path) else adapter
        source = ModelSource(pretrained_model_name_or_path, tuple(map(str, names)), device, ltx2)
        return source.load(in_context=bool(names))

    @property
    def ltx_video(self) -> LTXVideo:
        """The back end, if adapters can be exchanged in it; ModelError for LTX-2."""
        if not isinstance(self.backend, LTXVideo):
            expected = "one named to from_pretrained(adapter=...)"
            raise ModelError("another adapter for a loaded LTX-2", expected)
        return self.backend

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.ltx_video.model.device

    def to(self, device: str | torch.device) -> "SyncLoraPipeline":
        """Move the model; ConfigError if this machine lacks the device."""
        check_device(str(device))
        model = self.ltx_video.model
        model.vae.to(device)
        model.transformer.to(device)
        moved = replace(model, caption=model.caption.to(device))
        self.backend = replace(self.ltx_video, model=moved)
        return self

    def load_lora_weights(self, source: str | Path, adapter_name: str = "default") -> None:
        """Use an adapter, as the only one; ModelError if it does not fit, or the name is taken."""
        if adapter_name in self.adapters:
            raise ModelError(f"an adapter named {adapter_name!r} again", "another adapter_name")
        transformer = self.ltx_video.model.transformer
        eject(transformer)
        self.adapters[adapter_name] = read_adapter(transformer, source)
        self.set_adapters(adapter_name)

    def set_adapters(
        self, adapter_names: str | Sequence[str], adapter_weights: float | Sequence[float] = 1.0
    ) -> None:
        """Use some of the loaded adapters, each with its weight; none for an empty list.

        Raises ModelError if one is not loaded, or they do not fit together.
        """
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        given = adapter_weights
        weights = [given] * len(names) if isinstance(given, int | float) else list(given)
        if missing := [name for name in names if name not in self.adapters]:
            loaded = ", ".join(self.adapters) or "none"
            raise ModelError(f"no adapter named {missing[0]!r}", f"one of those loaded: {loaded}")
        if len(weights) != len(names):
            raise ModelError(f"{len(weights)} weights for {len(names)} adapters", "one for each")
        settings = [self.adapters[name][1] for name in names]
        if len({s.layout for s in settings}) > 1:
            what = f"the adapters {', '.join(names)} together, of different layouts"
            raise ModelError(what, "adapters that look at the reference in one way")
        transformer, used = self.ltx_video.model.transformer, None
        eject(transformer)
        if names:
            both = combine([self.adapters[name][0] for name in names], weights)
            layers = sorted({name.rsplit(".lora_", 1)[0] for name in both})
            used = replace(settings[0], rank=sum(s.rank for s in settings), targets=tuple(layers))
            inject(transformer, layers, used.rank)
            load_lora_state_dict(transformer, both)
        self.backend = replace(self.ltx_video, adapter=used)

    def __call__(
        self,
        video: Video,
        image: Image.Image | np.ndarray,
        *,
        method: str | Method | None = None,
        num_inference_steps: int | None = None,
        strength: float | None = None,
        guidance_scale: float | None = None,
        generator: torch.Generator | None = None,
        output_type: Literal["np", "pil"] = "np",
    ) -> SyncLoraOutput:
        """Carry the edit of the first frame, `image`, through a clip, frames or images.

        `method` is a name of `METHODS`, or a method as it is; if None "sync-lora", or "i2v" without
        an adapter. `strength` is the noise level at which sdedit and flowedit begin,
        `guidance_scale` the weight s of pred + s (pred_ref - pred); both are given with a name. A
        new generator of seed s gives the clip of `EditSettings(seed=s)`, a used one another. Raises
        EditError if image, clip or options are not for this model.
        """
        asked = {"strength": strength, "guidance": guidance_scale}
        settings = EditSettings(
            method or ("sync-lora" if self.backend.in_context else "i2v"),
            {name: value for name, value in asked.items() if value is not None},
            num_inference_steps,
            _seed(generator),
        )
        if isinstance(video, list):
            video = np.stack([np.asarray(picture.convert("RGB")) for picture in video])
        clip = video if isinstance(video, Clip) else Clip(video, FRAME_RATE)
        if len(clip) < 2:
            raise EditError("a video of one frame", "at least two")
        picture, _ = to_size(as_picture(np.asarray(image)), clip.size)
        made = self.edit(clip, picture, settings).frames
        if output_type == "pil":
            return SyncLoraOutput([[Image.fromarray(frame) for frame in made]])
        return SyncLoraOutput(made[None].astype(np.float32) / 255)

    def edit(self, source: Clip, first_frame: Picture, settings: EditSettings) -> Made:
        """Edit a clip whose first frame fits: `edit_video` without its checks and report."""
        method = settings.chosen(self.tuned)
        if method.needs_adapter and not self.backend.in_context:
            raise EditError(f"a model without adapter for {method.name}", "one with an adapter")
        if not isinstance(self.backend, LTXVideo):
            return self.backend.edit(source, first_frame, method, settings)
        if self.backend.fused and not method.needs_adapter:
            what = f"method {method.name} with an adapter in the model's weights"
            raise EditError(what, "the plain model", "load the model without an adapter")
        return edit_ltx_video(self.backend, source.frames, first_frame, method, settings)


@dataclass(frozen=True)
class ModelSource:
    """What to load, once it is known that the input can be edited."""

    model: str | Path = "lite"  # "lite", a folder, or the name of a downloaded hub model
    adapters: tuple[str, ...] = ("lite-adapter",)  # NAME or NAME:STRENGTH, the in-context one first
    device: str = "cpu"
    ltx2: LTX2Sampling | None = None  # setting and stages of an LTX-2 model

    def load_for(self, settings: EditSettings) -> SyncLoraPipeline | None:
        """Load what a method needs, after a look at whether the model has a place for it."""
        method = settings.chosen()
        if not method.needs_model:
            return None
        if is_ltx2(self.model):
            from synclora_lite.editing.ltx2 import check_ltx2

            check_ltx2(method, settings)
        return self.load(in_context=method.needs_adapter)

    def load(self, *, in_context: bool) -> SyncLoraPipeline:
        """Load the model, with the in-context adapter or without; see `from_pretrained`."""
        if is_ltx2(self.model):  # its pipeline takes seconds to import, so only when it is used
            from synclora_lite.editing.ltx2 import load_backend

            asked = (self.model, self.adapters, self.ltx2 or LTX2Sampling(), self.device)
            return SyncLoraPipeline(load_backend(*asked, in_context=in_context))
        if self.ltx2 is not None:
            what = f"the setting of an LTX-2 with {self.model}"
            raise EditError(what, "an LTX-2 model", "leave it out")
        if in_context and len(self.adapters) != 1:
            what = f"{len(self.adapters)} adapters with this model"
            raise EditError(what, "one, or an LTX-2 model")
        backend = load_ltx_video(self.model, self.adapters[0] if in_context else None, self.device)
        return SyncLoraPipeline(backend, tuned_options(model_folder(self.model)))


def edit_ltx_video(
    backend: LTXVideo, source: Frames, first_frame: Picture, method: Method, settings: EditSettings
) -> Made:
    """Edit at the model's size, window by window, and scale back; EditError for unknown clips."""
    domain, usual = backend.domain, backend.model.steps if method.few_steps else STEPS
    steps = settings.steps or usual
    small = np.stack([into_frame(frame, domain.side) for frame in source])
    first = into_frame(first_frame, domain.side)
    without_model = ", ".join(name for name, one in METHODS.items() if not one.needs_model)
    advice = f"use --method {without_model}, or the full-size model"
    known = check_domain(backend.model.vae, domain, advice, small, first)

    def edit(piece: Frames, anchor: Picture) -> Frames:  # with the same noise in every window
        made = method(Window(piece, anchor, backend, steps, settings.seed))
        return restore(piece, anchor, made) if settings.restore else made

    adapted = backend.model.transformer
    set_scale(adapted, float(method.needs_adapter))  # the others run on the plain model
    try:
        made, seams = edit_in_windows(
            small, first, edit, window=domain.frames, overlap=min(OVERLAP, domain.frames - 1)
        )
    finally:
        set_scale(adapted, 1.0)
    size = (source.shape[1], source.shape[2])
    output = np.stack([out_of_frame(frame, size) for frame in made])
    output[0] = first_frame
    report: dict[str, Any] = {"domain": known, "seams": seams}
    covered = [backend.covered] if method.needs_adapter and backend.covered is not None else []
    if covered:
        report["adapter"] = {"covers": str(covered[0])}
    ran: dict[str, Any] = {"steps": steps, "seed": settings.seed, "restore": settings.restore}
    ran |= {**method.options, "model": backend.model.name}
    return Made(output, report, ran, backend.hashes, uncovered(covered))


def _seed(generator: torch.Generator | None) -> int:
    """Return the seed of a new generator, or a number drawn from a used one or torch's own."""
    if generator is None:
        return int(torch.randint(2**62, ()))
    seed, state = generator.initial_seed(), generator.get_state()
    drawn = int(torch.randint(2**62, (), generator=generator))  # so that the next call is another
    new = torch.equal(state, torch.Generator().manual_seed(seed).get_state())
    return seed if new and seed < 2**63 else drawn
