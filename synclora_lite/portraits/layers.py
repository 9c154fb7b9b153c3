"""The layers of a portrait, back to front. Each takes the scene and paints into it."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from synclora_lite.portraits.camera import occluders
from synclora_lite.portraits.scene import (
    Scene,
    box,
    circle,
    coverage,
    curve,
    ellipse,
    smooth_union,
    tint,
)


def head_outline(x: Tensor, y: Tensor, s: Scene, grow: float = 0.0) -> Tensor:
    """Distance to the head: an ellipse that tapers towards the chin."""
    taper = 1 - s.who["jaw"] * 0.9 * y.clamp(0, 1.2) ** 2
    return ellipse(x, y, (s.who["face_width"] + grow) * taper, 1.0 + grow)


def background(s: Scene) -> None:
    """A soft vertical gradient with one large disc behind the head."""
    w = s.who
    top, bottom = w["background_top"], w["background_bottom"]
    blend = ((s.v + 1) / 2).expand(s.image.shape[0], 1, *s.image.shape[2:])
    s.image.copy_(top + (bottom - top) * blend)
    disc = coverage(circle(s.u - 0.5 + w["backdrop"], s.v + 0.15, 0.78), 0.03)
    s.paint(0.35 * disc, top, 0.55)


def back_hair(s: Scene) -> None:
    """Hair that falls behind the neck, and the bun."""
    w = s.who
    x, y = s.solid(-0.25, 1.0)
    wave = 0.05 * w["hair_curl"] * torch.sin(11 * y) * torch.sin(9 * x)
    width = w["face_width"] + 0.10 + w["hair_volume"] * 0.7
    cap = ellipse(x, y + 0.22, width, 0.98)
    fall = box(x, y - 0.35 * w["hair_length"], width, 0.45 + 0.75 * w["hair_length"], 0.3)
    long = torch.where(w["hair_length"] > 0.05, smooth_union(cap, fall, 0.3), cap)
    bun = circle(x, y + 1.18, 0.26) + (1 - w["bun"]) * 9
    # the side that turns towards us is as light as the hair in front
    color = torch.lerp(tint(w["hair_color"], -0.22), w["hair_color"], s.near(x).unsqueeze(1))
    s.paint(s.inside(torch.minimum(long, bun) + wave) * w["hair"], color)


def body(s: Scene) -> None:
    """Neck, shoulders and clothes; they follow the head's shift by half and never turn."""
    w, m = s.who, s.motion
    x, y = s.u - 0.5 * m["x"] - 0.10 * m["yaw"], s.v - 0.5 * m["y"] - 0.02 * m["pitch"]
    pixel = 2 / s.image.shape[-1]
    shoulders = box(x, y - 1.42, 0.92, 0.62, 0.42)
    torso = smooth_union(shoulders, box(x, y - 1.0, 0.33, 0.24, 0.15), 0.25)
    torso = coverage(torso, pixel)
    s.paint(torso, w["clothing_color"])
    band = (torch.remainder(y * 5.5, 1.0) - 0.5).abs() - 0.24
    s.paint(torso * coverage(band / 5.5, pixel) * w["stripes"], w["clothing_accent"])
    neckline = ellipse(x, y - 0.80, 0.29, 0.08 + 0.22 * w["neckline"] + 0.08)
    s.paint(coverage(neckline - 0.035, pixel) * torso, w["clothing_color"], 0.25)
    skin = coverage(torch.minimum(box(x, y - 0.55, 0.24, 0.30, 0.1), neckline), pixel)
    s.paint(skin, w["skin"], -0.10)
    shadow = ellipse(x - m["x"] * 0.5, y - 0.66 - m["y"] * 0.5, 0.36, 0.2)
    s.paint(0.30 * coverage(shadow, 0.08) * skin, w["skin"], -0.45)


def ears(s: Scene) -> None:
    """Ears and earrings on a plane that turns with the head."""
    w = s.who
    y = s.plane(0.0)[1]
    side, near = near_ear(s)
    hidden = _face(s) * (1 - s.inside(ellipse(side, y - 0.03, 0.11, 0.18) + near))
    hidden = torch.where(w["hair_length"] * w["hair"] > 0.05, (near < 0.2) * 1.0, hidden)
    seen = 1 - hidden
    s.paint(seen * s.inside(ellipse(side, y - 0.03, 0.11, 0.18)), w["skin"], -0.08)
    inner = coverage(ellipse(side - 0.015, y - 0.03, 0.05, 0.10), 0.05)
    s.paint(0.5 * seen * inner, w["skin"], -0.3)
    ring = s.inside(circle(side - 0.04, y - 0.27, 0.065))
    s.paint(seen * ring * w["earrings"], w["earring_color"])


