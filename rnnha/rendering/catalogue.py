"""The models of the two rendered sets."""

from rnnha.rendering.loft import End
from rnnha.rendering.templates import Load, Model, bus, car, pickup, truck, van

VERI_MODELS: tuple[Model, ...] = (
    car("sedan-alder", "sedan", length=4.62, width=1.78, height=1.47, wheelbase=2.66, cowl=1.25,
        header=2.1, roof=3.15, deck=4.0, deck_z=1.06, paint="black", bright=True),
    car("suv-cedar", "suv", length=4.55, width=1.84, height=1.70, wheelbase=2.66, radius=0.37,
        bottom=0.24, hood=(0.92, 1.10), cowl=1.15, header=1.85, roof=3.75, roof_drop=0.08,
        belt=(1.02, 1.10), lamp=0.86, tail_lamp=1.02, head="angular", grille="hexagon",
        lower="skid", tail="hook", bumper="cladding", rim="dark five", cladding=True, rails=True,
        spoiler=True, paint="white"),
    van("van-aspen", "van", length=4.9, width=1.80, height=1.98, wheelbase=2.9, paint="white"),
    bus("bus-linden", length=10.5, width=2.5, height=3.1, axles=(2.4, 7.6), windows=6,
        paint="blue"),
    truck("truck-oak", length=5.9, width=1.95, height=2.75, cab=1.65, cab_height=2.1,
          axles=(0.85, 4.3), load=Load("box", 1.75, 5.9, 0.95, 2.75, 1.95), paint="blue"),
    pickup("pickup-elm", length=5.25, width=1.85, height=1.78, wheelbase=3.1, radius=0.39,
           bottom=0.3, hood=(0.95, 1.12), cowl=1.3, header=1.95, belt=(1.03, 1.05), lamp=0.88,
           tail_lamp=0.9, head="boxy", grille="frame", lower="bull", paint="gray"),
)
VEHICLEID_MODELS: tuple[Model, ...] = (
    car("wren", "hatchback", length=4.0, width=1.7, height=1.5, wheelbase=2.5, cowl=1.0,
        header=1.75, roof=3.35, rear=End(bow=0.15, corner=0.2), head="teardrop", grille="line",
        tail="vertical", quarter=False, paint="red"),
)
