"""Families of exam questions for the second half: sequence, training, editing, and after."""

from random import Random

from synclora_course.questions import Question


def sequence_levels(random: Random) -> Question:
    """Chapter 5: noise levels of a sequence that is laid out in another way."""
    first = random.random() < 0.5
    given, words = random.choice(
        [
            ((0, -1), "first and last frame are"),
            ((0, 1), "first two frames are"),
            ((-1,), "last is"),
        ]
    )
    reference = random.choice([0.0, 0.05, 0.1])
    order = "before" if first else "after"
    parts = "context, own" if first else "own, context"
    return Question(
        name="sequence_levels",
        title="Another layout",
        statement=f"In a new model the reference stands *{order}* the target, its noise level is "
        f"always {reference}, and of the target's frames the {words} given (level 0). Write "
        "`levels(sigma, reference_frames, target_frames)`: the noise level of every latent frame "
        "of the sequence for one sample; the target has three frames or more.",
        signature="def levels(sigma, reference_frames, target_frames):\n"
        '    """Return an array with one level a frame."""',
        body=f"context = np.full(reference_frames, {reference})\n"
        "own = np.full(target_frames, float(sigma))\n"
        f"own[{list(given)}] = 0.0\n"
        f"return np.concatenate([{parts}])",
        examples=("0.7, 2, 4", "0.2, 1, 3"),
        inputs="(rng.uniform(0.1, 1), int(rng.integers(1, 6)), int(rng.integers(3, 8)))",
        mistakes=(
            "the reference given the target's level",
            "given frames counted from the start of the sequence, not of the target",
            "an integer array, in which 0.7 becomes 0",
        ),
    )


def schedule(random: Random) -> Question:
    """Chapter 6: a learning rate over the steps."""
    peak, steps = random.choice([1e-3, 2e-4, 5e-4]), random.choice([500, 1000, 2000])
    warmup, floor = random.choice([50, 100]), random.choice([0.05, 0.1, 0.2])
    shape = random.choice(["cosine", "line"])
    fall = "(1 + np.cos(np.pi * progress)) / 2" if shape == "cosine" else "1 - progress"
    return Question(
        name="schedule",
        title="A learning rate",
        statement=f"Write `rate(step)` for a run of {steps} steps, numbered from 0. Over the first "
        f"{warmup} steps it grows in a line, {peak}/{warmup} at step 0 and {peak} at step "
        f"{warmup - 1}. From step {warmup} it falls from {peak} along a {shape}, to reach {floor} "
        f"of that at step {steps}, and it stays there if training goes on.",
        signature='def rate(step):\n    """Return the learning rate of a step."""',
        body=f"if step < {warmup}:\n"
        f"    return {peak} * (step + 1) / {warmup}\n"
        f"progress = min(1.0, (step - {warmup}) / ({steps} - {warmup}))\n"
        f"return {peak} * ({floor} + (1 - {floor}) * ({fall}))",
        examples=("0", str(warmup), str(steps)),
        inputs=f"(int(rng.integers(0, {2 * steps})),)",
        mistakes=(
            "a first step with rate 0, which does nothing",
            "the fall counted from step 0 and not from the end of the warm-up",
            "past the last step the cosine rises again",
        ),
    )


def guidance(random: Random) -> Question:
    """Chapter 7: guidance on two conditions."""
    frame, reference = random.choice([1.5, 2.0]), random.choice([2.0, 3.0, 4.0])
    above = random.choice([0.2, 0.3, 0.5])
    return Question(
        name="guidance",
        title="Guidance on two conditions",
        statement="A sampler has three predictions: `plain` (no condition), `framed` (first frame "
        "only) and `full` (first frame and reference). Write `guided(plain, framed, full, sigma)`: "
        f"push with scale {frame} along what the first frame adds to `plain`, and with scale "
        f"{reference} along what the reference adds to `framed`, so that both scales at 1 give "
        f"`full`. At noise levels of {above} and below there is no guidance: return `full`.",
        signature="def guided(plain, framed, full, sigma):\n"
        '    """Return the guided prediction."""',
        body=f"if sigma <= {above}:\n"
        "    return full\n"
        f"return plain + {frame} * (framed - plain) + {reference} * (full - framed)",
        examples=(
            "np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([1.0, 3.0]), 0.9",
            f"np.array([0.0]), np.array([1.0]), np.array([2.0]), {above}",
        ),
        inputs="(*rng.standard_normal((3, 5)), rng.uniform(0, 1))",
        mistakes=(
            "the reference's push taken from `plain`, which counts the first frame twice",
            "scales of 1 do not give `full`",
            "the comparison with the noise level turned round",
        ),
    )


