"""One experiment, from its name to `metrics.csv`.

A run is complete when `metrics.csv` is there: it is written last. `run` returns at once when
the run is complete, and goes on from the last epoch when it is not.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import distributed, experiments, keys, profiles, protocols, retrieval, weights
from rnnha.data.benchmark import Benchmark, DataError, load, names_of
from rnnha.data.subset import fewer_vehicles, hold_out, test_images
from rnnha.experiments import Row
from rnnha.methods.color_histogram import ColorHistogram
from rnnha.methods.method import Distance, Embedding
from rnnha.methods.network import Network, with_coarse_label
from rnnha.methods.oracle import Oracle
from rnnha.paths import DATA, atomic, run_dir
from rnnha.profiles import Profile
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
    again although the run is complete. precision: of `profiles.PRECISIONS`. Raises KeyError for
    unknown names, ValueError for an unknown precision and for a finished run of other settings,
    and DataError where the data set is absent or broken.
    """
    if precision not in profiles.PRECISIONS:
        known = ", ".join(profiles.PRECISIONS)
        raise ValueError(f"unknown precision {precision!r}; known: {known}")
    row, size = experiments.row(experiment), profiles.profile(profile)
    if row.method is None:
        raise KeyError(f"{row.title} is a system of the poster that is not built; see the table")
    benchmark = prepared(load(dataset), size, holdout)
    folder = run_dir(benchmark.name, row.slug, seed)
    if force and distributed.is_writer():
        (folder / "metrics.csv").unlink(missing_ok=True)
        _forget_checkpoints(folder)
    if distributed.from_writer((folder / "metrics.csv").exists):
        _expect_same(folder, describe(row, size, benchmark, seed, None), benchmark, precision)
        return folder
    _expect_trainable(row, benchmark)
    folder.mkdir(parents=True, exist_ok=True)
    if distributed.is_writer():
        for leftover in folder.glob(".*.tmp*"):  # of a run that was killed while it wrote
            leftover.unlink()

    start = None
    if (stage0 := experiments.stage0_of(row)) is not None:
        start = run(stage0.slug, dataset, seed, profile, holdout=holdout, precision=precision)
    imported = distributed.first_the_writer(lambda: pretrained_weights(row, size))
    pretrained = weights.describe(imported) if imported else "from scratch"
    if start is not None:  # the backbone comes from stage 0, with whatever that began from
        pretrained = json.loads((start / "config.json").read_text())["pretrained"]
    config = describe(row, size, benchmark, seed, start, pretrained)
    if precision != "float32":
        config["precision"] = precision
    parts = keys.key_parts(config, benchmark.manifest)
    settings = f"{parts['configuration']}-{parts['data']}"
    key = f"{settings}-{parts['sources']}"
    method = _method(row, size, seed, benchmark, folder, start, imported, key, precision)
    history = method.fit(benchmark.train)
    outputs = None if isinstance(method, Oracle) else method.embed(test_images(benchmark))
    if distributed.is_writer():
        tables = _score(method, row, benchmark, folder, outputs)
        environment = keys.environment() | {"precision": getattr(method, "precision", None)}
        if distributed.world_size() > 1:
            environment["processes"] = distributed.world_size()
        write_json(folder / "config.json", config | {"key_parts": parts, "settings_key": settings})
        write_json(folder / "env.json", environment)
        write_results(folder, row, benchmark, seed, history, tables)
        _forget_checkpoints(folder)
    distributed.wait()  # the others may not read a run that is not complete
    return folder


def write_results(folder: Path, row: Row, benchmark: Benchmark, seed: int, history, tables):
    """The run's tables; `metrics.csv` last."""
    _write_csv(folder / "history.csv", pd.DataFrame(history, columns=HISTORY))
    if "attention" in tables:
        _write_csv(folder / "attention.csv", tables["attention"])
    protocols.write_per_query(tables["per_query"], folder / "per_query.csv.gz")
    metrics = protocols.summarise(tables["per_query"])
    metrics.insert(0, "dataset", benchmark.name)
    metrics.insert(0, "seed", seed)
    metrics.insert(0, "experiment", row.slug)
    _write_csv(folder / "metrics.csv", metrics)


def _expect_same(folder: Path, config: dict, benchmark: Benchmark, precision: str) -> None:
    """Raise ValueError where a finished run was made with other settings or of other data."""
    found = json.loads((folder / "config.json").read_text())
    decided_before = ("stage0", "pretrained")  # by the profile, and by what was at hand
    other = [k for k in config if k not in decided_before and found.get(k) != config[k]]
    if found["key_parts"]["data"] != keys.data_key(benchmark.manifest):
        other.append("data")
    if found.get("precision", "float32") != precision:
        other.append("precision")
    if other:
        raise ValueError(
            f"{folder} holds a finished run of another {', '.join(other)}; --force trains again "
            "in its place, RNNHA_RESULTS names another folder for results"
        )