def near_ear(s: Scene) -> tuple[Tensor, Tensor]:
    """Distance across from the ears of a solid head, and how much of them is still hidden.

    The near ear turns its full width to us, in front of cheek and hair; the far one is behind.
    """
    cos, sin = s.motion["yaw"].cos(), s.motion["yaw"].sin()
    across = s.plane(0.0)[0] * cos + 0.10 * sin
    side = (across.abs() - s.who["face_width"] * 0.97 * cos) / (cos + 0.7 * sin.abs())
    return side, 0.2 * (1 + across.sign() * sin * 3.5 + 0.3).clamp(0, 1)


def _face(s: Scene) -> Tensor:
    """Coverage of the head: the face and, of a turned head, its side and a bald crown."""
    face = s.inside(head_outline(s.x, s.y, s))
    x, y = s.solid(-0.02, 0.5)
    side = s.inside(torch.maximum(head_outline(x, y * 1.03, s, grow=-0.01), -0.05 - y))
    x, y = s.solid(-0.25, 1.05)
    crown = s.inside(ellipse(x, y + 0.22, s.who["face_width"] * 0.96, 0.76))
    return torch.maximum(face, torch.maximum(side, crown * (1 - s.who["hair"])))


def skin(s: Scene) -> None:
    """The head itself, shaded by a lamp that stays in the room while the head turns."""
    w, m, x, y = s.who, s.motion, s.x, s.y
    face = _face(s)
    s.paint(face, w["skin"])
    lit = (x + m["yaw"]) * w["light"] * 0.8 - (y + m["pitch"]) * 0.35
    s.paint(face * (lit * 0.28).clamp(0, 0.25), w["skin"], 0.55)
    s.paint(face * (-lit * 0.30).clamp(0, 0.35), w["skin"], -0.5)
    cheek = (x.abs() - 0.40) ** 2 * 22 + (y - 0.30) ** 2 * 30
    rosy = w["skin"] * s.color(1.02, 0.72, 0.68)
    s.paint(face * torch.exp(-cheek) * w["blush"] * 0.8, rosy)


def beard(s: Scene) -> None:
    """Jaw beard and moustache in the hair's colour, with the mouth left free."""
    w, x, y, opened = s.who, s.x, s.y, s.motion["mouth_open"]
    jaw_line = curve(x, y, 0.38 - 0.5 * x * x, -x)
    lips = ellipse(x, y - 0.53 - 0.05 * opened, w["mouth_size"] * 0.95, 0.10 + 0.09 * opened)
    cover = coverage(torch.maximum(-jaw_line, -lips), 0.05) * _face(s)
    s.paint(cover * w["beard"], w["hair_color"] * 0.9)


def nose(s: Scene) -> None:
    """A soft bridge, the tip's highlight, and two nostrils."""
    w = s.who
    tip = w["nose_length"] - 0.08
    # what stands out from a turned face: a wedge, with an x of its own
    along = ((s.y + 0.18) / (tip + 0.18)).clamp(0, 1)
    own, _ = s.plane(0.60 + 0.17 * along)
    turned = (s.motion["yaw"].sin().abs() * 4 - 0.9).clamp(0, 1)
    half = 0.05 + (w["nose_width"] - 0.05) * along**1.5
    wedge = torch.maximum(own.abs() - half, torch.maximum(-0.18 - s.y, s.y - tip - 0.06))
    s.paint(turned * coverage(wedge, 0.03) * along, w["skin"])
    far = (own * s.motion["yaw"].sign()).clamp_min(0) / half
    shadow = torch.exp(-((far - 1) ** 2) * 12) * coverage(wedge - 0.03, 0.04)
    s.paint(0.45 * turned * along * shadow, w["skin"], -0.45)
    x, y = torch.lerp(s.x, own, turned), s.y
    side = -torch.sign(w["light"] + 1e-6)
    bridge = (x - side * 0.055) ** 2 * 420 + ((y - tip * 0.35) / tip) ** 2 * 3.2
    s.paint(0.30 * torch.exp(-bridge), w["skin"], -0.45)
    under = ellipse(x, y - tip - 0.015, w["nose_width"], 0.055)
    s.paint(0.42 * coverage(under, 0.05), w["skin"], -0.42)
    ball = (x * x * 150) + (y - tip + 0.05) ** 2 * 150
    s.paint(0.55 * torch.exp(-ball), w["skin"], 0.45)
    nostril = ellipse(x.abs() - w["nose_width"] * 0.52, y - tip - 0.03, 0.034, 0.020)
    s.paint(0.75 * coverage(nostril, s.pixel * 1.2), w["skin"], -0.72)


