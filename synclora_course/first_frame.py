"""`synclora first-frame`: edited first frames without an image model, for those without an editor.

Each edit takes an 8-bit RGB picture of one person, drawn or photographed, and returns a new one of
the same size; it raises EditError if there is no face, or no such colour. Places on the head are
in its own coordinates: x to the image's right, y down, z away from the camera, in distances of the
outer eye corners, from the point between them.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.colors import to_rgb

from synclora_lite.editing.precheck import head_in
from synclora_lite.errors import EditError
from synclora_lite.sync.head import Head

Image = UInt8[np.ndarray, "height width 3"]
Cover = Float[np.ndarray, "height width"]  # how much of each pixel something covers, 0 to 1
Mask = Bool[np.ndarray, "height width"]
Places = Float[np.ndarray, "points 3"]
Flat = Float[np.ndarray, "points 2"]

FINE = 4  # shapes are drawn so many times larger, then averaged down
LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))  # upper, lower, outer and inner, of each eye
TEMPLES = (127, 356)
FOREHEAD = 10
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# landmark: (outwards, down, reach) of a smile
PULLS = {
    **dict.fromkeys((61, 291), (0.11, -0.12, 0.16)),  # corners of the mouth
    **dict.fromkeys((50, 280), (0.01, -0.030, 0.20)),  # cheeks
    **dict.fromkeys((145, 374), (0.0, -0.012, 0.10)),  # lower lids
    0: (0.0, 0.012, 0.10),
    17: (0.0, 0.020, 0.12),
}


def parse_colour(colour: str) -> Float[np.ndarray, "3"]:
    """Read a colour name or "#rrggbb" as RGB, 0 to 255."""
    try:
        return 255 * np.array(to_rgb(colour))
    except ValueError as error:
        raise EditError(f"the colour {colour!r}", 'a name such as "teal", or "#rrggbb"') from error


def draw_glasses(picture: Image, colour: str = "#26262b") -> Image:
    """Put glasses on."""
    head = head_in(picture, "picture")
    tone = parse_colour(colour) * _brightness(picture, head)
    thick = 0.055 * float(head.scale[0])
    rims = [_rim(head, lids) for lids in LIDS]
    glass, frame = _canvas(picture), _canvas(picture)
    for rim, temple in zip(rims, TEMPLES, strict=True):
        outline = _fine(_pixels(head, rim))
        cv2.fillPoly(glass, [outline], 255, cv2.LINE_AA)
        cv2.polylines(frame, [outline], True, 255, round(thick * FINE), cv2.LINE_AA)
        hinge = rim[np.argmax(np.abs(rim[:, 0]))] + (0, -0.04, 0)
        ear = head.face[0, temple] * (1.02, 1, 1)
        _stroke(frame, _pixels(head, np.stack([hinge, ear])), 0.8 * thick)
    inner = np.stack([rim[np.argmin(np.abs(rim[:, 0]))] for rim in rims])
    bridge = np.insert(inner, 1, inner.mean(0) - (0, 0.05, 0.05), axis=0) - (0, 0.05, 0.05)
    _stroke(frame, _pixels(head, bridge), 0.9 * thick)
    lit = _paint(picture, 0.10 * _shrink(glass), np.array([235.0, 240.0, 245.0]))
    return _paint(lit, _shrink(frame), tone)


def _rim(head: Head, lids: tuple[int, int, int, int]) -> Places:
    """Return the outline of a lens around an eye: a superellipse a little before the face."""
    top, bottom, outer, inner = head.face[0, list(lids)].astype(float)
    width = 0.62 * abs(outer[0] - inner[0]) + 0.035
    centre = (outer + inner) / 2
    centre[1:] = (top[1] + bottom[1]) / 2 + 0.035, min(top[2], bottom[2]) - 0.05
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x, y = (np.sign(wave) * np.abs(wave) ** 0.56 for wave in (np.cos(angle), np.sin(angle)))
    bend = 0.25 * width * np.sign(centre[0]) * x * x
    return centre + np.column_stack([width * x, 0.89 * width * y, bend])


def draw_hat(picture: Image, colour: str = "#a8443c") -> Image:
    """Put a knitted hat on, over whatever hair there is: half an ellipsoid around the skull."""
    head = head_in(picture, "picture")
    tone = parse_colour(colour) * _brightness(picture, head)
    half, top = _head_size(picture, head)
    edge = float(head.face[0, FOREHEAD, 1]) + 0.04  # a little below the hairline, in front
    round_, up = np.linspace(0, 2 * np.pi, 49), np.linspace(0, 1, 13)
    rise, ring = np.sin(up * np.pi / 2) ** 1.1, np.cos(up * np.pi / 2) ** 0.55
    x = half * ring[:, None] * np.sin(round_)
    z = 0.45 - (half + 0.08) * ring[:, None] * np.cos(round_)
    rim = edge + 0.16 * (1 - np.cos(round_)) + 0 * x  # lower at the back
    y = rim + (top - rim) * rise[:, None]
    dome = np.stack([x, y, z], axis=-1)  # (heights, around, 3)
    outwards = np.stack([x, y - edge, z - 0.45], axis=-1) @ head.rotation[0].T
    seen = outwards[..., 2] < 0.05  # turned to the camera
    cuff = 4  # heights of the folded band
    crown, band = (
        _cover(picture, cv2.convexHull(_pixels(head, part).astype(np.float32))[:, 0])
        for part in (dome[seen], dome[: cuff + 1][seen[: cuff + 1]])
    )
    hat = _paint(_paint(picture, crown, tone), band * crown, 0.8 * tone)
    seams = _canvas(picture)
    for k in np.flatnonzero(seen[0]):
        _stroke(seams, _pixels(head, dome[: cuff + 1, k]), 0.03 * float(head.scale[0]))
        if k % 2:
            _stroke(seams, _pixels(head, dome[cuff:, k]), 0.015 * float(head.scale[0]))
    hat = _paint(hat, 0.3 * _shrink(seams) * crown, 0.35 * tone)
    columns = np.flatnonzero(crown.max(0) > 0.5)
    side = np.interp(np.arange(picture.shape[1]), (columns[0], columns[-1]), (-1, 1))
    light = 1 + 0.1 * np.exp(-((side + 0.25) ** 2) * 6) - 0.4 * np.abs(side) ** 3
    return _paint(hat, crown, hat * light[:, None])


def _head_size(picture: Image, head: Head) -> tuple[float, float]:
    """Return half the width of head and hair at the hat's edge, and the height of its top."""
    mask, scale, centre = _person(picture, head), float(head.scale[0]), head.centre[0]
    column, row = np.round(_pixels(head, head.face[0, FOREHEAD, None])[0]).astype(int)
    row, column = np.clip((row, column), 0, np.array(mask.shape) - 1)
    seen = np.ptp(np.flatnonzero(mask[row])) / 2 / scale if mask[row].any() else 0.0
    tall = np.flatnonzero(mask[:, column])
    highest = (tall.min() - centre[1]) / scale if len(tall) else -1.6
    wide = seen + 0.03 if abs(float(head.yaw[0])) < 0.4 else 0.0
    return float(np.clip(wide, 1.0, 1.2)), float(np.clip(highest - 0.1, -2.1, -1.55))


