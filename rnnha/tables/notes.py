"""What stands below a table: where its numbers come from, and what they were trained with."""

from collections.abc import Iterable

import numpy as np

from rnnha.data import sets
from rnnha.data.sets import DataSet, Poster
from rnnha.experiments import Row, rows_of
from rnnha.profiles import Profile, profile
from rnnha.runs.folder import finished
from rnnha.runs.results import (
    Results,
    adversary_history,
    configurations,
    cross_rows,
    table_rows,
)

TRAINED_OUT = 0.9  # share of its training images that a row should name in its last epoch
EVEN = 0.01  # how far from 1 the mass of an even map may be, in times a uniform one's


def notes(results: Results) -> tuple[str, ...]:
    """The notes of a data set's table, a sentence or two each."""
    rows = [(slug, title) for slug, title, _ in table_rows(results.dataset)]
    found = _origin(results.data_set) + training(results, rows) + _test_lists(results.poster)
    known = rows_of(results.poster.name, results.data_set.synthetic)
    found += readings([r for r in known if finished(results.source, results.dataset, r.slug)])
    found += of_others(results)
    found += not_trained_out(results, rows) + adversaries(results)
    found += _even_attention(results)
    if cross_rows(results.source, results.dataset):
        found.append(
            "trained on another data set: the weights of that row's runs there, which embed the "
            "images of this set without being adapted to it; exploratory. The seeds are those of "
            "the training."
        )
    return (*found, *made_by(results, [(slug, title) for slug, title, _ in results.rows]))


def readings(rows: Iterable[Row]) -> list[str]:
    """A note for each remark on rows, such as that a system is our reading of its paper."""
    alike: dict[str, list[str]] = {}
    for r in rows:
        if r.note:
            alike.setdefault(r.note, []).append(r.title)
    return [f"{'; '.join(titles)}: {note}." for note, titles in alike.items()]


def of_others(results: Results) -> list[str]:
    """Notes on rows that learned from another set: GoogLeNet its car models, and VAMI its
    viewpoints, where a run's configuration says that they were told, not labelled."""
    configs = configurations(results.source, results.dataset, "googlenet")
    models = dict.fromkeys(c["outside"] for c in configs if c.get("outside"))
    found = [
        f"GoogLeNet: it learned the car models of {sets.place(name)}; FACT takes its distances "
        "from it."
        for name in models
    ]
    configs = configurations(results.source, results.dataset, "vami")
    told = dict.fromkeys(c["viewpoints_from"] for c in configs if "viewpoints_from" in c)
    return found + [
        "VAMI: nobody labelled the viewpoints that it learns from; they were told by a classifier "
        f"of the rendered (synthetic) views of {sets.title(name)}."
        for name in told
    ]


def not_trained_out(results: Results, rows: Iterable[tuple[str, str]]) -> list[str]:
    """A note on rows that did not learn to name their training images in their budget."""
    short = []
    for slug, title in rows:
        runs = finished(results.source, results.dataset, slug).values()
        ends = [history.iloc[-1] for run in runs if len(history := run.history())]
        for measure, label in {"fine": "vehicle", "coarse": "coarse class"}.items():
            share = np.mean([end[f"{measure}_accuracy"] for end in ends] or [np.nan])
            if share < TRAINED_OUT:
                short.append(f"{title} {100 * share:.1f} % ({label})")
            if not np.isnan(share):
                break  # the finer of the two that it learned
    return [
        f"Not trained out in its budget, less than {100 * TRAINED_OUT:.0f} % of the training "
        f"images named right in the last epoch: {', '.join(short)}."
    ] * bool(short)


def adversaries(results: Results) -> list[str]:
    """A note on how VAMI's generator and discriminator stood in the last epoch."""
    history = adversary_history(results.source, results.dataset)
    if history.empty:
        return []
    end = history.groupby("seed").last().mean()
    return [
        "VAMI's adversaries in the last epoch: the discriminator takes "
        f"{end['real_told']:.0f} % of the real features for real and {end['generated_told']:.0f} % "
        "of the inferred ones for inferred (50: it cannot tell), and tells the vehicle of "
        f"{end['real_accuracy']:.0f} % and {end['generated_accuracy']:.0f} %."
    ]


