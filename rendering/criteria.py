"""What docs/data.md asks of the sets, each with its bound and what the committed results say."""

import operator
from pathlib import Path

import pandas as pd

from rnnha.paths import RESULTS

COLUMNS = ["criterion", "set", "bound", "found", "met"]
SHIPPED = "Rendered-VeRi"
KNOWS, BARE = "oracle: model and paint", "rendered without cues"
COMPARE = {"≥": operator.ge, "<": operator.lt, "≤": operator.le}


def criteria(results: Path = RESULTS) -> pd.DataFrame:
    """One row a criterion that can be measured, all cells text.

    Reads data_audit.csv (`--audit`), bench/learnable.csv (the development set) and the table of
    Rendered-VeRi. A number that is not there yet is an error that names its file.
    """
    audit = pd.read_csv(results / "data_audit.csv", keep_default_na=False)
    curve = pd.read_csv(results / "bench" / "learnable.csv")
    at_size = (curve["vehicles"] == 600) & (curve["image_size"] == 96)
    dev = _first(curve[at_size], "bench/learnable.csv", "600 vehicles at 96 pixels")
    table = pd.read_csv(results / "tables" / "rendered-veri.csv")
    further = pd.read_csv(results / "tables" / "rendered-veri-exploratory.csv")
    table = table[(table["metric"] == "mAP") & (table["protocol"] == "image-to-image")]
    ours = table.set_index("method")["ours"]
    exploratory = "tables/rendered-veri-exploratory.csv"
    primary = _first(further[further["role"] == "primary"], exploratory, "the primary comparison")
    for method in ("identity only, as long", KNOWS, "colour histogram"):
        _first(ours.reindex([method]).dropna(), "tables/rendered-veri.csv", f"mAP of {method}")

    def audited(what: str, measure: str = "mAP") -> pd.DataFrame:
        found = audit[(audit["what"] == what) & (audit["measure"] == measure)]
        _first(found, "data_audit.csv", f"{measure} of {what}")
        return found

    def best(what: str) -> float:
        return float(audited(what)["value"].max())

    def seen(measure: str) -> float:
        return float(audited("cues seen", measure)["value"].iloc[0])

    knows, bare = audited(KNOWS), audited(BARE)
    of_bare = float(knows.loc[knows["vehicles"] == bare["vehicles"].iloc[0], "value"].iloc[0])
    chance, learned = best("a random order"), ours["identity only, as long"]
    rows = [
        ("1. test images with 10 differing pixels, %", SHIPPED, "≥ 95", seen("10 pixels")),
        ("1. test images with two such spots, %", SHIPPED, "≥ 80", seen("2 spots")),
        ("2. look-alike AUC of identity only", "development", "≥ 0.80", dev["auc_look_alikes"]),
        ("2. its mAP, above the oracle's", SHIPPED, "≥ 15.0", learned - ours[KNOWS]),
        ("3. mAP of the colour histogram", SHIPPED, "≤ 15.0", ours["colour histogram"]),
        *(
            (f"3. mAP of the {what}, above a random order", SHIPPED, "≤ 0.5", best(what) - chance)
            for what in ("background alone", "camera alone", "side alone")
        ),
        ("3. mAP without cues, above the oracle's", SHIPPED, "≤ 0.0", best(BARE) - of_bare),
        ("4. mAP of identity only", SHIPPED, "< 85.0", learned),
        ("4. detectable difference, points of mAP", SHIPPED, "≤ 1.50", primary["smallest"]),
    ]
    return pd.DataFrame([_judged(*row) for row in rows], columns=COLUMNS)


def _first(rows, file: str, what: str):
    """The first of some rows; ValueError where there is none."""
    if rows.empty:
        raise ValueError(f"{file}: {what} is not in it; make it anew (docs/data.md says how)")
    return rows.iloc[0]


def _judged(name: str, of: str, bound: str, found: float) -> tuple[str, str, str, str, str]:
    """The row of a criterion; what was found is rounded as the bound is, and judged unrounded."""
    sign, number = bound.split()
    digits = len(number.partition(".")[2])
    met = COMPARE[sign](found, float(number))
    return name, of, bound, f"{found:z.{digits}f}", "yes" if met else "no"
