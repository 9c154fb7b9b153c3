"""Every number that decides a verdict, in one place, with where it comes from.

A limit lies between what good pairs show, rendered and generated ones, and what planted faults
show. What they achieve is measured on seeds that neither training nor tuning draws
(`benchmarks/sync_calibration.py`) and on clips of real people (`benchmarks/sync_real.py`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CueLimits:
    """When a cue is judged, and what it must reach."""

    floor: float  # standard deviation over time below which a trace is mostly tracking noise
    pearson: float  # least correlation of the smoothed traces
    amplitude: float  # largest ratio of the movement's size between the halves, either way
    # largest difference of the traces that is still the same pose (80th percentile over the
    # frames); None: a smile that is held or a wider mouth is an edit, not a fault
    distance: float | None = None
    # frames, of the Gaussian over time. Speech is quick: at 12 frames a second one whole frame
    # takes two thirds of a syllable away.
    smoothing: float = 1.0


LIMITS = {
    "yaw": CueLimits(0.025, 0.60, 2.5, 0.40),
    "pitch": CueLimits(0.035, 0.60, 2.5, 0.35),
    "roll": CueLimits(0.020, 0.50, 2.5, 0.25),
    "x": CueLimits(0.030, 0.60, 2.5, 0.50),
    "y": CueLimits(0.020, 0.60, 2.5, 0.50),
    "mouth": CueLimits(0.020, 0.50, 3.0, smoothing=0.6),
    "mouth_width": CueLimits(0.035, 0.20, 4.0, smoothing=0.8),
    "gaze_x": CueLimits(0.010, 0.50, 4.0),
    "gaze_y": CueLimits(0.012, 0.20, 4.0),
    "blink": CueLimits(0.100, 0.50, 3.0, smoothing=0.7),
}

STILL = 3.0  # floors: movement of the edit that is certain to be new when the source is still
HEAD_AMPLITUDE = 1.5  # largest ratio of all head movement: the mean over the judged cues,
HEAD_CUES_NEEDED = 3  # if there are so many

MAX_LAG = 8  # frames looked at on either side, and never more than a third of the clip
OFFSET = 0.5  # frames: beyond half a frame the pair is off by at least one
OFFSET_CONFIDENCE = 0.5  # likelihood share that makes an offset certain enough to say so
DRIFT = 1.0  # frames by which the halves of a clip may differ in lag; good pairs stay below 0.5
HALF = 12  # frames a half must have

FACE_MISSING = 0.10  # share of frames in which one half shows a face and the other does not
FACE_SEEN = 0.5  # share of frames in which both must show one, or there is nothing to judge

PROFILE = 0.8  # radians of yaw from which the landmarks of mouth and eyes are guesses
# Half of the mesh is one there: yaw and pitch of one head moved alike differ by 0.04 radians, and
# their floors are this much higher in profile.
PROFILE_FLOOR = 2.0
GAZE_PROFILE = 0.55  # and those of the irises: the far eye is hidden
# Height of the eye over its width. Open eyes of seven people have 0.2 or more; below these limits
# an iris cannot be seen, or a blink cannot be told from a squint.
GAZE_OPEN = 0.14
BLINK_OPEN = 0.12
CLOSED = 0.35  # a lid that has fallen this far hides the iris: gaze is bridged there

BLINK_DEPTH = 0.35  # rise of closedness that makes a blink
BLINK_SHARE = 0.3  # of it, enough in the other half to confirm it
BLINK_NOISE = 0.1  # rises below this are nothing
BLINK_WINDOW = 15  # frames around a blink from which it must stand out
BLINK_TOLERANCE = 1  # frames
BLINK_F1 = 0.5  # of the blinks of both halves; below, too many are missing or new

# MediaPipe's visibility from which a joint is judged: below, it is a guess. Hands behind a glass,
# and a microphone that is taken for a hand, reach 0.66.
BODY_VISIBLE = 0.7
BODY_SEEN = 0.25  # share of frames in which it must be visible in both halves
# Shoulder widths, (median, worst fifth of the frames). Wrists of good generated pairs reach 0.10
# and 0.17, a gesture that differs starts at a median of 0.17. Elbows are guessed under loose
# sleeves. Shoulders change with the clothes: not judged.
BODY_DISTANCE = {
    "left_wrist": (0.135, 0.25),
    "right_wrist": (0.135, 0.25),
    "left_elbow": (0.30, 0.50),
    "right_elbow": (0.30, 0.50),
}
BODY_MOVES = 0.10  # shoulder widths from which a gesture is more than a tremble of the tracker
BODY_PEARSON = 0.60  # and must be followed
BODY_THERE, BODY_GONE = 0.7, 0.3  # visibility of a hand that is certainly in the picture, or not
HAND_MISSING = 0.35  # share of frames in which one half alone may show a hand
SHOULDERS_PER_EYES = 2.5  # least shoulder width in eye distances, for people seen from the side