def add_smile(picture: Image, amount: float = 1.0) -> Image:
    """Pull the corners of the mouth out and up; cheeks and lower lids follow."""
    head = head_in(picture, "picture")
    unit, axes = float(head.scale[0]), head.rotation[0][:2, :2].T  # the head's x and y
    grid = np.moveaxis(np.indices(picture.shape[:2])[::-1], 0, -1).astype(np.float32)
    shift = np.zeros_like(grid)
    for index, (outwards, down, reach) in PULLS.items():
        here = _pixels(head, head.face[0, index, None])[0]
        pull = np.array([outwards * np.sign(head.face[0, index, 0]), down]) @ axes * unit * amount
        distance = ((grid - here) ** 2).sum(-1) / (reach * unit) ** 2
        shift += (np.exp(-distance / 2)[..., None] * pull).astype(np.float32)
    where = grid - shift
    for _ in range(3):  # a pixel comes from where x + shift(x) leads to it
        where = grid - cv2.remap(shift, where, None, cv2.INTER_LINEAR)
    return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def replace_background(picture: Image, colour: str) -> Image:
    """Put a colour behind the person."""
    mask = _person(picture, head_in(picture, "picture"))
    return _paint(picture, 1 - _soft(picture, mask), parse_colour(colour))


def recolour_hair(picture: Image, colour: str) -> Image:
    """Give the hair another colour and keep its light and shade; EditError without hair."""
    head, tone = head_in(picture, "picture"), parse_colour(colour)
    hair = _hair(picture, head)
    if hair.sum() < 0.1 * head.scale[0] ** 2:
        raise EditError("no hair in the picture", "a person whose hair can be seen")
    lab = _lab(picture)
    goal = _lab(tone[None, None])[0, 0]
    typical = np.median(lab[hair], axis=0)
    contrast = np.clip((goal[0] + 15) / (typical[0] + 15), 0.6, 1.6)
    new = goal + 0.35 * (lab - typical)
    light = np.clip((lab[..., 0] - typical[0]) * contrast, -45, 30)
    new[..., 0] = np.clip(0.6 * goal[0] + 0.4 * typical[0] + light, 0, 100)
    painted = 255 * np.clip(cv2.cvtColor(new, cv2.COLOR_LAB2RGB), 0, 1)
    return _paint(picture, _soft(picture, hair), painted)


