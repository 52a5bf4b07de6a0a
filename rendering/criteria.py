"""What docs/data.md asks of the sets, each with its bound and what the committed results say."""

import operator
from pathlib import Path

import pandas as pd

from rnnha.paths import RESULTS

COLUMNS = ["criterion", "set", "bound", "found", "met"]
COMPARE = {"≥": operator.ge, "<": operator.lt, "≤": operator.le}


def criteria(results: Path = RESULTS) -> pd.DataFrame:
    """One row a criterion that can be measured; found in percent or points, AUC in 0 to 1.

    Reads data_audit.csv (`--audit`), bench/learnable.csv (the development set) and the table of
    Rendered-VeRi. A number that is not there yet is an error that names its file.
    """
    audit = pd.read_csv(results / "data_audit.csv", keep_default_na=False)
    curve = pd.read_csv(results / "bench" / "learnable.csv")
    dev = curve[(curve["vehicles"] == 600) & (curve["image_size"] == 96)].iloc[0]
    table = pd.read_csv(results / "tables" / "rendered-veri.csv")
    further = pd.read_csv(results / "tables" / "rendered-veri-exploratory.csv")
    table = table[(table["metric"] == "mAP") & (table["protocol"] == "image-to-image")]
    ours = table.set_index("method")["ours"]
    primary = further[further["role"] == "primary"].iloc[0]

    def audited(what: str, measure: str = "mAP") -> pd.DataFrame:
        return audit[(audit["what"] == what) & (audit["measure"] == measure)]

    def best(what: str) -> float:
        return float(audited(what)["value"].max())

    knows, bare = audited("oracle: model and paint"), audited("rendered without cues")
    of_bare = float(knows.loc[knows["vehicles"] == bare["vehicles"].iloc[0], "value"].iloc[0])
    chance, learned = best("a random order"), ours["identity only, as long"]
    rows = [
        (
            "1. test images with 10 differing pixels",
            "shipped",
            ("≥", 95),
            float(audited("cues seen", "10 pixels")["value"].iloc[0]),
        ),
        (
            "1. test images with two spots",
            "shipped",
            ("≥", 80),
            float(audited("cues seen", "2 spots")["value"].iloc[0]),
        ),
        ("2. look-alike AUC, identity only", "development", ("≥", 0.8), dev["auc_look_alikes"]),
        (
            "2. mAP, identity only, minus the oracle's",
            "shipped",
            ("≥", 15),
            learned - ours["oracle: model and paint"],
        ),
        ("3. mAP, colour histogram", "shipped", ("≤", 15), ours["colour histogram"]),
        (
            "3. mAP, the background alone, above a random order",
            "shipped",
            ("≤", 0.5),
            best("background alone") - chance,
        ),
        (
            "3. mAP, the camera alone, above a random order",
            "shipped",
            ("≤", 0.5),
            best("camera alone") - chance,
        ),
        (
            "3. mAP, the side alone, above a random order",
            "shipped",
            ("≤", 0.5),
            best("side alone") - chance,
        ),
        (
            "3. mAP, without cues, minus the oracle's",
            "shipped",
            ("≤", 0),
            best("rendered without cues") - of_bare,
        ),
        ("4. mAP, identity only", "shipped", ("<", 85), learned),
        (
            "4. detectable difference of the primary comparison",
            "shipped",
            ("≤", 1.5),
            primary["smallest"],
        ),
    ]
    return pd.DataFrame(
        [
            (name, of, f"{sign} {bound}", round(found, 3), COMPARE[sign](found, bound))
            for name, of, (sign, bound), found in rows
        ],
        columns=COLUMNS,
    )
