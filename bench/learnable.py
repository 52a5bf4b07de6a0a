"""Can the cues of a rendered set be learned? Look-alike AUC against vehicles and image size.

    python -m rendering rendered-veri-dev        # once, half an hour on two cores
    PYTHONPATH=. python bench/learnable.py [--sizes 96 128] [--vehicles 100 200 400 600] [--write]
    python -m rendering study-dev
    PYTHONPATH=. python bench/learnable.py --set study-dev --sizes 96 --vehicles 300 --epochs 24

Trains the control *identity only* (its stage 0, then as long again) on so many training vehicles of
a development set, with as many steps for each number of vehicles, and scores all test vehicles
by VeRi's protocol. Finished points are kept in build/learnable, so that a killed call goes on.
`--write` keeps the table in results/bench.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build"
# Before rnnha is imported: it reads the variable once.
os.environ.setdefault("RNNHA_RESULTS", str(BUILD / "learnable"))
SET = "rendered-veri-dev"
CASE = ("vehicles", "image_size", "epochs", "seed")
COLUMNS = [*CASE, "auc_look_alikes", "auc_all", "mAP", "mAP_look_alikes", "minutes"]


def point(name: str, vehicles: int, size: int, epochs: int, seed: int) -> dict:
    """Train and score one point; `epochs` a stage are those for all training vehicles of set
    `name`."""
    import pandas as pd

    from rnnha import experiments, profiles
    from rnnha.data import subset, veri
    from rnnha.data.manifest import names_of
    from rnnha.data.subset import known_labels
    from rnnha.runs.run import Run, carry_out
    from rnnha.scoring import look_alikes, protocols
    from rnnha.scoring.pairs import separation

    whole = veri.read(BUILD / "render" / name / "VeRi", name, True)
    part = subset.fewer_vehicles(whole, vehicles, None)
    part = replace(part, name=f"{name}-{vehicles}-{size}-{epochs}")
    profile = profiles.profile("rendered")
    scale = replace(
        profile.vgg_m,
        stage0=(replace(profile.vgg_m.stage0[0], epochs=epochs),),
        stage1=(replace(profile.vgg_m.stage1[0], epochs=epochs),),
    )
    profile = replace(profile, pixels=(size, 2 * size), vgg_m=scale, images=len(whole.train))
    run = Run(experiments.row("identity-only"), profile, part, seed)
    folder = carry_out(run)
    kept = folder.embeddings()
    names, o2 = kept["names"], kept["o2"]
    test = subset.test_images(part)
    assert list(names) == list(names_of(test))
    looks = known_labels(part).loc[list(names)]
    alike = (looks["model"] + "/" + looks["paint"]).to_numpy()
    embed = protocols.by_name(names, o2)
    scored = [how.score(part, embed=embed, draws=None) for how in (protocols, look_alikes)]
    ap = pd.concat(scored).groupby("protocol")["ap"].mean()
    cars = test["vehicle_id"], test["camera_id"]
    histories = (folder.history(), run.stage0.folder.history())
    return {
        "vehicles": vehicles,
        "image_size": size,
        "epochs": run.scale.stage1[0].epochs,
        "seed": seed,
        "auc_look_alikes": separation(o2, *cars, alike).auc,
        "auc_all": separation(o2, *cars).auc,
        "mAP": 100 * ap["image-to-image"],
        "mAP_look_alikes": 100 * ap["image-to-image" + look_alikes.SUFFIX],
        "minutes": sum(history["seconds"].sum() for history in histories) / 60,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default=SET, help="a rendered set, in build/render")
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128])
    parser.add_argument("--vehicles", type=int, nargs="+", default=[100, 200, 400, 600])
    parser.add_argument("--epochs", type=int, default=12, help="a stage, for all vehicles")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep it in results/bench")
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        for vehicles in options.vehicles:
            rows.append(point(options.set, vehicles, size, options.epochs, options.seed))
            print({k: round(v, 3) for k, v in rows[-1].items()}, flush=True)
    if options.write:
        from machine import keep

        name = "learnable" if options.set == SET else f"learnable-{options.set}"
        keep(rows, COLUMNS, f"{name}.csv", threads=1, case=CASE)


if __name__ == "__main__":
    main()
