"""Score trained weights on a data set that they were not trained on.

Nothing is adapted: the network embeds the other set's test images at its own image size, and
they are scored with o2 by that set's protocols.
"""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from safetensors import SafetensorError

from rnnha import experiments, keys, profiles, protocols, training
from rnnha.data.benchmark import Benchmark, DataError, load, names_of
from rnnha.data.images import Images
from rnnha.data.subset import test_images
from rnnha.export import WEIGHTS, finished_run
from rnnha.methods.network import load_checkpoint
from rnnha.paths import run_dir, sha256
from rnnha.results import crossed
from rnnha.run import prepared, write_json, write_results


def cross(experiment: str, trained_on: str, dataset: str, seed: int) -> Path:
    """Score the weights of a finished run on `dataset`; return the folder of the result.

    It is a run folder `<dataset>/<row>-from-<trained_on>/seed<k>` that the tables show below the
    controls: config.json, env.json, per_query.csv.gz, metrics.csv (last), and a history without
    epochs. What an earlier call left there is replaced. dataset, trained_on: names, or paths of
    CSV manifests. The profile of the run decides how much of `dataset` is used.
    Raises ValueError where both are one set, as `export` does where there is no finished run, and
    DataError where the data set is absent or has nothing to be scored on.
    """
    trained = finished_run(experiment, trained_on, seed)
    weights = trained / WEIGHTS
    source = json.loads((trained / "config.json").read_text())
    benchmark = prepared(load(dataset), profiles.profile(source["profile"]))
    if benchmark.name == source["dataset"]:
        raise ValueError(f"{trained} was trained on {dataset} and is scored there; name another")
    row = experiments.row(experiment)
    row = replace(row, slug=crossed(row.slug, source["dataset"]))
    per_query = score_checkpoint(weights, benchmark)
    config = {
        "experiment": row.slug, "dataset": benchmark.name, "synthetic": benchmark.synthetic,
        "seed": seed, "profile": source["profile"], "image_size": source["image_size"],
        "trained": {name: source[name] for name in ("experiment", "dataset", "settings_key")},
    }  # fmt: skip
    parts = keys.key_parts(config, benchmark.manifest)
    settings = f"{parts['configuration']}-{parts['data']}"
    folder = run_dir(benchmark.name, row.slug, seed)
    (folder / "metrics.csv").unlink(missing_ok=True)
    write_json(folder / "config.json", config | {"key_parts": parts, "settings_key": settings})
    write_json(folder / "env.json", keys.environment() | {"weights_sha256": sha256(weights)})
    write_results(folder, row, benchmark, seed, [], {"per_query": per_query})
    return folder


def score_checkpoint(checkpoint: Path, benchmark: Benchmark) -> pd.DataFrame:
    """Per-query scores (see `protocols.score`) of a checkpoint's embeddings o2.

    Raises FileNotFoundError where there is no such file, ValueError where it is none of this
    project's checkpoints, DataError where the set has no test images.
    """
    try:
        model, info = load_checkpoint(checkpoint)
    except SafetensorError as error:
        raise ValueError(f"{checkpoint} is no safetensors file ({error}); expected one that "
                         "`rnnha run`, `rnnha export` or `rnnha accept` wrote") from error
    test = test_images(benchmark)
    if test.empty:
        raise DataError(f"{benchmark.root}: no test images; expected split query and gallery, "
                        "or test")
    images = Images(test.path, info["image_size"])
    o2 = training.embed(model, images, training.default_device())["o2"]
    return protocols.score(benchmark, embed=protocols.by_name(names_of(test).to_numpy(str), o2))
