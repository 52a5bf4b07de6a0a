"""Trained weights to hand on: a copy of a finished run's network, and a model card beside it."""

import shutil
from pathlib import Path

from rnnha import markdown, methods
from rnnha.data import sets
from rnnha.experiments import Row, row
from rnnha.models.checkpoint import read
from rnnha.paths import atomic, sha256
from rnnha.runs import seen
from rnnha.runs.folder import RunFolder, locate
from rnnha.runs.results import ResultsError
from rnnha.runs.run import FROM_SCRATCH

SHOWN = {"mAP": "mAP", "top1": "top-1", "top5": "top-5", "top10": "top-10"}


def export(experiment: str, dataset: str, seed: int, out: Path) -> list[Path]:
    """Copy the weights of a finished run to `out`, its model card beside it; return both paths.

    dataset: a name, or the path of a CSV manifest; `out` ends in .safetensors.
    Raises KeyError for an unknown row, ValueError for one that trains no network and for another
    suffix, ResultsError where there is no finished run. Nothing is written then.
    """
    run = finished_run(experiment, dataset, seed)
    card = model_card(run)
    copy_weights(run, out)
    return [Path(out), write_card(card, out)]


def finished_run(experiment: str, dataset: str, seed: int) -> RunFolder:
    """The folder of a finished run that holds its weights; raises as `export` says."""
    found = row(experiment)
    if not methods.of(found).has_weights:
        raise ValueError(f"{found.title} trains no network: there are no weights")
    folder = locate(sets.name_of(dataset), found.slug, seed)
    command = f"rnnha run {found.slug} --dataset {dataset} --seed {seed} (--profile ...)"
    if not folder.complete:
        raise ResultsError(f"{folder.path}: no finished run; train it: {command}")
    if not folder.weights.exists():
        raise ResultsError(f"{folder.weights} is gone; train it again: {command} --force")
    return folder


def copy_weights(run: RunFolder, out: Path) -> None:
    """Copy a run's weights to `out`; ValueError unless that ends in .safetensors."""
    if Path(out).suffix != ".safetensors":
        raise ValueError(f"{out}: weights are safetensors; give a name that ends so")
    weights = run.whole_weights()
    read(weights)  # nothing damaged is handed on
    with atomic(Path(out)) as temporary:
        shutil.copyfile(weights, temporary)


def write_card(text: str, weights: Path) -> Path:
    """Write a `model_card` beside the copied `weights`; return the card's path."""
    card = Path(weights).with_suffix(".md")
    with atomic(card) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return card


def model_card(run: RunFolder, further: str = "") -> str:
    """What a finished run is and is not, in Markdown, from the small files in its folder.

    further: a section of Markdown that stands before the licence.
    """
    config, environment = run.config(), run.environment()
    found, dataset = row(config["experiment"]), config["dataset"]
    title = sets.title(dataset)
    kind = "rendered (synthetic) " if config["synthetic"] else ""
    start, imagenet = _start(run, config, found)
    facts = {
        "row": f"{found.title} (`{found.slug}`): {found.reason}",
        "trained on": _learned_from(config, title, kind),
        "began": start,
        "input": f"RGB, {config['image_size']} x {config['image_size']} pixels",
    }
    if "backbone" in config:
        width = config.get("state_width")
        states = f", with states of {width} numbers" if width else ""
        facts["backbone"] = f"{config['backbone']}{states}"
    facts |= {
        "profile, seed": f"{config['profile']}, {config['seed']}",
        "commit": environment["commit"],
        "weights": f"sha256 {sha256(run.weights)}",
    }
    protocol, scores = _scores(run)
    purpose, licence = (SYNTHETIC, SYNTHETIC_LICENCE) if config["synthetic"] else (REAL, LICENCE)
    return CARD.format(
        title=f"{found.title}, {'trained' if 'train_images' in config else 'scored'} on {title}",
        facts=markdown.table(["fact", "value"], facts.items()),
        purpose=purpose,
        place=f"the {kind}test images of {title}, vehicles",
        protocol=protocol,
        scores=scores,
        further=f"{further.strip()}\n\n" if further else "",
        licence=licence.format(dataset=title) + (IMAGENET_LICENCE if imagenet else ""),
    )