def mouth(s: Scene) -> None:
    """Lips as curves through the corners; teeth and tongue appear as the jaw opens."""
    w, m = s.who, s.motion
    smile = (w["smile"] + m["smile"]).clamp(-0.2, 1.0)
    half = w["mouth_size"] * (1 + 0.22 * m["mouth_width"] + 0.22 * smile - 0.12 * m["mouth_open"])
    opening = 0.24 * m["mouth_open"] * (1 - 0.25 * smile)
    t = s.x / half
    bow = (1 - t * t).clamp_min(-0.6)
    y = s.y - 0.53 - 0.11 * smile * bow + 0.05 * smile
    full = w["lip_fullness"]
    cupid = 1 - 0.28 * torch.exp(-t * t * 28)
    upper_out = -(full * 0.85 * cupid) * bow
    upper_in = -(0.25 * opening) * bow
    lower_in = (0.75 * opening) * bow
    lower_out = lower_in + full * 1.15 * bow
    lips = s.strip(upper_out - y, y - lower_out)
    s.paint(lips, w["lip_color"])
    shine = ellipse(s.x, y - (lower_in + lower_out) / 2, half * 0.5, 0.022)
    s.paint(0.35 * lips * coverage(shine, 0.03), w["lip_color"], 0.6)
    inside = s.strip(upper_in - y, y - lower_in)
    s.paint(inside, s.color(0.24, 0.07, 0.08))
    teeth = s.strip(upper_in - y, y - upper_in - 0.38 * opening * bow)
    s.paint(inside * teeth, s.color(0.95, 0.95, 0.95))
    tongue = ellipse(s.x, y - lower_in, half * 0.55, 0.07)
    s.paint(0.85 * inside * coverage(tongue, 0.04), s.color(0.78, 0.36, 0.36))
    seam = s.stroke(y - (upper_in + lower_in) / 2, 0.028)
    seam = seam * s.inside(s.x.abs() - half * 1.02)
    s.paint(0.8 * seam * (1 - 6 * m["mouth_open"]).clamp(0, 1), w["lip_color"], -0.6)


def eyes(s: Scene) -> None:
    """Both eyes at once on mirrored coordinates: white, iris, pupil, glint, lids and lashes."""
    w, m = s.who, s.motion
    right = s.x > 0  # the image's right is the portrait's left eye
    blink = torch.where(right, m["blink_left"], m["blink_right"]).clamp(0, 1)
    mirror = torch.where(right, 1.0, -1.0)
    half = w["eye_size"]
    x = s.x.abs() - w["eye_spacing"]
    y = s.y + 0.12 + x * w["eye_tilt"]
    bow = (1 - (x / half) ** 2).clamp_min(-0.5)
    squint = (1 - 0.12 * (w["smile"] + m["smile"])).clamp(0.7, 1)
    low = 0.42 * half * bow * squint
    wide = (0.62 + 0.05 * m["brow"] - 0.20 * m["gaze_y"]) * half * squint
    lid = -wide * (1 - blink) * bow + 0.9 * low * blink
    s.paint(0.22 * coverage(ellipse(x, y + 0.01, half * 1.25, half * 0.95), 0.12), w["skin"], -0.5)
    shadow = s.strip(-(wide + 0.075) * bow - y, y - lid) * s.inside(x.abs() - half)
    s.paint(0.30 * shadow, w["skin"], -0.35)
    s.paint(shadow * w["makeup"], w["makeup_color"])
    opening = s.strip(lid - y, y - low)
    s.paint(opening, s.color(0.97, 0.97, 0.97))
    gaze_x = x - mirror * m["gaze_x"] * half * 0.38
    gaze_y = y - m["gaze_y"] * half * 0.30 + 0.1 * half
    discs = ((0.47, tint(w["iris"], -0.25)), (0.38, w["iris"]), (0.20, s.color(0.05, 0.05, 0.05)))
    for radius, color in discs:
        s.paint(opening * s.inside(circle(gaze_x, gaze_y, half * radius)), color)
    glint = circle(gaze_x - mirror * 0.035, gaze_y + 0.04, half * 0.11)
    s.paint(opening * s.inside(glint), s.color(1.0, 1.0, 1.0))
    lash = s.stroke(y - lid, 0.042) * s.inside(x.abs() - half * 1.04)
    s.paint(0.9 * lash, w["hair_color"] * 0.25)


def brows(s: Scene) -> None:
    """Two tapered arcs that rise and fall."""
    w, half = s.who, 0.235
    x = s.x.abs() - w["eye_spacing"] - 0.01
    t = (x / half).clamp(-1.4, 1.4)
    arc = -0.45 - 0.06 * s.motion["brow"] - 0.055 * (1 - t * t) - x * w["brow_tilt"]
    taper = (1 - 0.35 * t).clamp_min(0.2)
    cover = s.stroke(s.y - arc, w["brow_thickness"] * 1.5 * taper)
    cover = cover * coverage(x.abs() - half, s.pixel * 1.5)
    s.paint(0.95 * cover, w["hair_color"] * 0.72)


