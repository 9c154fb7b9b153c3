"""The method: positions, flow, attention, block, sequence, lora, training, sampling."""

from synclora_lite.core.attention import Layout, ReferenceCache, attention_mask
from synclora_lite.core.block import (
    predict_velocity,
    reference_cache,
    transformer_block,
)
from synclora_lite.core.flow import (
    add_noise,
    inference_sigmas,
    sample_sigmas,
    scheduler_shift,
    token_shift,
    velocity_target,
)
from synclora_lite.core.lora import (
    ATTENTION,
    FEED_FORWARD,
    SELF_ATTENTION,
    LoRALinear,
    combine,
    eject,
    inject,
    load_lora_state_dict,
    lora_state_dict,
    merge,
    set_scale,
    target_layers,
)
from synclora_lite.core.positions import (
    Positions,
    latent_frame_starts,
    rotate,
    rotations,
    token_coordinates,
)
from synclora_lite.core.sampling import guided_velocity, sample, target_velocity
from synclora_lite.core.sequence import (
    Conditioning,
    InContextBatch,
    frame_sigmas,
    in_context_batch,
    pack,
    unpack,
)
from synclora_lite.core.training import Objective, flow_loss, train_step, training_loss
