"""Families of exam questions for the first half of the book: clips, traces, pairs, scores, flow."""

from random import Random

from synclora_course.questions import Question


def frame_on_screen(random: Random) -> Question:
    """Chapter 0: which frame of an edit is on the screen."""
    source, edit = random.choice([(12, 24), (25, 30), (30, 25), (24, 12), (24, 30)])
    late = random.choice([1, 2, 3])
    nearest = random.random() < 0.5
    rule = "starts nearest to that moment" if nearest else "is on the screen at that moment"
    number = f"(k - {late}) * {edit} / {source}"
    body = (
        f"return max(0, int(np.floor({number} + 0.5)))"
        if nearest
        else f"return max(0, (k - {late}) * {edit} // {source})"
    )
    return Question(
        name="frame_on_screen",
        title="Two frame rates",
        statement=f"A source runs at {source} frames a second, its edit at {edit}, and the edit "
        f"starts {late} source frames late. Write `edit_frame(k)`: the number of the edit's frame "
        f"that {rule} when frame `k` of the source begins. Before the edit has started, it is 0"
        + ("; a tie goes to the later frame." if nearest else "."),
        signature='def edit_frame(k):\n    """Return the edit\'s frame for source frame k."""',
        body=body,
        examples=("0", "7", "10"),
        inputs="(int(rng.integers(0, 500)),)",
        mistakes=(
            "the ratio of the rates upside down",
            "the delay counted in frames of the edit",
            "rounding where the frame on the screen was asked for, or the other way round",
        ),
    )


def blinks(random: Random) -> Question:
    """Chapter 1: count blinks in a trace."""
    threshold = random.choice([0.3, 0.4, 0.5])
    least = random.choice([2, 3])
    closure = random.random() < 0.5
    quantity, test = ("closure", f"> {threshold}") if closure else ("opening", f"< {threshold}")
    side = "above" if closure else "below"
    return Question(
        name="blinks",
        title="Blinks as events",
        statement=f"Write `count_blinks(trace)`. `trace` holds the eye's {quantity}, one number a "
        f"frame. A blink is a run of at least {least} frames in a row that are all {side} "
        f"{threshold}; runs at the start and the end of the clip count too.",
        signature="def count_blinks(trace):\n"
        '    """Return the number of blinks in a trace of shape (frames,)."""',
        body=f"shut = np.concatenate([[0], (np.asarray(trace) {test}).astype(int), [0]])\n"
        "steps = np.diff(shut)\n"
        "lengths = np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)\n"
        f"return int((lengths >= {least}).sum())",
        examples=(
            "np.array([0.9, 0.1, 0.1, 0.1, 0.9, 0.1, 0.9])",
            "np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9])",
        ),
        inputs="(np.repeat(rng.random(12), rng.integers(1, 5, 12)),)",
        mistakes=(
            "frames counted instead of events",
            "a blink that the clip's border cuts is lost",
            "single frames, which are noise of the tracker, counted",
        ),
    )


def filter_pairs(random: Random) -> Question:
    """Chapter 2: keep the best pairs."""
    weights = random.choice([(0.4, 0.3, 0.2, 0.1), (0.25, 0.25, 0.25, 0.25), (0.1, 0.5, 0.2, 0.2)])
    floor = random.choice([0.5, 0.6, 0.7])
    keep = random.choice([3, 4, 5])
    return Question(
        name="filter_pairs",
        title="A filter with a floor",
        statement="Write `keep_pairs(scores)`. `scores` has one row a pair and the columns pose, "
        f"mouth, gaze, blink. A pair with any score below {floor} is out. Of the rest, return the "
        f"row numbers of the {keep} best by the weighted mean with weights {weights}, best first, "
        "fewer if there are fewer. Ties: the smaller row number first.",
        signature='def keep_pairs(scores):\n    """Return the kept rows of (pairs, 4) scores."""',
        body="scores = np.asarray(scores)\n"
        f"mean = scores @ np.array({weights})\n"
        f"rows = np.flatnonzero((scores >= {floor}).all(1))\n"
        "order = np.argsort(-mean[rows], kind='stable')\n"
        f"return rows[order][:{keep}]",
        examples=("np.array([[0.9, 0.9, 0.9, 0.9], [1.0, 1.0, 1.0, 0.1], [0.8, 0.8, 0.9, 0.8]])",),
        inputs="(rng.uniform(0.45, 1, (int(rng.integers(4, 40)), 4)),)",
        mistakes=(
            "a high mean hides one bad cue: the floor is applied to the mean",
            "row numbers of the filtered table instead of the whole one",
            "worst first",
        ),
    )


def signed_lag(random: Random) -> Question:
    """Chapter 3: the lag between two traces."""
    most = random.choice([3, 4, 5])
    late = random.random() < 0.5
    sign = "positive if the edit is late" if late else "positive if the edit is early"
    return Question(
        name="signed_lag",
        title="The lag, with a sign",
        statement=f"Write `lag(source, edit)`: the whole number of frames from {-most} to {most}, "
        f"{sign}, at which the Pearson correlation of the overlapping parts of the two traces is "
        "largest. The traces have equal length.",
        signature='def lag(source, edit):\n    """Return the lag between two traces in frames."""',
        body="def r(k):\n"
        "    n = len(source)\n"
        "    a, b = (source[: n - k], edit[k:]) if k >= 0 else (source[-k:], edit[: n + k])\n"
        "    return np.corrcoef(a, b)[0, 1]\n"
        f"best = max(range({-most}, {most + 1}), key=r)\n"
        f"return {'best' if late else '-best'}",
        examples=(
            "np.sin(np.arange(40) ** 1.3), np.sin((np.arange(40) - 2).clip(0) ** 1.3)",
            "np.cos(np.arange(40) ** 1.2), np.cos(np.arange(40) ** 1.2)",
        ),
        inputs=f"(lambda x, k: (x[10:50], x[10 - k : 50 - k]))(rng.standard_normal(60), "
        f"int(rng.integers({-most}, {most + 1})))",
        mistakes=(
            "the sign turned round",
            "np.roll, which lets the end of the clip reappear at its start",
            "a covariance without normalization, which prefers long overlaps",
        ),
    )


def euler_step(random: Random) -> Question:
    """Chapter 4: one step of sampling, from what a model predicts."""
    kind = random.choice(["the noise", "the clean latents", "latents minus noise"])
    velocity = {
        "the noise": "(prediction - x) / (1 - sigma)",
        "the clean latents": "(x - prediction) / sigma",
        "latents minus noise": "-prediction",
    }[kind]
    return Question(
        name="euler_step",
        title="One step, another convention",
        statement=f"A model of rectified flow was trained to predict *{kind}* and not the velocity "
        "noise minus latents. Write `euler_step(x, prediction, sigma, following)`: take one Euler "
        "step from noise level `sigma` to `following`, with x = (1 - sigma) latents + sigma noise. "
        "All levels lie strictly between 0 and 1.",
        signature="def euler_step(x, prediction, sigma, following):\n"
        '    """Return x at the noise level `following`."""',
        body=f"velocity = {velocity}\nreturn x + (following - sigma) * velocity",
        examples=("np.array([1.0, -2.0]), np.array([0.5, 0.5]), 0.8, 0.6",),
        inputs="(rng.standard_normal(6), rng.standard_normal(6), rng.uniform(0.5, 0.9), "
        "rng.uniform(0.1, 0.5))",
        mistakes=(
            "the step's sign: sigma falls during sampling",
            "the prediction used as if it were the velocity",
            "sigma and 1 - sigma exchanged when solving for the velocity",
        ),
    )
