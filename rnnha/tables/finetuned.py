"""The table of a fine-tuned checkpoint: before, after, and the same network trained from scratch.

Three rows and two paired differences on the same test vehicles. The page is of the photographs, the
one real set that anybody can have; the command prints the same of any set.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import methods
from rnnha.data import sets
from rnnha.experiments import row
from rnnha.paths import atomic
from rnnha.runs import seen
from rnnha.runs.finetune import FINE_TUNED, FROM_SCRATCH, GIVEN
from rnnha.runs.folder import finished
from rnnha.runs.results import Results, ResultsError, configurations
from rnnha.scoring.look_alikes import SAME_TYPE
from rnnha.tables import differences
from rnnha.tables.differences import Difference
from rnnha.tables.pages import label, markdown_page, number

DATASET = "photographs"
TITLES = {
    GIVEN: row(GIVEN).title,
    FINE_TUNED: row(FINE_TUNED).title,
    FROM_SCRATCH: "RNN-HA, from scratch",
}
CONTRASTS = ((FINE_TUNED, GIVEN), (FINE_TUNED, FROM_SCRATCH))
COLUMNS = [
    "dataset",
    "quantity",
    "method",
    "minus",
    "metric",
    "protocol",
    "ours",
    "sd",
    "ci_low",
    "ci_high",
    "smallest",
    "n_seeds",
    "n_vehicles",
]
AUC, ONE_TYPE = "AUC", "AUC within one type"
_PROTOCOLS = ("cross-camera", "image-to-image", "vehicleid-10-draws")  # one is a set's own


def place(results: Results) -> tuple[str, str]:
    """(protocol, test size) by which a set's numbers here are scored, of the largest test list."""
    pairs = [pair for slug in TITLES for pair in results.pairs(slug)]
    return next(pair for own in _PROTOCOLS for pair in reversed(pairs) if pair[0] == own)


def values(results: Results, slug: str, metric: str) -> pd.DataFrame | None:
    """[queries x seeds] of a row, percent; None where the row was not run, or has no such number.

    metric: "mAP", "top1", or AUC, which needs a set with one right image a query: how many of the
    gallery's other images lie farther from the query than the right one.
    """
    protocol, size = place(results)
    if metric == ONE_TYPE:
        protocol += SAME_TYPE
    if metric in ("mAP", "top1"):
        return results.by_seed(slug, protocol, size, metric)
    if results.by_seed(slug, protocol, size, "mAP") is None or not protocol.startswith("cross"):
        return None
    precision, rank, gallery = (
        results.by_seed(slug, protocol, size, name).astype(float)
        for name in ("mAP", "first_rank", "n_gallery")
    )
    if not np.allclose(precision * rank, 100):  # several right images
        return None
    return 100 * (1 - (rank - 1) / (gallery - 1))


def build(results: Results) -> pd.DataFrame:
    """Tidy numbers, a row each for method or difference and metric, in percent or points; COLUMNS.

    Empty unless the set has a fine-tuned run. Raises ResultsError where the runs went on from
    several checkpoints.
    """
    if not finished(results.source, results.dataset, FINE_TUNED):
        return pd.DataFrame(columns=COLUMNS)
    _expect_one_checkpoint(results)
    rows = []
    for metric in ("mAP", "top1", AUC, ONE_TYPE):
        for slug, title in TITLES.items():
            if (table := values(results, slug, metric)) is not None:
                found = differences.score_of(table)
                rows.append({"quantity": "score", "method": title, "metric": metric, **found})
        for pair in CONTRASTS:
            if (found := difference(results, *pair, metric)) is not None:
                rows.append(_line(found))
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return frame.assign(dataset=results.dataset, protocol=place(results)[0])


def difference(results: Results, slug: str, minus: str, metric: str) -> Difference | None:
    """A row minus another; the one that has no seed stands against each seed of the other."""
    ours, theirs = (values(results, each, metric) for each in (slug, minus))
    if ours is None or theirs is None:
        return None
    if not methods.of(row(minus)).seeded:
        theirs = pd.concat({seed: theirs.iloc[:, 0] for seed in ours}, axis=1)
    if ours.columns.intersection(theirs.columns).empty:
        return None
    protocol, size = place(results)
    differences.expect_comparable(results, (slug, minus), protocol, size)
    found = differences.paired(ours, theirs)
    return Difference(slug, minus, size, protocol, metric, **found, primary=False)


def _line(d: Difference) -> dict:
    return {
        "quantity": "difference",
        "method": TITLES[d.subject],
        "minus": TITLES[d.minus],
        **differences.line_of(d),
    }


