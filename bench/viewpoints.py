"""How often does the classifier of rendered views tell the viewpoint right? For VAMI's docs.

    PYTHONPATH=. python bench/viewpoints.py [--profile rendered] [--seeds 0 1 2] [--write]

Trains the classifier that VAMI asks where nobody labelled viewpoints, on Rendered-VeRi's training
images, and tells the test images' viewpoints: the share that is right, of all and of each
viewpoint. Where the photographs are, it is also counted what it says of their training images:
each shows a rear, or a rear and a side. `--write` keeps the table in results/bench.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

# Before rnnha is imported: it reads the variable once.
os.environ.setdefault("RNNHA_RESULTS", str(Path(__file__).parents[1] / "build" / "viewpoints"))


def told(profile: str, seed: int) -> list[dict]:
    """A row a set: of how many images, the share told right, and by viewpoint what was told."""
    from rnnha import experiments, profiles
    from rnnha.data import sets, viewpoints
    from rnnha.data.manifest import names_of
    from rnnha.data.subset import test_images
    from rnnha.methods import told_viewpoints
    from rnnha.runs.run import Run, first_weights

    row, size = experiments.row("vami"), profiles.profile(profile)
    rendered = sets.load(told_viewpoints.LEARNED_FROM)
    run = Run(row, size, rendered, seed, imported=first_weights(row, size))
    model = told_viewpoints.classifier(run)
    wanted = [(rendered, test_images(rendered))]
    if (real := sets.SETS["photographs"]).path.is_dir():
        photographs = sets.load(real.name)
        wanted.append((photographs, photographs.train))
    rows = []
    for benchmark, images in wanted:
        said = told_viewpoints.shares(run, model, images, benchmark.name).argmax(1)
        line = {"dataset": benchmark.name, "seed": seed, "images": len(images)}
        if benchmark.synthetic:
            side = benchmark.rendered("view").loc[names_of(images), "view"]
            true = side.map(viewpoints.OF_SIDE).to_numpy()
            line["right"] = (said == true).mean()
            line |= {f"right_{v}": (said == true)[true == k].mean() for k, v in _views()}
        line |= {f"told_{v}": (said == k).mean() for k, v in _views()}
        rows.append(line)
    return rows


def _views() -> list[tuple[int, str]]:
    from rnnha.data.viewpoints import VIEWS

    return list(enumerate(VIEWS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="rendered")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--write", action="store_true", help="keep it in results/bench")
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        rows += told(options.profile, seed)
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.3f"))
    if options.write:
        import torch
        from machine import keep

        threads = torch.get_num_threads()
        keep(rows, list(rows[0]), "viewpoints.csv", threads)


if __name__ == "__main__":
    main()
