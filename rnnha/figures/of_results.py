"""The figures of a data set, from finished runs to PNG files."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from rnnha import methods
from rnnha.data import sets
from rnnha.data.manifest import names_of
from rnnha.data.subset import test_images
from rnnha.experiments import row
from rnnha.figures import comparisons, of_maps, plots
from rnnha.figures.marks import markers, palette
from rnnha.paths import REFERENCE, atomic
from rnnha.runs.folder import finished
from rnnha.runs.results import Results, adversary_history, history, table_rows, vehicles
from rnnha.scoring import ranking
from rnnha.scoring.intervals import interval
from rnnha.tables import differences, order
from rnnha.tables.pages import label, of_list

RANKS = 20
# As many kinds as the palette has colours that differ well, and vehicles that fit in a look.
KINDS, VEHICLES = 6, 6


def drawn(results: Results) -> dict[str, Figure]:
    """All figures that these runs allow, by name.

    That of the embeddings needs those of a run, which are local: from the committed reference it
    is left out.
    """
    figures = {name: make(results) for name, make in MADE.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}


def figures(results: Results, folder: Path) -> list[Path]:
    """Save `drawn` as <dataset>-<name>.png; return their paths.

    Those that these runs do not allow go: they would be of others. Only that of the embeddings
    stays for the reference, which does not keep any. Equal results give equal bytes under one
    matplotlib version.
    """
    made = drawn(results)
    kept = {"embeddings"} if results.source == REFERENCE else set()
    for name in MADE.keys() - made.keys() - kept:
        (Path(folder) / f"{results.dataset}-{name}.png").unlink(missing_ok=True)
    return [
        save(figure, Path(folder) / f"{results.dataset}-{name}.png")
        for name, figure in made.items()
    ]


def save(figure: Figure, path: Path) -> Path:
    """Save a figure as PNG, by rename and without a version stamp; return the path."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={"Software": None})
    return path


def _title(results: Results, text: str) -> str:
    return f"{results.data_set.place}: {text}"


def cmc(results: Results) -> Figure | None:
    """CMC curves of all rows, by the table's protocol on its largest test list."""
    poster, curves, dashed = results.poster, {}, []
    size = poster.largest
    for slug, title, kind in table_rows(results.dataset):
        ranks = results.by_seed(slug, poster.protocol, size, "first_rank")
        if ranks is None:
            continue
        curves[title] = 100 * ranking.cmc(ranks.to_numpy(int).ravel(), RANKS)
        dashed += [title] * (kind == "control")
    title = _title(results, f"CMC ({poster.protocol}{of_list(size)}), mean over seeds")
    return plots.cmc_curves(curves, title, dashed, palette(), markers()) if curves else None


def training(results: Results) -> Figure | None:
    """Loss and train accuracy of the rows that are trained."""
    titles = {slug: title for slug, title, _ in table_rows(results.dataset)}
    titles |= {
        stage0.slug: stage0.title for stage0 in map(methods.stage0_of, map(row, titles)) if stage0
    }
    frame = history(results.source, results.dataset, titles)
    title = _title(results, "training, mean ± sd over seeds")
    return plots.training_curves(frame, title, palette(), markers()) if len(frame) else None


def adversaries(results: Results) -> Figure | None:
    """VAMI's discriminator against its generator, in training."""
    frame = adversary_history(results.source, results.dataset)
    title = _title(results, "VAMI's adversaries in training, mean ± sd over seeds")
    return plots.adversaries(frame, title) if len(frame) else None


def types(results: Results) -> Figure | None:
    """The table's first metric within each vehicle type, the paper's rows (exploratory)."""
    poster, known = results.poster, vehicles(results.dataset, results.source)
    if known is None:
        return None
    type_of = known.set_index("vehicle_id")["type"]
    size, metric, rows = poster.largest, poster.metrics[0], []
    for slug, title, kind in table_rows(results.dataset):
        table = results.by_seed(slug, poster.protocol, size, metric)
        if kind != "paper" or table is None:
            continue
        ids = table.index.get_level_values("vehicle_id")
        for name, part in table.mean(axis=1).groupby(ids.map(type_of)):
            owners = part.index.get_level_values("vehicle_id").to_numpy()
            found = interval(part.to_numpy(), owners)
            rows.append(
                {
                    "type": name,
                    "method": title,
                    "n_vehicles": found.n_vehicles,
                    "ours": found.estimate,
                    "ci_low": found.low,
                    "ci_high": found.high,
                }
            )
    if not rows:
        return None
    title = _title(results, f"{label(metric)} by vehicle type, gallery of all types")
    shown = pd.DataFrame(rows)
    return plots.per_type(shown, title, f"{label(metric)}, %", palette(), markers())


