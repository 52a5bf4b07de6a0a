"""One experiment, from its name to `metrics.csv`.

A run is complete when `metrics.csv` is there: it is written last. `run` returns at once when
the run is complete, and goes on from the last epoch when it is not.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import experiments, keys, protocols, retrieval
from rnnha.data.benchmark import Benchmark, load
from rnnha.data.subset import fewer_vehicles, hold_out, names_of
from rnnha.experiments import Profile, Row
from rnnha.methods.color_histogram import ColorHistogram
from rnnha.methods.network import Network
from rnnha.methods.oracle import Oracle
from rnnha.paths import DATA, atomic, run_dir
from rnnha.training import HISTORY


def run(
    experiment: str,
    dataset: str,
    seed: int = 0,
    profile: str = "rendered",
    *,
    holdout: bool = False,
    force: bool = False,
    precision: str = "float32",
) -> Path:
    """Train and score one row on one data set with one seed; return the run's folder.

    experiment: a slug of `rnnha.experiments`. dataset: a name, or the path of a CSV manifest.
    holdout: train on four fifths of the training vehicles and test on the rest. force: start
    again although the run is complete. Raises KeyError for unknown names and DataError where
    the data set is absent or broken.
    """
    row, scale = experiments.row(experiment), experiments.profile(profile)
    if row.method is None:
        raise KeyError(f"{row.title} is a system of the poster that is not built; see the table")
    benchmark = prepared(load(dataset), scale, holdout)
    folder = run_dir(benchmark.name, row.slug, seed)
    if force:
        (folder / "metrics.csv").unlink(missing_ok=True)
        _forget_checkpoints(folder)
    if (folder / "metrics.csv").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)

    config = describe(row, scale, benchmark, seed)
    start = None
    if experiments.needs_stage0(row):
        stage0 = run("stage0", dataset, seed, profile, holdout=holdout, precision=precision)
        start = stage0 / "weights.safetensors"
        # A stage 0 that was trained anew makes what started from the old one stale.
        config["stage0"] = json.loads((stage0 / "config.json").read_text())["settings_key"]
    parts = keys.key_parts(config, benchmark.manifest)
    settings = f"{parts['configuration']}-{parts['data']}"
    key = f"{settings}-{parts['sources']}"

    method = _method(row, scale, seed, benchmark, folder, start, key, precision)
    history = method.fit(benchmark.train)
    tables = _score(method, row, benchmark, folder)
    environment = keys.environment() | {"precision": getattr(method, "precision", None)}
    _write_json(folder / "config.json", config | {"key_parts": parts, "settings_key": settings})
    _write_json(folder / "env.json", environment)
    _write_csv(folder / "history.csv", pd.DataFrame(history, columns=HISTORY))
    if "attention" in tables:
        _write_csv(folder / "attention.csv", tables["attention"])
    protocols.write_per_query(tables["per_query"], folder / "per_query.csv.gz")
    metrics = protocols.summarise(tables["per_query"])
    metrics.insert(0, "dataset", benchmark.name)
    metrics.insert(0, "seed", seed)
    metrics.insert(0, "experiment", row.slug)
    _write_csv(folder / "metrics.csv", metrics)
    _forget_checkpoints(folder)
    return folder


def prepared(benchmark: Benchmark, profile: Profile, holdout: bool = False) -> Benchmark:
    """The benchmark as this profile uses it: held out, or with fewer vehicles."""
    if holdout:
        benchmark = hold_out(benchmark)
    if profile.train_vehicles or profile.test_vehicles:
        benchmark = fewer_vehicles(benchmark, profile.train_vehicles, profile.test_vehicles)
    return benchmark


def describe(row: Row, profile: Profile, benchmark: Benchmark, seed: int) -> dict:
    """The configuration of a run: all that decides its numbers except data and sources."""
    train = benchmark.train
    labelled = train[train.coarse_id.notna()]
    delta = {name: getattr(row, name) for name in ("method", "steps", "attention", "columns")}
    return {
        "experiment": row.slug,
        **delta,
        "columns": list(row.columns),
        "dataset": benchmark.name,
        "synthetic": benchmark.synthetic,
        "seed": seed,
        "profile": experiments.settings(profile),
        "train_images": len(labelled),
        "train_images_without_coarse_label": len(train) - len(labelled),
        "train_vehicles": int(labelled.vehicle_id.nunique()),
        "coarse_classes": int(labelled.coarse_id.nunique()),
    }


def test_images(benchmark: Benchmark) -> pd.DataFrame:
    """Every test image once: VeRi's query images are also files of its gallery."""
    test = benchmark.manifest[benchmark.manifest.split != "train"]
    if benchmark.test_lists:
        listed = {name for names in benchmark.test_lists.values() for name in names}
        test = test[names_of(test).isin(listed)]
    return test.loc[~names_of(test).duplicated()].reset_index(drop=True)