def _hair(picture: Image, head: Head) -> Mask:
    """Return what of the head is neither of the skin's colour nor within the face."""
    unit, (x, y) = float(head.scale[0]), head.centre[0, :2]
    rows, columns = np.indices(picture.shape[:2])
    face = _face(picture, head)
    inner = cv2.erode(face.astype(np.uint8), _disc(0.2 * unit)) > 0
    lab = _lab(picture)
    centre, spread = lab[inner].mean(0), np.cov(lab[inner].T) + np.diag([30.0, 8.0, 8.0])
    away = np.einsum("hwi,ij,hwj->hw", lab - centre, np.linalg.inv(spread), lab - centre)
    near = ((columns - x) / 1.5) ** 2 + ((rows - y + 0.2 * unit) / 1.7) ** 2 < unit**2
    hair = _person(picture, head) & near & ~face & (away > 6) & (rows < y + 0.9 * unit)
    hair = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_OPEN, _disc(0.05 * unit))
    return hair > 0


def _person(picture: Image, head: Head) -> Mask:
    """Separate the person: MediaPipe's segmentation, made exact by GrabCut."""
    from synclora_lite.landmarks import tasks

    unit = float(head.scale[0])
    likely = tasks.person(picture)
    guess = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[cv2.dilate((likely > 0.3).astype(np.uint8), _disc(0.25 * unit)) == 0] = cv2.GC_BGD
    guess[cv2.erode((likely > 0.8).astype(np.uint8), _disc(0.25 * unit)) > 0] = cv2.GC_FGD
    guess[_face(picture, head)] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, guess, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    mask = ((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    return labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def _brightness(picture: Image, head: Head) -> float:
    """Return how light it is where the person is, 0.3 to 1, by the brightest of the face."""
    brightest = np.quantile(picture[_face(picture, head)].max(-1), 0.9)
    return float(np.clip(brightest / 180, 0.3, 1.0))


def _face(picture: Image, head: Head) -> Mask:
    return _cover(picture, _pixels(head, head.face[0, list(OVAL)])) > 0.5


def _lab(picture: np.ndarray) -> Float[np.ndarray, "height width 3"]:
    return cv2.cvtColor((picture / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def _pixels(head: Head, places: Places) -> Flat:
    """Return where places on the head appear in the picture."""
    return (places @ head.rotation[0].T * head.scale[0] + head.centre[0])[:, :2]


def _cover(picture: Image, outline: Flat) -> Cover:
    canvas = _canvas(picture)
    cv2.fillPoly(canvas, [_fine(outline)], 255, cv2.LINE_AA)
    return _shrink(canvas)


def _canvas(picture: Image) -> UInt8[np.ndarray, "fine_height fine_width"]:
    return np.zeros((picture.shape[0] * FINE, picture.shape[1] * FINE), np.uint8)


def _stroke(canvas: np.ndarray, points: Flat, width: float) -> None:
    cv2.polylines(canvas, [_fine(points)], False, 255, max(1, round(width * FINE)), cv2.LINE_AA)


def _fine(points: Flat) -> np.ndarray:
    return np.round((points + 0.5) * FINE).astype(np.int32)


def _shrink(canvas: np.ndarray) -> Cover:
    size = (canvas.shape[1] // FINE, canvas.shape[0] // FINE)
    return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _soft(picture: Image, mask: Mask) -> Cover:
    blur = 0.5 * max(1.0, min(picture.shape[:2]) / 256)
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), blur)


def _disc(radius: float) -> UInt8[np.ndarray, "side side"]:
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _paint(picture: Image, cover: Cover, colour: np.ndarray) -> Image:
    mixed = picture + cover[..., None] * (colour - picture)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