def page(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers to read: a line a row, then a line a difference; cells are text."""
    lines: dict[str, dict[str, str]] = {title: {} for title in table["method"].unique()}
    for n in table.itertuples():
        name = n.method if pd.isna(n.minus) else f"{n.method} minus {n.minus}"
        cell = number(n.ours, n.sd, n.ci_low, n.ci_high)
        lines.setdefault(name, {})[label(n.metric)] = cell
        lines[name]["seeds"] = str(n.n_seeds)
    shown = pd.DataFrame.from_dict(lines, orient="index").fillna("")
    shown = shown[[*shown.columns.drop("seeds"), "seeds"]]
    return shown.rename_axis("method").reset_index()


def conclusion(results: Results) -> str:
    """A sentence for each difference of mAP."""
    where = sets.place(results.dataset)
    found = [difference(results, *pair, "mAP") for pair in CONTRASTS]
    return "\n\n".join(
        differences.sentence(d, where, TITLES[d.subject], TITLES[d.minus]) for d in found if d
    )


def text(results: Results) -> str:
    """Numbers, sentences and what is not there yet, for the command line."""
    table = page(build(results)).to_string(index=False, justify="left")
    found = [table, "percent; mean ± sd over seeds [95 % interval over test vehicles]"]
    found.append(conclusion(results))
    if not finished(results.source, results.dataset, FROM_SCRATCH):
        command = f"rnnha run {FROM_SCRATCH} --dataset ... --seed ..."
        found.append(f"{TITLES[FROM_SCRATCH]}: not run yet ({command})")
    return "\n".join(filter(None, found))


def write(results: Results, folder: Path) -> list[Path]:
    """Write <dataset>-finetune.csv and .md; return their paths. Where nothing was fine-tuned, none
    are written, and what lies there of other runs goes."""
    files = [Path(folder) / f"{results.dataset}-finetune.{kind}" for kind in ("csv", "md")]
    table = build(results)
    if table.empty:
        for file in files:
            file.unlink(missing_ok=True)
        return []
    title = f"{results.data_set.title}: RNN-HA, fine-tuned on photographs of real vehicles"
    texts = (
        table.to_csv(index=False, float_format="%.2f", lineterminator="\n"),
        markdown_page(title, page(table), notes(results, table), conclusion(results)),
    )
    for file, content in zip(files, texts, strict=True):
        with atomic(file) as temporary:
            temporary.write_text(content, encoding="utf-8", newline="\n")
    return files


def notes(results: Results, table: pd.DataFrame) -> list[str]:
    """What was done and what the intervals allow to say, from the runs' own files."""
    tuned = configurations(results.source, results.dataset, FINE_TUNED)[0]
    start = tuned["checkpoint"]
    phases = "; then ".join(
        f"{phase['optimizer']}, {'peak ' if phase.get('one_cycle') else ''}rate {phase['lr']:g}, "
        f"{phase['epochs']} epochs of batches of {phase['batch']}"
        for phase in tuned["phases"]
    )
    protocol, size = place(results)
    gallery = results.by_seed(FINE_TUNED, protocol, size, "n_gallery").to_numpy().max()
    widest = ((table["ci_high"] - table["ci_low"]) / 2)[table["metric"] == "mAP"].max()
    no_photograph = all(each["synthetic"] for each in start["seen"])
    return [
        f"Protocol {protocol}, embedding o2: each of {table['n_vehicles'].max()} test vehicles is "
        f"one query of camera 1, ranked against all {gallery:.0f} test images of camera 2. "
        "Percent, points for differences: mean ± standard deviation over seeds [95 % interval over "
        "test vehicles, by bootstrap]. All exploratory.",
        f"{TITLES[GIVEN]}: the checkpoint as it is, which had seen {seen.told(start['seen'])}"
        f"{' and no photograph' if no_photograph else ''} (sha256 {start['sha256'][:16]}). It is "
        "one training, so it has no ±.",
        f"{TITLES[FINE_TUNED]}: all of that checkpoint but its two heads, trained on "
        f"{tuned['train_images']:,} photographs of {tuned['train_vehicles']:,} other vehicles, by "
        f"profile {tuned['profile']}'s recipe for stage 1 as it stands ({phases}). Neither "
        "the rate nor anything else was chosen by these photographs.",
        f"{TITLES[FROM_SCRATCH]}: the same network and profile from random weights, stage 0 and "
        "then stage 1 on the same photographs. So it differs from the fine-tuned one in two "
        "things, the start and the steps of stage 0 on these photographs; which of them counts was "
        "not tried.",
        "AUC: how many of the gallery's other images lie farther from the query than the right "
        "one, mean over queries; 50 is chance. Within one type: of the images of the query's type.",
        f"The test part is small: the intervals of mAP reach up to {widest:.0f} points to either "
        "side. They are about other vehicles before these two cameras, for these trainings; of "
        "other cameras, and of vehicles that look alike, the page says nothing.",
        _provenance(results),
    ]


def _expect_one_checkpoint(results: Results) -> None:
    """Before and after are of one checkpoint, or their difference is of nothing."""
    started = {
        config["checkpoint"]["sha256"][:16]
        for slug in (GIVEN, FINE_TUNED)
        for config in configurations(results.source, results.dataset, slug)
    }
    if len(started) > 1:
        raise ResultsError(
            f"{results.source / results.dataset}: its runs went on from several checkpoints "
            f"(sha256 {', '.join(sorted(started))}); run rnnha finetune with one, and --force"
        )


def _provenance(results: Results) -> str:
    parts = []
    for slug, title in TITLES.items():
        runs = finished(results.source, results.dataset, slug)
        commits = sorted({folder.environment()["commit"] for folder in runs.values()})
        if runs:
            parts.append(f"{title}: seeds {', '.join(map(str, runs))}, commit {', '.join(commits)}")
    return f"Data set {results.dataset}. {'; '.join(parts)}."