def known_labels(benchmark: Benchmark) -> pd.DataFrame:
    """What the oracles know: model and paint, one row an image, indexed by image name.

    Rendered sets have both in the side-car. Real ones have the coarse class and the colour.
    """
    if benchmark.side_car is not None:
        return benchmark.side_car.drop_duplicates("image").set_index("image")[["model", "paint"]]
    test = test_images(benchmark)
    labels = pd.DataFrame({"model": test.coarse_id, "paint": test.color})
    return labels.set_axis(names_of(test), axis=0)


def _method(row, profile, seed, benchmark, folder, start, key, precision):
    if row.method == "color-histogram":
        return ColorHistogram(profile.image_size)
    if row.method == "oracle":
        return Oracle(known_labels(benchmark), row.columns)
    cache = DATA / "cache" / benchmark.name
    return Network(
        row, profile, seed, folder, start=start, key=key, cache=cache, precision=precision
    )


def _score(method, row: Row, benchmark: Benchmark, folder: Path) -> dict[str, pd.DataFrame]:
    """Per-query scores by every protocol of the set, and what the attention's maps are worth."""
    if isinstance(method, Oracle):
        return {"per_query": protocols.score(benchmark, distance=method.distance)}
    test = test_images(benchmark)
    names = names_of(test).to_numpy(str)
    outputs = method.embed(test)
    frames = [protocols.score(benchmark, embed=protocols.by_name(names, outputs["o2"]))]
    tables = {}
    if row.method == "network":
        frames += _explore(benchmark, names, outputs)
        if row.attention != "uniform":
            # Grad-CAM brings OpenCV along: seconds that the other rows need not wait.
            from rnnha import attention

            tables["attention"], outputs["gradcam"] = attention.analyse(
                method.model, benchmark, method.images(test), outputs
            )
    with atomic(folder / "embeddings.npz") as temporary:
        np.savez(temporary, names=names, **outputs)
    return tables | {"per_query": pd.concat(frames, ignore_index=True)}


def _explore(benchmark: Benchmark, names: np.ndarray, outputs: dict) -> list[pd.DataFrame]:
    """The exploratory scores: the other embeddings, and views from one side only."""
    embeddings = {
        "o1": outputs["o1"],
        "o1,o2": np.hstack([retrieval.unit(outputs["o1"]), retrieval.unit(outputs["o2"])]),
    }
    frames = [
        protocols.score(benchmark, embed=protocols.by_name(names, vectors), label=label)
        for label, vectors in embeddings.items()
    ]
    if benchmark.synthetic:
        own = protocols.by_name(names, outputs["o2"])
        frames += [protocols.score(benchmark, embed=own, view=v) for v in protocols.VIEWS]
    return frames


def _forget_checkpoints(folder: Path) -> None:
    for path in folder.glob("checkpoint*.pt"):
        path.unlink()


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.9g")


def _write_json(path: Path, content: dict) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
