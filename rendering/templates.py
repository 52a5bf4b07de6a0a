"""A vehicle model, and one template per kind of vehicle that turns a few dimensions into one."""

from dataclasses import dataclass, replace

from rendering.loft import End, Shape


@dataclass(frozen=True)
class Load:
    """What stands behind a cab: kind "box", "flat" or "tipper", from station s0 to s1, between
    heights z0 and z1 (metres)."""

    kind: str
    s0: float
    s1: float
    z0: float
    z1: float
    width: float


@dataclass(frozen=True)
class Model:
    """One model of the catalogue. Lengths in metres; stations count from the front backwards.

    screen, back: (z low, z high, pillar) of the windscreen and the rear window; windows: side
    windows as intervals of stations at the belt line, black pillars between them; rail: height
    of the roof rail above them; lean: how far the first and the last window edge lean backwards
    and forwards per metre of height; head ... rim: names of `styles`, `*_z` their anchors.
    """

    name: str
    type: str
    shape: Shape
    length: float
    width: float
    height: float
    axles: tuple[float, ...]
    radius: float
    screen: tuple[float, float, float]
    back: tuple[float, float, float] | None
    windows: tuple[tuple[float, float], ...]
    window_top: float
    rail: float
    lean: tuple[float, float]
    doors: tuple[float, ...]
    head: str
    grille: str
    lower: str
    tail: str
    bumper: str
    rim: str
    head_z: float
    grille_z: float
    lower_z: float
    tail_z: float
    bumper_z: float
    plate_z: tuple[float, float]
    paint: str = "white"
    cladding: bool = False
    rails: bool = False
    spoiler: bool = False
    bright: bool = False
    black_roof: bool = False
    privacy: bool = False
    bed: tuple[float, float] | None = None
    load: Load | None = None
    mirrors: str = "paint"
    skirt: tuple[float, str] | None = None  # lower part of the body: up to a height, material
    gates: tuple[float, ...] = ()  # a bus's doors on the right side, by their middles
    unit: tuple[float, float] | None = None  # air conditioning on the roof: station, length


def _front(h0, h1, cowl, header, top, arch=0.03):
    """Bonnet and windscreen of a side profile."""
    mid = ((cowl + header) / 2, (h1 + top) / 2 + arch)
    bonnet = (
        []
        if cowl < 0.5
        else [(0.28 * cowl, h0 + 0.5 * (h1 - h0)), (0.72 * cowl, h1 - 0.035), (cowl, h1 + 0.005)]
    )
    return [(0.0, h0), *bonnet, mid, (header, top)]


def car(
    name,
    type,
    *,
    length,
    width,
    height,
    wheelbase,
    overhang=0.9,
    radius=0.33,
    bottom=0.19,
    hood=(0.72, 0.95),
    cowl=1.2,
    header=2.0,
    roof=3.2,
    roof_drop=0.06,
    deck=None,
    deck_z=1.05,
    tail_end=0.12,
    tail_top=0.9,
    belt=(0.88, 0.97),
    rail=0.075,
    tumble=0.36,
    windows=None,
    quarter=True,
    lean=(0.25, 0.5),
    front=None,
    lamp=0.67,
    tail_lamp=0.88,
    head="swept",
    grille="bars",
    lower="wide",
    tail="corner",
    bumper="valance",
    rim="five",
    **more,
) -> Model:
    """A passenger car. deck is the station where the boot lid starts (None: a hatch)."""
    top = height - 0.04
    profile = _front(*hood, cowl, header, top)
    roof_z = height - roof_drop
    profile += [
        (header + 0.28 * (roof - header), height - 0.005),
        (header + 0.65 * (roof - header), height - 0.3 * roof_drop),
        (roof, roof_z),
    ]
    if deck:
        profile += [
            ((roof + deck) / 2, (roof_z + deck_z) / 2 + 0.035),
            (deck, deck_z + 0.01),
            (length - 0.1, deck_z - 0.01),
            (length, deck_z - 0.06),
        ]
        sill = deck_z + 0.035
    else:
        sill = belt[1] + 0.05
        foot = length - tail_end
        profile += [
            ((roof + foot) / 2 + 0.04, (roof_z + sill) / 2 + 0.03),
            (foot, sill),
            (length - 0.02, tail_top),
            (length, tail_top - 0.08),
        ]
    back_axle = overhang + wheelbase
    if windows is None:
        a, b = cowl + 0.30, cowl + 0.30 + 0.42 * wheelbase
        c = b + 0.40 * wheelbase - 0.1
        windows = [(a, b - 0.05), (b + 0.05, c)]
        if quarter:
            windows.append((c + 0.06, (deck or length) - (0.42 if deck else 0.45)))
    seam_z = cowl + 0.20
    doors = (seam_z, windows[0][1] + 0.05, *([windows[1][1] - 0.12] if len(windows) > 1 else []))
    shape = Shape(
        length,
        width,
        height,
        tuple(profile),
        belt,
        bottom,
        tumble,
        fillet=(0.09, 0.10),
        line=(lamp + 0.02, tail_lamp - 0.04, 0.02),
        front=front or End(bow=0.30, taper=0.10, corner=0.18, low=0.06, high=0.16),
        rear=End(bow=0.20, taper=0.08, corner=0.16, low=0.08, high=0.06),
    )
    return Model(
        name,
        type,
        shape,
        length,
        width,
        height,
        (overhang, back_axle),
        radius,
        (hood[1] + 0.03, top - 0.015, 0.07),
        (sill, roof_z - 0.055, 0.10),
        tuple(windows),
        height,
        rail,
        lean,
        doors,
        head,
        grille,
        lower,
        tail,
        bumper,
        rim,
        lamp,
        lamp,
        bottom + 0.16,
        tail_lamp,
        bottom + 0.22,
        (0.42 if height < 1.6 else 0.5, 0.78 if deck else 0.74),
        **more,
    )


