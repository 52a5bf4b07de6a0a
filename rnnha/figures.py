"""The figures of a data set, from finished runs to PNG files."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from rnnha import comparisons, plots, retrieval
from rnnha.data.benchmark import load, names_of
from rnnha.data.subset import test_images
from rnnha.experiments import row, stage0_of, table_rows
from rnnha.layout import label, layout_of
from rnnha.paths import atomic, dataset_dir
from rnnha.results import Results, history, runs, vehicles
from rnnha.statistics import interval

RANKS = 20
# As many models as the palette has colours that differ well, and vehicles that fit in a look.
MODELS, VEHICLES = 6, 6


def figures(results: Results, folder: Path) -> list[Path]:
    """Save all figures that these runs allow as <dataset>-*.png; return their paths.

    Equal results give equal bytes under one matplotlib version. The embeddings' figure needs
    embeddings.npz of a run, which is local: from the committed reference it is left out.
    """
    made = {"cmc": cmc, "training": training, "types": types, "differences": forest,
            "embeddings": embeddings}  # fmt: skip
    written = []
    for name, make in made.items():
        if (figure := make(results)) is not None:
            written.append(save(figure, Path(folder) / f"{results.dataset}-{name}.png"))
    return written


def save(figure: Figure, path: Path) -> Path:
    """Save a figure as PNG, by rename and without a version stamp; return the path."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={"Software": None})
    return path


def _title(dataset: str, text: str) -> str:
    return f"{layout_of(dataset).place}: {text}"


def cmc(results: Results) -> Figure | None:
    """CMC curves of all rows, by the table's protocol on its largest test list."""
    layout, curves, dashed = layout_of(results.dataset), {}, []
    size = list(layout.sizes)[-1]
    for slug, title, kind in table_rows(results.dataset):
        ranks = results.by_seed(slug, layout.protocol, size, "first_rank")
        if ranks is None:
            continue
        curves[title] = 100 * retrieval.cmc(ranks.to_numpy(int).ravel(), RANKS)
        dashed += [title] * (kind == "control")
    size = "" if size == "test" else f", {size} vehicles"
    title = _title(results.dataset, f"CMC ({layout.protocol}{size}), mean over seeds")
    return plots.cmc_curves(curves, title, dashed) if curves else None


def training(results: Results) -> Figure | None:
    """Loss and train accuracy of the rows that are trained."""
    titles = {slug: title for slug, title, _ in table_rows(results.dataset)}
    # Stage 0 last, so that a row has one colour in all figures.
    titles |= {stage0.slug: stage0.title for stage0 in map(stage0_of, map(row, titles)) if stage0}
    frame = history(results.source, results.dataset, titles)
    title = _title(results.dataset, "training, mean ± sd over seeds")
    return plots.training_curves(frame, title) if len(frame) else None


def types(results: Results) -> Figure | None:
    """The table's first metric within each vehicle type, the paper's rows (exploratory)."""
    layout, known = layout_of(results.dataset), vehicles(results.dataset, results.source)
    if known is None:
        return None
    type_of = known.set_index("vehicle_id")["type"]
    size, metric, rows = list(layout.sizes)[-1], layout.metrics[0], []
    for slug, title, kind in table_rows(results.dataset):
        table = results.by_seed(slug, layout.protocol, size, metric)
        if kind != "paper" or table is None:
            continue
        ids = table.index.get_level_values("vehicle_id")
        for name, part in table.mean(axis=1).groupby(ids.map(type_of)):
            owners = part.index.get_level_values("vehicle_id").to_numpy()
            found = interval(part.to_numpy(), owners)
            rows.append({"type": name, "method": title, "n_vehicles": found.n_vehicles,
                         "ours": found.estimate, "ci_low": found.low, "ci_high": found.high})
    if not rows:
        return None
    title = _title(results.dataset, f"{label(metric)} by vehicle type, gallery of all types")
    return plots.per_type(pd.DataFrame(rows), title, f"{label(metric)}, %")


def forest(results: Results) -> Figure | None:
    """Differences by the first metric and the table's protocol, with all embeddings and views: the
    primary one in colour, all others exploratory. (The exploratory table has all protocols.)"""
    layout, rows = layout_of(results.dataset), []
    for d in comparisons.differences(results):
        if d.metric == layout.metrics[0] and d.protocol.startswith(layout.protocol):
            size = "" if d.test_size == "test" else f", {d.test_size} vehicles"
            rows.append({"label": f"minus {row(d.minus).title}, {d.protocol}{size}",
                         "difference": d.value, "ci_low": d.low, "ci_high": d.high,
                         "primary": d.primary})
    kind = "exploratory" if not any(r["primary"] for r in rows) else (
        "exploratory, but for the row in bold")
    title = _title(results.dataset, f"{row(comparisons.SUBJECT).title} minus other rows,\n"
                                    f"{label(layout.metrics[0])} ({kind})")
    return plots.forest(pd.DataFrame(rows), title) if rows else None


def embeddings(
    results: Results, experiment: str = comparisons.SUBJECT, seed: int | None = None
) -> Figure | None:
    """o1 and o2 of a row in two dimensions: coarse first, fine second. seed: None, the lowest.

    The MODELS models with the most test vehicles, VEHICLES vehicles of each, all their images.
    """
    folders = runs(results.source, results.dataset, experiment)
    files = [file for number, folder in folders.items() if seed in (None, number)
             and (file := folder / "embeddings.npz").exists()]
    if not files or (known := image_labels(results.dataset)) is None:
        return None
    stored = np.load(files[0], allow_pickle=False)
    known = known.set_index("image").loc[stored["names"]].reset_index()
    chosen = _few(known)
    planes = {name: plane(stored[key][chosen.index]) for key, name in
              (("o1", "o1, after the coarse step"), ("o2", "o2, after the fine step"))}
    title = _title(results.dataset, f"{row(experiment).title}, t-SNE of "
                   f"{len(chosen)} test images, {chosen['vehicle_id'].nunique()} vehicles")
    return plots.embedding_maps(planes, chosen["model"], chosen["vehicle_id"], title)


def _few(known: pd.DataFrame) -> pd.DataFrame:
    """The images to show, sorted by model and vehicle; the index stays the image's place."""
    owners = known[["model", "vehicle_id"]].drop_duplicates().sort_values(["model", "vehicle_id"])
    counts = owners.groupby("model").size().sort_values(ascending=False, kind="stable")
    owners = owners[owners["model"].isin(counts.index[:MODELS])].groupby("model").head(VEHICLES)
    chosen = known[known["vehicle_id"].isin(owners["vehicle_id"])]
    return chosen.sort_values(["model", "vehicle_id"], kind="stable")


def plane(vectors: np.ndarray) -> np.ndarray:
    """Embeddings [N, D] -> [N, 2]: unit length, PCA to at most 50, then exact t-SNE, seeded."""
    unit = retrieval.unit(vectors)
    reduced = PCA(min(50, *unit.shape), svd_solver="full").fit_transform(unit)
    perplexity = min(20, (len(unit) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", method="exact",
                random_state=0).fit_transform(reduced)


def image_labels(dataset: str) -> pd.DataFrame | None:
    """image, vehicle_id, model of the test images (the coarse class where there is no model);
    None where the data set is not on this machine."""
    if not dataset_dir(dataset).is_dir():
        return None
    found = load(dataset)
    test = test_images(found)
    labels = pd.DataFrame({"image": names_of(test), "vehicle_id": test["vehicle_id"],
                           "model": test["coarse_id"]})
    if found.side_car is None:
        return labels
    return labels.drop(columns="model").merge(found.side_car[["image", "model"]], on="image")