def _learned_from(config: dict, title: str, kind: str) -> str:
    if "outside" in config:
        return f"the car models of {sets.title(config['outside'])}, and nothing of {title}"
    if "train_images" not in config:
        return f"nothing of {title}"
    return (
        f"{title}: {config['train_images']:,} {kind}images of {config['train_vehicles']:,} "
        f"vehicles in {config['coarse_classes']} coarse classes"
    )


def _start(run: RunFolder, config: dict, found: Row) -> tuple[str, bool]:
    """What training began from, in words, and whether ImageNet weights were the first of it.

    A row with a stage 0 records that run's key; what the backbone had before, stage 0 tells.
    """
    if "checkpoint" in config:
        before = seen.told(config["checkpoint"]["seen"])
        digest = config["checkpoint"]["sha256"][:16]
        return f"from a checkpoint that had seen {before} (sha256 {digest})", False
    if not config["phases"] and "outside" in config:
        return f"from weights that know {config['outside']}'s models, and stayed there", False
    if not config["phases"]:
        return "from random weights, and stayed there: nothing was trained", False
    first, words = config, "from"
    if (stage0 := methods.stage0_of(found)) is not None:
        start = locate(run.dataset, stage0.slug, run.seed, run.path.parents[2])
        first = start.config() if start.complete else {}
        if first.get("settings_key") != config["stage0"]:
            return f"from a {stage0.title} whose run is no longer here", False
        words = f"from {stage0.title}, the backbone trained on the same identities, itself from"
    weights = first["pretrained"]
    if weights == FROM_SCRATCH:
        return f"{words} random weights", False
    source = f"{weights['label']} ({weights['source']}, sha256 {weights['sha256'][:16]})"
    return f"{words} ImageNet weights {source}", True


def _scores(run: RunFolder) -> tuple[str, str]:
    """The primary protocol, which `metrics.csv` has first, and its figures as a table."""
    frame = run.metrics()
    protocol = frame["protocol"].iloc[0]
    frame = frame[frame["protocol"] == protocol]
    means = frame.groupby(["test_size", "metric"], sort=False)["value"].mean().unstack()
    lines = [
        [size, *(f"{line[metric]:.1f}" for metric in SHOWN)] for size, line in means.iterrows()
    ]
    return protocol, markdown.table(["test", *SHOWN.values()], lines)


CARD = """\
# Model card: {title}

A row of the tables of coarse-to-fine vehicle re-identification (RNN-HA: Wei et al., ACCV 2018).

{facts}

{purpose}

Scores on {place} that were not trained on: {protocol}, embedding o2, percent, mean over
gallery draws where the protocol has draws.

{scores}

`rnnha score --checkpoint FILE --dataset NAME` scores the weights on another data set;
`rnnha compare A.jpg B.jpg --checkpoint FILE` compares two pictures.

{further}{licence}
"""
SYNTHETIC = """\
**For**: teaching, trying the code, looking at attention maps.
**Not for**: recognising real vehicles. It was trained on no photograph of a vehicle."""
REAL = """\
**For**: research on vehicle re-identification, with pictures like those it was trained on.
**Not for**: decisions about people or their vehicles. It finds vehicles that look alike; cameras,
places and vehicles other than those of its data set lower its scores by an unknown amount."""
SYNTHETIC_LICENCE = "Licence: MIT, like the code; the rendered images are CC BY 4.0."
LICENCE = """\
Licence: the code is MIT. The terms of {dataset} hold for what is made from its images: ask its
owner before you pass these weights on."""
IMAGENET_LICENCE = " The ImageNet weights that it began from have terms of their own, too."
