"""The attention table: what the maps of the trained rows are worth, beside their mean maps.

Made of the runs' `maps.csv.gz`, see `rnnha.runs.maps`, whose names are used here.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data.sets import DataSet
from rnnha.experiments import ABLATION
from rnnha.paths import atomic
from rnnha.runs.folder import MEAN, finished
from rnnha.runs.results import Results
from rnnha.scoring.intervals import TAIL, interval, paired_difference, resampled_means
from rnnha.tables.pages import markdown_page

TITLES = {
    "attention": "attention",
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "eigencam": "Eigen-CAM",
}
OWN_MEAN = {f"attention{MEAN}": "attention, its mean map"}
LIMITS = {"cues": "the true cues", "chance": "random cells"}
MEASURES = {
    "auc": "AUC on cues",
    "pointing": "pointing",
    "mass_ratio": "mass on cues",
    "insertion": "insertion, mAP",
    "deletion": "deletion, mAP",
}
SHARES = ("auc", "pointing")  # 0..1; shown in percent
EXPLAINED = "explained"
COLUMNS = [
    *("method", "map", "measure", "n_seeds", "n_vehicles", "value", "sd", "ci_low", "ci_high"),
    *("ahead", "ahead_low", "ahead_high"),
]


def build(results: Results) -> pd.DataFrame:
    """Tidy numbers, COLUMNS, a row each for row of the ablation, map and measure; empty where no
    maps were measured.

    Values are means over vehicles of means over seeds, with 95 % intervals over vehicles; sd is
    over seeds. AUC and pointing in percent, insertion and deletion in points of mAP. ahead: a map
    minus its own mean map, paired by vehicle. measure "explained": of a map's squared distance
    to an even one, the share in percent that its mean map has not left over.
    """
    rows = []
    for r in ABLATION:
        if len(seeds := _seeds(results, r.slug)):
            rows += _of_row(r.title, seeds)
    return pd.DataFrame(rows, columns=COLUMNS)


def _seeds(results: Results, slug: str) -> pd.DataFrame:
    """(map, measure, vehicle_id) x seed, of the runs whose maps were measured."""
    runs = finished(results.source, results.dataset, slug)
    found = {seed: run.maps() for seed, run in runs.items()}
    columns = {
        seed: frame.set_index(["map", "measure", "vehicle_id"])["value"]
        for seed, frame in found.items()
        if frame is not None
    }
    values = pd.DataFrame(columns).sort_index()
    scale = values.index.get_level_values("measure").isin(SHARES) if len(values) else []
    values[scale] *= 100
    return values


def curves(results: Results) -> pd.DataFrame:
    """Insertion and deletion: method, map (by its title), curve, share (of the cells that are
    there), value (mAP in percent, mean over seeds); empty where there are none."""
    titles, parts = {**TITLES, **OWN_MEAN, **LIMITS}, []
    for r in ABLATION:
        runs = finished(results.source, results.dataset, r.slug).values()
        found = [frame for run in runs if (frame := run.curves()) is not None]
        if found:
            known = pd.concat(found).groupby(["map", "curve", "share"])["value"].mean()
            parts.append(known.reset_index().assign(method=r.title))
    columns = ["method", "map", "curve", "share", "value"]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    table = table[table["map"].isin(titles)]
    return table.assign(map=table["map"].map(titles))[columns].reset_index(drop=True)


def _of_row(title: str, seeds: pd.DataFrame) -> list[dict]:
    rows = []
    for name in [*TITLES, *LIMITS]:
        if name not in seeds.index:
            continue
        for measure in MEASURES:
            own = seeds.loc[name, measure]
            mean = seeds.loc[f"{name}{MEAN}", measure] if name in TITLES else None
            rows.append(_line(title, name, measure, own, mean))
        if name in TITLES:
            rows.append(_explained(title, name, seeds.loc[name]))
    return rows


def _line(title: str, name: str, measure: str, own: pd.DataFrame, mean: pd.DataFrame | None):
    found = interval(own.mean(axis=1), own.index)
    line = {
        "method": title,
        "map": name,
        "measure": measure,
        "n_seeds": own.shape[1],
        "n_vehicles": found.n_vehicles,
        "value": found.estimate,
        "sd": own.mean().std(ddof=1),
        "ci_low": found.low,
        "ci_high": found.high,
    }
    if mean is not None:
        ahead = paired_difference(own.mean(axis=1), mean.loc[own.index].mean(axis=1), own.index)
        line |= {"ahead": ahead.estimate, "ahead_low": ahead.low, "ahead_high": ahead.high}
    return line


def _explained(title: str, name: str, seeds: pd.DataFrame) -> dict:
    """1 - sum |a - mean|² / sum |a - even|² over all images, in percent."""
    beside = [seeds.loc[measure] for measure in ("beside_mean", "beside_even")]
    by_seed = 100 * (1 - beside[0].mean() / beside[1].mean())
    pair = np.stack([part.mean(axis=1) for part in beside], axis=1)
    drawn = resampled_means(pair, beside[0].index)
    low, high = np.quantile(100 * (1 - drawn[:, 0] / drawn[:, 1]), [TAIL, 1 - TAIL])
    return {
        "method": title,
        "map": name,
        "measure": EXPLAINED,
        "n_seeds": len(by_seed),
        "n_vehicles": len(pair),
        "value": 100 * (1 - pair[:, 0].mean() / pair[:, 1].mean()),
        "sd": by_seed.std(ddof=1),
        "ci_low": low,
        "ci_high": high,
    }


# --- for reading --------------------------------------------------------------------------------


def write(results: Results, folder: Path) -> list[Path]:
    """Write <dataset>-attention.csv and .md; return their paths. Where no maps were measured none
    is written, and older ones go."""
    table = build(results)
    csv, page = (Path(folder) / f"{results.dataset}-attention{end}" for end in (".csv", ".md"))
    if table.empty:
        for old in (csv, page):
            old.unlink(missing_ok=True)
        return []
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.3f", lineterminator="\n")
    title = f"{results.data_set.place}: what the maps are worth"
    text = markdown_page(title, _page(table), NOTES, sentences(table, results.data_set))
    with atomic(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return [csv, page]


NOTES = (
    "The mean map is the same kind of map of the same network, averaged over 1,000 training "
    "images: it knows where vehicles are in their pictures, and nothing of the picture at hand. "
    "*Ahead* is the map minus its mean map, paired by vehicle, with its 95 % interval over test "
    "vehicles.",
    "*AUC*: how often a cell with a cue is higher than one without, in percent; 50 is chance. "
    "*Pointing*: how often the highest cell has a cue. *Mass*: on the cues, in multiples of an "
    "even map's.",
    "*Insertion*: mean mAP of searches with the query's highest cells alone, from one cell to all; "
    "*deletion*: without them, less is better. Cells are left out of the network's map before both "
    "poolings; nothing is imputed, and neighbouring cells have seen a part of a left-out one.",
    "*Explained*: the share of a map's squared distance to an even map that its mean map accounts "
    "for. Below 0 the mean map is further from the maps than an even one.",
    "Maps were scored against the true causes of synthetic pictures before: CLEVR-XAI (Arras et "
    "al. 2022) and FunnyBirds (Hesse et al. 2023). Here the question is a search, and the control "
    "is the network's own mean map.",
)


def _page(table: pd.DataFrame) -> pd.DataFrame:
    """A line a row and map; a cell: the value and what it is ahead of the mean map's."""
    lines = []
    for (method, name), numbers in table.groupby(["method", "map"], sort=False):
        by_measure = numbers.set_index("measure")
        cells = {
            "method": method,
            "map": {**TITLES, **LIMITS}[name],
            "seeds": str(numbers["n_seeds"].max()),
        }
        for measure, heading in MEASURES.items():
            cells[heading] = _cell(by_measure.loc[measure], 2 if measure == "mass_ratio" else 1)
        cells["explained, %"] = (
            f"{by_measure.loc[EXPLAINED, 'value']:.0f}" if name in TITLES else ""
        )
        lines.append(cells)
    return pd.DataFrame(lines)