def van(
    name,
    type,
    *,
    length,
    width,
    height,
    wheelbase,
    overhang=0.9,
    radius=0.34,
    hood=(1.0, 1.2),
    cowl=0.75,
    header=1.55,
    belt=(1.1, 1.12),
    windows=None,
    tumble=0.16,
    lamp=0.85,
    tail_lamp=1.0,
    rail=0.22,
    window_top=None,
    back=True,
    head="tall",
    grille="line",
    lower="wide",
    tail="vertical",
    rim="cover",
    **more,
) -> Model:
    """A van, minibus or people carrier with an upright tail."""
    top, bottom, drop = height - 0.07, 0.22, 0.03
    profile = _front(*hood, cowl, header, top, arch=0.045)
    profile += [
        (header + 0.7, height - 0.005),
        (0.5 * (header + length) + 0.3, height),
        (length - 0.35, height - drop),
        (length - 0.06, height - drop - 0.05),
        (length, height - drop - 0.16),
    ]
    a = cowl + 0.3
    windows = windows or ((a, a + 0.95), (a + 1.05, a + 2.2), (a + 2.3, length - 0.3))
    shape = Shape(
        length,
        width,
        height,
        tuple(profile),
        belt,
        bottom,
        tumble,
        crown=(0.06, 0.05),
        fillet=(0.1, 0.14),
        line=(belt[0] - 0.12, belt[1] - 0.1, 0.012),
        flare=0.015,
        front=End(bow=0.22, taper=0.07, corner=0.18, low=0.05, high=0.1),
        rear=End(bow=0.06, taper=0.03, corner=0.12, low=0.04, high=0.05, bulge=0.6),
    )
    return Model(
        name,
        type,
        shape,
        length,
        width,
        height,
        (overhang, overhang + wheelbase),
        radius,
        (hood[1] + 0.03, top - 0.03, 0.08),
        (belt[1] + 0.02, height - drop - 0.24, 0.16) if back else None,
        tuple(windows),
        window_top or height,
        rail,
        (0.3, 0.05),
        (a - 0.12, windows[0][1] + 0.05, windows[0][1] + 1.2),
        head,
        grille,
        lower,
        tail,
        "plain",
        rim,
        lamp,
        lamp,
        bottom + 0.16,
        tail_lamp,
        bottom + 0.2,
        (0.5, 0.75),
        **more,
    )