def front_hair(s: Scene) -> None:
    """The cap of hair in front: everything of the grown head above the hairline."""
    w, x, y, grow = s.who, s.x, s.y, s.who["hair_volume"]
    wave = 0.035 * w["hair_curl"] * torch.sin(17 * x + 3) * torch.sin(13 * y)
    width = w["face_width"] + 0.05 + 0.35 * grow
    cap = ellipse(x, y + 0.06 + 0.35 * grow, width, 0.98 + 0.75 * grow)
    across = x - w["parting"] * 0.45
    line = w["hairline"] - 0.14 * torch.exp(-across * across * 14) + 0.95 * x.abs() ** 3
    sideburn = 0.02 + 0.25 * w["hair_length"]
    temple = (y - sideburn).clamp_min(0) - (x.abs() - 0.92 * w["face_width"])
    above = torch.minimum((y - line) * 0.75, temple)
    hair = torch.maximum(cap + wave, torch.maximum(above + wave, y - sideburn - 0.2))
    cover = s.inside(hair) * w["hair"]
    side, hidden = near_ear(s)  # short hair leaves the near ear free
    ear = s.inside(ellipse(side, s.plane(0.0)[1] - 0.03, 0.12, 0.19) + hidden)
    cover = cover * (1 - ear * (w["hair_length"] <= 0.05))
    s.paint(cover, w["hair_color"])
    sheen = torch.exp(-((y + 0.86 - 0.3 * x * w["light"]) ** 2) * 70 - x * x * 2.5)
    s.paint(0.30 * cover * sheen, w["hair_color"], 0.5)
    strands = torch.sin(across * 34 + 5 * y * torch.sign(across))
    s.paint(0.10 * cover * (strands > 0.3), w["hair_color"], -0.5)


def glasses(s: Scene) -> None:
    """Frames from round to square, a bridge, temples, and a faint reflection."""
    w, across = s.who, s.x.abs()
    corner = 0.07 + 0.18 * w["glasses_roundness"]
    rim = box(across - w["eye_spacing"] - 0.005, s.y + 0.10, 0.275, 0.245, corner)
    bridge = s.strip(-s.y - 0.19, s.y + 0.13) * s.inside(across - 0.075)
    ear = w["face_width"] * 1.02 + 0.16 * s.near(s.x)  # towards us the temple goes on to the ear
    temple = s.strip(-s.y - 0.21, s.y + 0.15) * s.inside(0.60 - across)
    temple = temple * s.inside(across - ear)
    frame = torch.maximum(torch.maximum(s.stroke(rim, 0.052), bridge), temple)
    s.paint(0.10 * s.inside(rim) * w["glasses"], s.color(1.0, 1.0, 1.0))
    s.paint(frame * w["glasses"], w["glasses_color"])


def lamp(s: Scene, share: float = 1.0) -> None:
    """The colour of the light, and how it falls off across the picture."""
    v = s.view
    light = v["tint"] + (v["across"] * s.u + v["down"] * s.v).unsqueeze(1)
    s.image.mul_(torch.exp(share * light))


def hat(s: Scene) -> None:
    """A beanie with a ribbed band, or a hat with a brim."""
    w = s.who
    x, y = s.solid(-0.16, 1.06)  # as wide from every side; its front is where the face looks
    crown = ellipse(x, y + 0.42, w["face_width"] + 0.15, 0.86)
    x = x - 0.5 * s.motion["yaw"].sin()
    y = s.plane(0.45 * (1 - x * x).clamp_min(-0.2))[1]
    edge = -0.50 + 0.16 * x * x
    dome = s.inside(torch.maximum(crown, y - edge)) * w["hat"]
    s.paint(dome, w["hat_color"])
    s.paint(0.25 * dome * (x * w["light"] * 1.2).clamp(-1, 1).abs(), w["hat_color"], -0.4)
    band = s.strip(edge - 0.24 - y, y - edge) * s.inside(crown)
    ribs = 0.12 * (torch.sin(x * 42) > 0)
    s.paint(band * w["hat"], w["hat_color"], -0.28)
    s.paint(band * ribs * w["hat"] * (1 - w["hat_brim"]), w["hat_color"], -0.55)
    x = x + 0.4 * s.motion["yaw"].sin()
    brim = ellipse(x, y - edge, 1.18, 0.13)
    s.paint(s.inside(brim) * w["hat"] * w["hat_brim"], w["hat_color"], -0.15)


# light falls softer on the background: `lamp` gives it too much
BEHIND = (background, partial(lamp, share=-0.6), back_hair, body, skin, ears)
FACE = (beard, nose, mouth, eyes, brows, front_hair, glasses, hat)
ORDER: tuple[Callable[[Scene], None], ...] = (*BEHIND, *FACE, occluders, lamp)