def _expect_trainable(row: Row, benchmark: Benchmark) -> None:
    """Raise DataError, before anything is trained, where the set cannot serve this row."""
    lacking = []
    if benchmark.protocol != "vehicleid" and (benchmark.query.empty or benchmark.gallery.empty):
        lacking.append("images with split query and gallery, to be scored on")
    if row.method in ("network", "identity-only", "untrained"):
        if benchmark.train.empty:
            lacking.append("images with split train")
        elif row.method == "network" and benchmark.train.coarse_id.isna().all():
            lacking.append("coarse labels (a column coarse_id or type; or run identity-only)")
    if lacking:
        raise DataError(f"{benchmark.root}: {row.title} needs {'; and '.join(lacking)}")


def prepared(benchmark: Benchmark, profile: Profile, holdout: bool = False) -> Benchmark:
    """The benchmark as this profile uses it: held out, or with fewer vehicles."""
    if holdout:
        benchmark = hold_out(benchmark)
    if profile.train_vehicles or profile.test_vehicles:
        benchmark = fewer_vehicles(benchmark, profile.train_vehicles, profile.test_vehicles)
    return benchmark


def describe(
    row: Row, profile: Profile, benchmark: Benchmark, seed: int, start: Path | None,
    pretrained: dict | str = "from scratch",
) -> dict:  # fmt: skip
    """The configuration of a run: all that decides its numbers except data and sources.

    start: the folder of its stage 0, which is part of it by its key. pretrained: what
    `weights.describe` says of the backbone's first weights.
    """
    train, scale = benchmark.train, profile.scale(row)
    labelled = with_coarse_label(train)
    phases = scale.stage0 if row in experiments.STAGES0 else scale.stage1
    config = {
        "experiment": row.slug,
        "dataset": benchmark.name,
        "synthetic": benchmark.synthetic,
        "seed": seed,
        "profile": profile.name,
        "method": row.method,
        "image_size": scale.image_size,
    }
    if row.method == "oracle":
        return config | {"columns": list(row.columns)}
    if row.method == "color-histogram":
        return config
    return config | {
        "steps": row.steps,
        "attention": row.attention,
        "variant": row.variant,
        "backbone": scale.backbone,
        "state_width": scale.state_width,
        "phases": [] if row.method == "untrained" else [profiles.settings(p) for p in phases],
        "stage0": start and json.loads((start / "config.json").read_text())["settings_key"],
        "pretrained": pretrained,
        "train_images": len(labelled),
        "train_images_without_coarse_label": len(train) - len(labelled),
        "train_vehicles": int(labelled.vehicle_id.nunique()),
        "coarse_classes": int(labelled.coarse_id.nunique()),
    }


def pretrained_weights(row: Row, profile: Profile) -> Path | None:
    """ImageNet weights of stage 0's backbone where the profile wants them, else None.

    Raises FileNotFoundError with what to fetch and where to put it.
    """
    if not profile.pretrained or row not in experiments.STAGES0:
        return None
    if row.variant == "released":
        raise ValueError(
            "imported weights expect normalised images, the released variant feeds raw colours; "
            "train it with --profile paper-scratch"
        )
    return weights.find_weights(profile.scale(row).backbone)


def known_labels(benchmark: Benchmark) -> pd.DataFrame:
    """What the oracles know: model and paint, one row an image, indexed by image name.

    Rendered sets have both in the side-car. Real ones have the coarse class and the colour.
    """
    if benchmark.side_car is not None:
        return benchmark.side_car.drop_duplicates("image").set_index("image")[["model", "paint"]]
    test = test_images(benchmark)
    labels = pd.DataFrame({"model": test.coarse_id, "paint": test.color})
    return labels.set_axis(names_of(test), axis=0)


def _method(
    row, profile, seed, benchmark, folder, start, imported, key, precision
) -> Embedding | Distance:
    scale = profile.scale(row)
    if row.method == "color-histogram":
        return ColorHistogram(scale.image_size)
    if row.method == "oracle":
        return Oracle(known_labels(benchmark), row.columns)
    return Network(
        row, scale, seed, folder,
        start=start and start / "weights.safetensors",
        pretrained=imported,
        key=key,
        cache=DATA / "cache" / benchmark.name,
        precision=precision,
    )  # fmt: skip


def _score(
    method, row: Row, benchmark: Benchmark, folder: Path, outputs: dict | None
) -> dict[str, pd.DataFrame]:
    """Per-query scores by every protocol of the set, and what the attention's maps are worth."""
    if isinstance(method, Oracle):
        return {"per_query": protocols.score(benchmark, distance=method.distance)}
    test = test_images(benchmark)
    names = names_of(test).to_numpy(str)
    frames = [protocols.score(benchmark, embed=protocols.by_name(names, outputs["o2"]))]
    tables = {}
    if row.method == "network":
        frames += _explore(benchmark, names, outputs)
        # Maps are not what settings are chosen by, and held-out images have no masks.
        if row.attention != "uniform" and not benchmark.held_out:
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
        path.unlink(missing_ok=True)


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.9g")


def write_json(path: Path, content: dict) -> None:
    """Indented JSON, by rename."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