def pickup(name, *, bed_z=1.06, cab_end=3.15, tail="square", bumper="step", **more) -> Model:
    """A pickup: a car whose deck is an open bed."""
    length = more["length"]
    model = car(
        name,
        "pickup",
        deck=cab_end + 0.22,
        deck_z=bed_z,
        roof=cab_end - 0.12,
        tail=tail,
        bumper=bumper,
        quarter=False,
        **more,
    )
    rear = End(bow=0.03, taper=0.02, corner=0.07, low=0.04, high=0.0)
    profile = [p for p in model.shape.profile if p[0] <= cab_end]
    profile += [(cab_end + 0.06, bed_z + 0.12), (cab_end + 0.14, bed_z), (length, bed_z - 0.01)]
    shape = replace(
        model.shape,
        profile=tuple(profile),
        rear=rear,
        belt=(model.shape.belt[0], bed_z - 0.03),
        crown=(0.03, 0.04),
    )
    return replace(
        model,
        shape=shape,
        bed=(cab_end + 0.22, length - 0.08),
        back=(bed_z + 0.1, model.height - 0.14, 0.13),
        plate_z=(0.5, 0.55),
        bumper_z=model.shape.bottom + 0.3,
    )


def bus(
    name,
    *,
    length,
    width,
    height,
    axles,
    windows,
    belt=1.25,
    radius=0.48,
    head="upright",
    grille="none",
    tail="column",
    lamp=0.85,
    front=None,
    gates=(1.0,),
    rim="steel",
    **more,
) -> Model:
    """A bus: windows is the number of side windows; gates the doors' middles, right side."""
    h = height
    profile = (
        (0.0, h - 0.25),
        (0.10, h - 0.09),
        (0.4, h - 0.015),
        (1.0, h),
        (length / 2, h),
        (length - 0.5, h - 0.01),
        (length - 0.12, h - 0.06),
        (length, h - 0.2),
    )
    start, stop = 1.9 if length > 8 else 1.3, length - 0.35
    step = (stop - start) / windows
    panes = ((0.35, start - 0.1),) + tuple(
        (start + i * step, start + (i + 1) * step - 0.09) for i in range(windows)
    )
    shape = Shape(
        length,
        width,
        h,
        profile,
        (belt, belt),
        0.3,
        0.045,
        crown=(0.06, 0.06),
        fillet=(0.14, 0.14),
        line=(0.7, 0.7, 0.006),
        flare=0.0,
        front=front or End(bow=0.22, taper=0.02, corner=0.16, low=0.05, high=0.06, bulge=0.9),
        rear=End(bow=0.08, taper=0.015, corner=0.12, low=0.04, high=0.02, bulge=0.9),
    )
    return Model(
        name,
        "bus",
        shape,
        length,
        width,
        h,
        axles,
        radius,
        (belt - 0.12, h - 0.5, 0.9 * shape.front.corner),
        (belt + 0.35, h - 0.45, 0.2),
        panes,
        h - 0.42,
        0.3,
        (0.0, 0.0),
        (),
        head,
        grille,
        "wide",
        tail,
        "plain",
        rim,
        lamp,
        lamp,
        0.48,
        1.15,
        0.52,
        (0.45, 0.62),
        gates=gates,
        mirrors="trim",
        **more,
    )


def truck(
    name,
    *,
    length,
    width,
    height,
    cab,
    cab_height,
    axles,
    load,
    radius=0.42,
    head="upright",
    grille="slots",
    belt=1.3,
    lamp=0.75,
    grille_z=1.0,
    high=0.1,
    **more,
) -> Model:
    """A lorry: a cab of length `cab` in front of a load."""
    h = cab_height
    profile = (
        (0.0, h - 0.34),
        (0.09, h - 0.16),
        (0.3, h - 0.03),
        (0.7, h),
        (cab - 0.1, h - 0.02),
        (cab, h - 0.08),
    )
    shape = Shape(
        cab,
        width,
        h,
        profile,
        (belt, belt),
        0.38,
        0.10,
        crown=(0.05, 0.06),
        fillet=(0.1, 0.13),
        line=(belt - 0.2, belt - 0.2, 0.01),
        flare=0.02,
        front=End(bow=0.16, taper=0.03, corner=0.15, low=0.03, high=high, bulge=0.8),
        rear=End(bow=0.0, taper=0.0, corner=0.08, low=0.0, high=0.0),
    )
    return Model(
        name,
        "truck",
        shape,
        length,
        width,
        height,
        axles,
        radius,
        (belt - 0.02, h - 0.36, 0.12),
        None,
        ((0.32, cab - 0.3),),
        h,
        0.22,
        (0.12, 0.0),
        (0.32 - 0.14, cab - 0.14),
        head,
        grille,
        "bull",
        "none",
        "black",
        "steel",
        lamp,
        grille_z,
        0.55,
        0.7,
        0.6,
        (0.5, 0.6),
        load=load,
        mirrors="trim",
        **more,
    )
