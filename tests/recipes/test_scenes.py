"""The scenes of training: a camera for each, the same every time."""

import numpy as np

from recipes.scenes import scene_case
from synclora_lite.portraits import EDIT_KINDS, edit_case, render_clip


def test_training_scenes_have_a_camera_each_and_are_the_same_every_time():
    cases = [scene_case(k, EDIT_KINDS[k % len(EDIT_KINDS)], 5) for k in range(200)]
    cameras = [c.camera for c in cases]
    assert all(0.7 <= c.blur <= 0.9 for c in cameras)
    plain = [c.light is None and c.occluder is None for c in cameras]
    assert 0.5 < np.mean(plain) < 0.85
    for k in (3, 50):
        again = scene_case(k, cases[k].kind, 5)
        assert again.source == edit_case(k, again.kind, 5).source
        first, second = (render_clip(c.edited, c.motion, 32, c.camera) for c in (again, cases[k]))
        assert (first == second).all()