def kept(random: Random) -> Question:
    """Chapter 8: how much of an edit is kept, by another definition."""
    threshold = random.choice([16, 24, 32])
    squared = random.random() < 0.5
    power, word = ("** 2", "squared") if squared else ("", "absolute")
    skip = random.choice([1, 2])
    return Question(
        name="kept",
        title="Edit kept, another way",
        statement="Write `edit_kept(source, truth, output)` for clips of shape (frames, height, "
        f"width, 3), uint8. Leave out the first {skip} frame{'s' if skip > 1 else ''}. A pixel "
        f"counts if any of its channels differs by {threshold} or more between source and truth. "
        f"Over these pixels, return 1 minus the sum of {word} differences between output and truth "
        "over that between source and truth, and never less than 0.",
        signature="def edit_kept(source, truth, output):\n"
        '    """Return the share of the edit that is kept."""',
        body="source, truth, output = (clip.astype(float) for clip in (source, truth, output))\n"
        f"source, truth, output = source[{skip}:], truth[{skip}:], output[{skip}:]\n"
        f"changed = (np.abs(source - truth) >= {threshold}).any(-1)\n"
        f"lost = (np.abs(output - truth) {power})[changed].sum()\n"
        f"edit = (np.abs(source - truth) {power})[changed].sum()\n"
        "return max(0.0, 1 - lost / edit)",
        examples=(
            "np.zeros((3, 2, 2, 3), np.uint8), np.full((3, 2, 2, 3), 100, np.uint8), "
            "np.full((3, 2, 2, 3), 75, np.uint8)",
        ),
        inputs="tuple(rng.integers(0, 256, (3, 4, 5, 6, 3)).astype(np.uint8))",
        mistakes=(
            "uint8 differences wrap round: 3 - 5 is 254",
            "the given first frame counted",
            "the mask taken from the output, so that a method chooses its own pixels",
        ),
    )


def token_budget(random: Random) -> Question:
    """Chapter 9: the length of a sequence."""
    temporal, spatial = random.choice([(8, 32), (4, 16), (4, 32)])
    smaller = random.choice([1, 2])
    words = (
        "at the target's size" if smaller == 1 else "at half the target's height and half its width"
    )
    return Question(
        name="token_budget",
        title="How long is the sequence?",
        statement=f"An autoencoder makes one latent frame of the first frame and one of every "
        f"{temporal} further frames, and one latent pixel of {spatial} x {spatial} pixels. The "
        f"reference is given {words}. Write `tokens(frames, height, width)`: the number of tokens "
        "of reference and target together. If the number of frames or a size (of the target or "
        "the reference) does not fit, return -1.",
        signature="def tokens(frames, height, width):\n"
        '    """Return the length of the sequence, or -1."""',
        body=f"if (frames - 1) % {temporal} or height % {spatial * smaller} "
        f"or width % {spatial * smaller}:\n"
        "    return -1\n"
        f"latent_frames = (frames - 1) // {temporal} + 1\n"
        f"target = latent_frames * (height // {spatial}) * (width // {spatial})\n"
        f"return target + target // {smaller**2}",
        examples=("81, 512, 512", "80, 512, 512", f"17, {spatial * 5}, {spatial * 4}"),
        inputs=f"(int(rng.choice([17, 33, 41, 80, 81, 121])), {spatial} * int(rng.integers(1, 9)), "
        f"{spatial} * int(rng.integers(1, 9)) + int(rng.choice([0, 0, 0, 8])))",
        mistakes=(
            "frames divided by the ratio without taking the first one apart",
            "the reference forgotten",
            "half the size is a quarter of the tokens",
        ),
    )


def windows(random: Random) -> Question:
    """Chapter 10: where the windows of a long clip begin."""
    length, overlap = random.choice([(17, 5), (17, 1), (25, 8), (81, 9)])
    end = random.choice(["shifted", "padded"])
    words = {
        "shifted": "the last one begins so early that it ends with the clip",
        "padded": "the last one may reach beyond the end, where it is padded",
    }[end]
    last = f"[*starts[:-1], min(starts[-1], frames - {length})]" if end == "shifted" else "starts"
    return Question(
        name="windows",
        title="Windows",
        statement=f"A model knows {length} frames. A longer clip is edited in windows of that "
        f"length; each shares its first {overlap} frames with the one before, and {words}. Write "
        "`windows(frames)`: the first frame of each window, with as few windows as cover the "
        f"clip. A clip of at most {length} frames has one window, which begins at 0.",
        signature='def windows(frames):\n    """Return the windows\' first frames, a list."""',
        body=f"if frames <= {length}:\n"
        "    return [0]\n"
        f"step = {length - overlap}\n"
        f"count = 1 + -(-(frames - {length}) // step)\n"
        "starts = [step * k for k in range(count)]\n"
        f"return {last}",
        examples=(f"{length}", f"{2 * length}", f"{2 * length - overlap + 1}"),
        inputs=f"(int(rng.integers(1, {6 * length})),)",
        mistakes=(
            "windows that begin a window's length apart, without the overlap",
            "one window too many where the last one ends with the clip exactly",
            "a short clip with no window, or a first frame below 0",
        ),
    )