def made_by(results: Results, rows: Iterable[tuple[str, str]]) -> list[str]:
    """A note for each commit: which runs it made of these rows, pairs of slug and title."""
    commits: dict[str, list[str]] = {}
    for slug, title in rows:
        own: dict[str, list[str]] = {}
        for seed, run in finished(results.source, results.dataset, slug).items():
            if commit := run.environment().get("commit"):
                own.setdefault(commit, []).append(str(seed))
        for commit, seeds in own.items():
            some = f" (seed{'s' * (len(seeds) > 1)} {', '.join(seeds)})" if len(own) > 1 else ""
            commits.setdefault(commit, []).append(title + some)
    return [f"By commit {commit}: {'; '.join(titles)}." for commit, titles in commits.items()]


def _even_attention(results: Results) -> list[str]:
    """A note where a trained row's attention came out even: it is read as attention otherwise."""
    even = []
    for slug, title, _ in results.rows:
        for seed, run in finished(results.source, results.dataset, slug).items():
            scores = run.attention()
            if scores is None:
                continue
            scores = scores[(scores["map"] == "attention") & (scores["metric"] == "mass_ratio")]
            ratios = scores["value"]
            if len(ratios) and (ratios - 1).abs().max() < EVEN:
                even.append(f"{title} (seed {seed})")
    told = "its attention came out even: a uniform map has the same mass on cues and vehicle, and "
    told += "the row stands for one without attention"
    return [f"{', '.join(even)}: {told}."] if even else []


def _origin(data_set: DataSet) -> list[str]:
    alike = (
        "its own model and paint, the fine question (which one of them?) by itself"
        if data_set.synthetic
        else "its own coarse class and colour, which is what comes nearest to one model and paint"
    )
    found = [
        "paper: as printed on the poster, measured on the real "
        f"{data_set.poster.name}; which scoring protocol it used is not stated.",
        f"ours: {data_set.poster.protocol}, embedding o2; mean ± standard deviation over seeds "
        "[95 % interval over test vehicles, by bootstrap]; percent.",
        f"among look-alikes: each query against the gallery's images of {alike}; vehicles that are "
        "alone there are not asked, and the oracle that knows model and paint has a random order.",
        "An empty cell has not been run.",
    ]
    if data_set.synthetic:
        found.append(
            "All images are rendered (synthetic): these numbers say how the methods "
            "compare with one another here, not how they compare with the paper."
        )
    return found


def training(results: Results, rows: Iterable[tuple[str, str]]) -> list[str]:
    """A note for each profile that trained some of these rows, pairs of slug and title, one for
    rows of a single seed, and one for mixed precision."""
    trained: dict[tuple[str, str], dict[str, None]] = {}
    lone: list[str] = []
    mixed: dict[str, None] = {}
    for slug, title in rows:
        configs = configurations(results.source, results.dataset, slug)
        if len(configs) == 1 and configs[0].get("phases"):
            lone.append(title)
        for config in configs:
            if config.get("phases"):
                first = config.get("pretrained", "from scratch")
                label = "" if first == "from scratch" else first["label"]
                trained.setdefault((config["profile"], label), {})[title] = None
            if config["precision"] == "bfloat16":
                mixed[title] = None
    found = [
        f"{', '.join(titles) if len(trained) > 1 else 'Trained rows'}: {_of(profile(name), label)}"
        for (name, label), titles in trained.items()
    ]
    if lone:
        found.append(f"One seed, so no sd and no conclusion: {', '.join(lone)}.")
    return found + ([f"In mixed precision (bfloat16): {', '.join(mixed)}."] if mixed else [])


def _of(profile: Profile, label: str) -> str:
    small, large = profile.pixels
    if profile.full_size:
        first = (
            f"ImageNet weights ({label})"
            if label
            else "random weights, where the paper's had ImageNet weights"
        )
        return f"profile {profile.name}, at the paper's size; the backbones began from {first}."
    return (
        f"profile {profile.name}. {small} x {small} pixels stand for the paper's 224, "
        f"{large} x {large} for its 672, a narrow VGG-M with batch normalisation for VGG-M, a "
        "small ResNet for ResNet-50, all trained from random weights."
    )


def _test_lists(poster: Poster) -> list[str]:
    if all(ours == paper for ours, paper in poster.sizes.items()):
        return []
    pairs = ", ".join(f"{ours} beside {paper}" for ours, paper in poster.sizes.items())
    return [
        "The rendered set's test lists are smaller than VehicleID's; the paper's numbers stand "
        f"beside ours by the list's place: {pairs} vehicles."
    ]