def forest(results: Results) -> Figure | None:
    """Differences by the first metric and the table's protocol on its largest test list, with all
    embeddings and views: the primary one in colour, all others exploratory. (The exploratory table
    has all protocols and lists.)"""
    poster, rows = results.poster, []
    for d in differences.differences(results):
        shown = d.metric == poster.metrics[0] and d.test_size == poster.largest
        if shown and d.protocol.startswith(poster.protocol):
            pair = f"{row(d.subject).title} minus {row(d.minus).title}"
            rows.append(
                {
                    "label": f"{pair}{d.protocol.removeprefix(poster.protocol)}",
                    "difference": d.value,
                    "ci_low": d.low,
                    "ci_high": d.high,
                    "primary": d.primary,
                }
            )
    kind = (
        "exploratory"
        if not any(r["primary"] for r in rows)
        else ("exploratory, but for the row in bold")
    )
    size = of_list(poster.largest)
    title = _title(
        results,
        f"differences between rows,\n{label(poster.metrics[0])}, {poster.protocol}{size} ({kind})",
    )
    return comparisons.forest(pd.DataFrame(rows), title) if rows else None


def compared_order(results: Results) -> Figure | None:
    """The poster's order of methods beside ours, rank by rank."""
    if (found := order.order(results)) is None:
        return None
    size, metric = results.poster.largest, label(results.poster.metrics[0])
    title = _title(
        results,
        f"does the poster's order hold?\nKendall's τ {found.tau:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}], by {metric}"
        + ("" if size == "test" else f" of {size} vehicles"),
    )
    return comparisons.two_orders(found.rows, title, palette(), markers())


def explained(results: Results) -> str:
    """What the rows of the table are and ask, as a list in Markdown; of those that were run."""
    return "\n".join(
        f"- **{title}**: {row(slug).reason}"
        for slug, title, _ in table_rows(results.dataset)
        if finished(results.source, results.dataset, slug)
    )


def embeddings(
    results: Results, experiment: str = differences.SUBJECT, seed: int | None = None
) -> Figure | None:
    """o1 and o2 of a row in two dimensions: coarse first, fine second. seed: None, the lowest.

    One model, that with the most test vehicles, of each of KINDS coarse classes; VEHICLES vehicles
    of each, all their images.
    """
    folders = finished(results.source, results.dataset, experiment)
    stored = [
        arrays
        for number, folder in folders.items()
        if seed in (None, number) and (arrays := folder.embeddings()) is not None
    ]
    if not stored or (known := image_labels(results.dataset)) is None:
        return None
    stored = stored[0]
    known = known.set_index("image").loc[stored["names"]].reset_index()
    chosen = _few(known)
    planes = {
        name: plane(stored[key][chosen.index])
        for key, name in (("o1", "o1, after the coarse step"), ("o2", "o2, after the fine step"))
    }
    count = chosen["vehicle_id"].nunique()
    title = _title(
        results,
        f"{row(experiment).title}, t-SNE of {len(chosen)} test images\n({count} vehicles: of each "
        f"of {chosen['kind'].nunique()} coarse classes the model with the most vehicles)",
    )
    return plots.embedding_maps(planes, chosen["kind"], chosen["vehicle_id"], title)


def _few(known: pd.DataFrame) -> pd.DataFrame:
    """The images to show, sorted by kind and vehicle, kind being the coarse class and its model;
    the index stays the image's place."""
    owners = known[["coarse", "model", "vehicle_id"]].drop_duplicates()
    counts = owners.groupby(["coarse", "model"]).size().sort_values(ascending=False, kind="stable")
    models = counts.reset_index().drop_duplicates("coarse")[:KINDS]
    owners = owners.merge(models[["coarse", "model"]]).sort_values("vehicle_id")
    owners = owners.groupby("coarse").head(VEHICLES)
    chosen = known[known["vehicle_id"].isin(owners["vehicle_id"])]
    coarse, model = chosen["coarse"].astype(str), chosen["model"].astype(str)
    kind = coarse.where(coarse == model, coarse + " (" + model + ")")
    return chosen.assign(kind=kind).sort_values(["kind", "vehicle_id"], kind="stable")


def plane(vectors: np.ndarray) -> np.ndarray:
    """Embeddings [N, D] -> [N, 2]: unit length, PCA to at most 50, then exact t-SNE, seeded."""
    unit = ranking.unit(vectors)
    reduced = PCA(min(50, *unit.shape), svd_solver="full").fit_transform(unit)
    perplexity = min(20, (len(unit) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", method="exact", random_state=0).fit_transform(
        reduced
    )


def image_labels(dataset: str) -> pd.DataFrame | None:
    """image, vehicle_id, coarse (the name of the coarse class, its number where it has none) and
    model (the same where none is known) of the test images; None where the data set is not on
    this machine."""
    if not sets.known(dataset).path.is_dir():
        return None
    found = sets.load(dataset)
    test = test_images(found)
    coarse = test["type"].fillna(test["coarse_id"].astype("string"))
    labels = pd.DataFrame({"image": names_of(test), "vehicle_id": test["vehicle_id"]})
    labels = labels.assign(coarse=coarse, model=coarse)
    if found.side_car is None:
        return labels
    return labels.drop(columns="model").merge(found.side_car[["image", "model"]], on="image")


MADE = {
    "cmc": cmc,
    "training": training,
    "adversaries": adversaries,
    "types": types,
    "differences": forest,
    "order": compared_order,
    "attention": of_maps.ahead,
    "curves": of_maps.curves,
    "embeddings": embeddings,
}