def _cell(line: pd.Series, digits: int) -> str:
    text = f"{line['value']:z.{digits}f}"
    if pd.isna(line["ahead"]):
        return text
    ahead, low, high = (f"{line[c]:+z.{digits}f}" for c in ("ahead", "ahead_low", "ahead_high"))
    return f"{text}; ahead {ahead} [{low}, {high}]"


def sentences(table: pd.DataFrame, data_set: DataSet, method: str = "RNN-HA") -> str:
    """What a row's attention, measured, says: computed, whichever way it is. Empty where the row's
    attention was not measured."""
    own = table[(table["method"] == method) & (table["map"] == "attention")].set_index("measure")
    if own.empty:
        return ""
    count = int(own["n_seeds"].max())
    parts = [
        f"{method}'s attention on {data_set.place}, {count} seed{'s' if count > 1 else ''}: "
        f"its mean map accounts for {own.loc[EXPLAINED, 'value']:.0f} % of what sets it apart "
        "from an even one."
    ]
    for measure, better in (("auc", 1), ("insertion", 1), ("deletion", -1)):
        line = own.loc[measure]
        low, high = sorted((better * line["ahead_low"], better * line["ahead_high"]))
        says = (
            "better than its mean map"
            if low > 0
            else "worse than its mean map"
            if high < 0
            else "not to be told from its mean map"
        )
        parts.append(
            f"By {MEASURES[measure].partition(',')[0]} it is {says}: {line['value']:.1f}, "
            f"{line['ahead']:+z.1f} [{line['ahead_low']:+z.1f}, {line['ahead_high']:+z.1f}]."
        )
    return " ".join(parts)
