"""Score trained weights on a data set that they were not trained on.

Nothing is adapted: the network embeds the other set's test images at its own image size, and
they are scored with o2 by that set's protocols.
"""

from pathlib import Path

import pandas as pd

from rnnha import experiments, methods, profiles
from rnnha.data.manifest import Benchmark, names_of
from rnnha.data.sets import load
from rnnha.data.subset import test_images
from rnnha.files import DataError
from rnnha.images.cache import Images
from rnnha.methods.network import load_checkpoint
from rnnha.paths import sha256
from rnnha.runs import folder, keys
from rnnha.runs.environment import environment
from rnnha.runs.export import finished_run
from rnnha.runs.results import crossed
from rnnha.runs.run import prepared
from rnnha.scoring import protocols
from rnnha.scoring.measure import scores
from rnnha.training.device import default_device
from rnnha.training.embedding import embed


def cross(experiment: str, trained_on: str, dataset: str, seed: int) -> Path:
    """Score the weights of a finished run on `dataset`; return the folder of the result.

    It is a run folder `<dataset>/<row>-from-<trained_on>/seed<k>`, with a history without epochs,
    that the tables show below the controls. What an earlier call left there is replaced. dataset,
    trained_on: names, or paths of CSV manifests. The profile of the run decides how much of
    `dataset` is used. Raises ValueError where both are one set, as `export` does where there is no
    finished run, and DataError where the data set is absent or has nothing to be scored on.
    """
    trained = finished_run(experiment, trained_on, seed)
    source = trained.config()
    benchmark = prepared(load(dataset), profiles.profile(source["profile"]))
    if benchmark.name == source["dataset"]:
        raise ValueError(
            f"{trained.path} was trained on {dataset} and is scored there; name another"
        )
    per_query = score_checkpoint(trained.whole_weights(), benchmark)
    slug = crossed(experiment, source["dataset"])
    config = {
        "experiment": slug,
        "dataset": benchmark.name,
        "synthetic": benchmark.synthetic,
        "seed": seed,
        "profile": source["profile"],
        "image_size": source["image_size"],
        "trained": {name: source[name] for name in ("experiment", "dataset", "settings_key")},
    }
    parts = keys.key_parts(config, benchmark)
    config |= {"key_parts": parts, "settings_key": f"{parts['configuration']}-{parts['data']}"}
    ran_on = environment() | {"weights_sha256": sha256(trained.weights)}
    out = folder.locate(benchmark.name, slug, seed)
    out.forget()
    out.write(config, ran_on, [], per_query, protocols.summarise(per_query))
    return out.path


def score_checkpoint(checkpoint: Path, benchmark: Benchmark) -> pd.DataFrame:
    """Per-query scores (see `measure.scores`) of a checkpoint's embeddings o2.

    Raises FileNotFoundError where there is no such file, DataError where it is none of this
    project's checkpoints, or the set has no test images, and ValueError for a network that does
    not rank by embeddings.
    """
    model, info = load_checkpoint(checkpoint)
    if methods.of(row := experiments.row(info["row"])).distance is not None:
        raise ValueError(f"{checkpoint}: {row.title} ranks by a distance of its own, not by o2")
    test = test_images(benchmark)
    if test.empty:
        raise DataError(
            f"{benchmark.root}: no test images; expected split query and gallery, or test"
        )
    o2 = embed(model, Images(test.path, info["image_size"]), default_device())["o2"]
    return scores(benchmark, embed=protocols.by_name(names_of(test).to_numpy(str), o2))
