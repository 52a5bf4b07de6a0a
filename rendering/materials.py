"""Mitsuba BSDF dictionaries for paint, glass, trim, lamps, tyres and cues."""

PAINTS = {  # linear RGB, metallic share; VeRi's ten colour names
    "yellow": ((0.72, 0.42, 0.02), 0.0),
    "orange": ((0.66, 0.17, 0.02), 0.1),
    "green": ((0.04, 0.17, 0.075), 0.25),
    "gray": ((0.20, 0.205, 0.215), 0.55),
    "red": ((0.40, 0.018, 0.022), 0.15),
    "blue": ((0.022, 0.065, 0.24), 0.3),
    "white": ((0.74, 0.74, 0.73), 0.0),
    "golden": ((0.44, 0.34, 0.20), 0.5),
    "brown": ((0.11, 0.058, 0.034), 0.35),
    "black": ((0.012, 0.012, 0.014), 0.15),
}


def two_sided(bsdf: dict) -> dict:
    return {"type": "twosided", "bsdf": bsdf}


def rgb(color) -> dict:
    return {"type": "rgb", "value": [float(c) for c in color]}


def matte(color) -> dict:
    return two_sided({"type": "diffuse", "reflectance": rgb(color)})


def gloss(color, roughness: float = 0.3, metallic: float = 0.0, coat: float = 0.0) -> dict:
    return two_sided(
        {
            "type": "principled",
            "base_color": rgb(color),
            "roughness": roughness,
            "metallic": metallic,
            "specular": 0.5,
            "clearcoat": coat,
            "clearcoat_gloss": 0.95,
        }
    )


def paint(name: str, shade: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> dict:
    """Paint with clear coat, in a shade of its colour (factors of red, green and blue)."""
    color, metallic = PAINTS[name]
    shaded = [min(0.8, c * s) for c, s in zip(color, shade, strict=True)]
    return gloss(shaded, roughness=0.35, metallic=metallic, coat=0.9)


def pane(opacity: float, sheen: float) -> dict:
    """Glass as a share of dark mirror over clear: far less grain at few samples than a
    dielectric, because the reflection of the sky is then sampled as a light."""
    mirror = gloss((0.9 * sheen, 0.96 * sheen, sheen), 0.12, metallic=0.35)
    return {"type": "mask", "opacity": opacity, "bsdf": mirror}


BOARDS = {"box": (0.66, 0.66, 0.64), "flat": (0.12, 0.12, 0.125)}  # of loads, whatever the paint
MATERIALS = {
    "glass": pane(0.26, 0.26),
    "privacy": pane(0.85, 0.06),
    "black": gloss((0.012, 0.012, 0.013), 0.18, coat=0.5),
    "trim": gloss((0.028, 0.028, 0.03), 0.6),
    "seam": matte((0.012, 0.012, 0.012)),
    "well": matte((0.008, 0.008, 0.008)),
    "chrome": gloss((0.62, 0.63, 0.65), 0.16, metallic=1.0),
    "silver": gloss((0.42, 0.43, 0.44), 0.35, metallic=0.7),
    "lamp": gloss((0.74, 0.76, 0.78), 0.18, metallic=0.25, coat=1.0),
    "lens": gloss((0.10, 0.105, 0.11), 0.12, metallic=0.3, coat=1.0),
    "red": gloss((0.36, 0.012, 0.016), 0.15, coat=1.0),
    "darkred": gloss((0.11, 0.006, 0.008), 0.15, coat=1.0),
    "amber": gloss((0.62, 0.22, 0.02), 0.2, coat=0.8),
    "white": gloss((0.66, 0.66, 0.64), 0.2, coat=0.8),
    "interior": matte((0.035, 0.034, 0.033)),
    "seat": matte((0.06, 0.058, 0.055)),
    "tyre": gloss((0.018, 0.018, 0.018), 0.75),
    "rim": gloss((0.50, 0.51, 0.52), 0.28, metallic=0.75),
    "rimdark": gloss((0.16, 0.16, 0.17), 0.35, metallic=0.6),
    "cargo": gloss(BOARDS["box"], 0.45),
    "darkblue": gloss((0.015, 0.04, 0.14), 0.3, coat=0.6),
    "steel": gloss(BOARDS["flat"], 0.55, metallic=0.2),
}
