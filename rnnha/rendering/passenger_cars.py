"""The models of Rendered-VehicleID: passenger cars, mostly, told apart by front and rear."""

from rnnha.rendering.loft import End
from rnnha.rendering.templates import Model, car, van

SHARP = End(bow=0.38, taper=0.12, corner=0.2, low=0.07, high=0.14, bulge=0.45)
BLUNT = End(bow=0.18, taper=0.06, corner=0.14, low=0.04, high=0.07, bulge=0.55)


def _sedan(name, length, width, height, **more) -> Model:
    shape = {"wheelbase": 0.578 * length, "cowl": 0.26 * length, "header": 0.435 * length,
             "roof": 0.66 * length, "deck": 0.87 * length, "deck_z": 0.72 * height}
    return car(name, "sedan", length=length, width=width, height=height, **{**shape, **more})


def _hatch(name, length, width, height, **more) -> Model:
    shape = {"wheelbase": 0.615 * length, "overhang": 0.2 * length, "cowl": 0.25 * length,
             "header": 0.44 * length, "roof": 0.82 * length, "tail_end": 0.2, "quarter": False,
             "tail_lamp": 0.92, "radius": 0.31, "bumper": "plain", "hood": (0.74, 0.98)}
    return car(name, "hatchback", length=length, width=width, height=height, **{**shape, **more})


def _suv(name, length, width, height, **more) -> Model:
    shape = {"wheelbase": 0.585 * length, "cowl": 0.25 * length, "header": 0.40 * length,
             "roof": 0.83 * length, "roof_drop": 0.08, "radius": 0.37, "bottom": 0.25,
             "hood": (0.53 * height, 0.64 * height), "belt": (0.60 * height, 0.65 * height),
             "lamp": 0.49 * height, "tail_lamp": 0.61 * height, "bumper": "cladding",
             "tail_end": 0.18, "lower": "skid", "rim": "dark five"}
    return car(name, "suv", length=length, width=width, height=height, **{**shape, **more})


VEHICLEID_MODELS: tuple[Model, ...] = (
    _sedan("avocet", 4.60, 1.78, 1.45, head="swept", grille="frame", lower="fogs", tail="hook",
           paint="white", rim="seven"),
    _sedan("bittern", 4.93, 1.86, 1.47, head="twin", grille="kidney", lower="vents", tail="thin",
           paint="black", rim="ten", bright=True, front=SHARP),
    _sedan("curlew", 4.35, 1.70, 1.49, head="boxy", grille="line", lower="wide", tail="square",
           paint="golden", rim="cover", front=BLUNT, lamp=0.70, hood=(0.78, 0.99)),
    _sedan("dunlin", 4.72, 1.83, 1.44, head="angular", grille="mouth", lower="lip",
           tail="boomerang", paint="blue", rim="dark five", front=SHARP),
    _sedan("egret", 5.05, 1.90, 1.50, head="ell", grille="shield", lower="wide", tail="bar",
           paint="black", rim="mesh", bright=True, lamp=0.72, hood=(0.80, 1.0)),
    _sedan("finch", 4.55, 1.75, 1.48, head="teardrop", grille="bars", lower="fogs",
           tail="corner", paint="gray", rim="five"),
    _sedan("grebe", 4.68, 1.81, 1.46, head="slim", grille="wing", lower="vents", tail="wedge",
           paint="red", rim="turbine", deck_z=1.08),
    _sedan("heron", 4.50, 1.73, 1.46, head="round", grille="hexagon", lower="wide", tail="round",
           paint="brown", rim="star", front=BLUNT),
    _sedan("ibis", 4.80, 1.85, 1.43, head="slim", grille="closed", lower="lip", tail="bar",
           paint="white", rim="turbine", roof_drop=0.09, black_roof=True),
    _sedan("jackdaw", 4.62, 1.79, 1.47, head="tall", grille="slots", lower="fogs",
           tail="vertical", paint="blue", rim="five", tail_lamp=0.84),
    _hatch("kestrel", 3.65, 1.63, 1.52, head="round", grille="closed", lower="wide", tail="round",
           paint="red", rim="cover", lamp=0.72),
    _hatch("linnet", 4.05, 1.72, 1.48, head="tall", grille="wing", lower="vents", tail="pillar",
           paint="white", rim="seven", spoiler=True),
    _hatch("merlin", 4.30, 1.80, 1.45, head="slim", grille="line", lower="lip", tail="wedge",
           paint="gray", rim="ten", spoiler=True, quarter=True),
    _hatch("nuthatch", 3.85, 1.68, 1.55, head="teardrop", grille="mouth", lower="fogs",
           tail="vertical", paint="yellow", rim="star"),
    _hatch("oriole", 4.18, 1.76, 1.47, head="angular", grille="hexagon", lower="vents",
           tail="hook", paint="orange", rim="dark five", black_roof=True),
    _suv("plover", 4.40, 1.80, 1.64, head="split", grille="line", tail="thin", paint="white",
         cladding=True, rails=True),
    _suv("quail", 4.65, 1.88, 1.70, head="swept", grille="hexagon", tail="corner", paint="gray",
         rails=True, bright=True, rim="seven", lower="wide"),
    _suv("redstart", 4.90, 1.93, 1.78, head="boxy", grille="slots", tail="vertical", paint="black",
         front=BLUNT, lower="bull", rim="six", tail_end=0.07, roof=4.4, header=1.85, tumble=0.25),
    _suv("siskin", 4.20, 1.78, 1.60, head="round", grille="frame", tail="round", paint="green",
         cladding=True, lower="fogs", black_roof=True, rim="star"),
    _suv("tern", 4.75, 1.90, 1.68, head="ell", grille="shield", tail="bar", paint="brown",
         rails=True, rim="turbine", roof=3.8, tail_end=0.3, bright=True),
    _suv("umbrette", 4.52, 1.84, 1.72, head="angular", grille="wing", tail="boomerang",
         paint="red", cladding=True, spoiler=True, lower="vents"),
    car("vireo", "mpv", length=4.55, width=1.80, height=1.66, wheelbase=2.72, cowl=0.85,
        header=1.7, roof=3.95, roof_drop=0.09, belt=(0.97, 1.05), hood=(0.82, 1.04), head="tall",
        grille="bars", lower="wide", tail="pillar", rim="cover", tumble=0.26, paint="golden",
        lamp=0.76, tail_lamp=0.98, radius=0.32, bumper="plain"),
    van("whimbrel", "mpv", length=4.95, width=1.82, height=1.78, wheelbase=2.9, overhang=0.95,
        hood=(0.88, 1.10), cowl=0.95, header=1.62, belt=(1.03, 1.07), head="twin",
        grille="frame", lower="vents", tail="hook", rim="ten", rail=0.12, lamp=0.80,
        tail_lamp=1.02, windows=((1.27, 2.2), (2.3, 3.3), (3.4, 4.6)), paint="white"),
    van("xenops", "van", length=4.30, width=1.66, height=1.88, wheelbase=2.5, overhang=0.72,
        hood=(0.95, 1.18), cowl=0.42, header=1.1, belt=(1.08, 1.1), head="boxy", grille="line",
        lower="fogs", tail="vertical", rim="steel", lamp=0.80, paint="gray",
        windows=((0.75, 1.5), (1.6, 2.8), (2.9, 4.0))),
    car("yaffle", "estate", length=4.70, width=1.80, height=1.49, wheelbase=2.72, cowl=1.24,
        header=2.05, roof=4.1, tail_end=0.2, head="slim", grille="bars", lower="fogs",
        tail="corner", rim="mesh", rails=True, paint="blue", tail_lamp=0.9),
)
