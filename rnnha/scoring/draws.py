"""VehicleID's gallery draws: one image a vehicle, ten times, kept on disk.

The usual protocol draws anew in each run, so that no two runs are scored alike. Here an image's
place in a draw depends on its name alone, neither on the order of the list nor on a library's
random generator, and the draws are written down: text that can be read, compared and shared.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.files import DataError
from rnnha.paths import atomic
from rnnha.scoring.ranking import name_keys

TRIALS = 10
COLUMNS = ["test_size", "trial", "image"]

Draws = dict[int, list[set[str]]]


def gallery_draws(lists: Mapping[int, pd.DataFrame], file: Path | None) -> Draws:
    """The gallery of each test list and trial: size -> one set of image names a trial.

    lists: size -> images with columns `name` and `vehicle_id`.
    file: CSV of the draws, used as far as it goes, else written; None keeps nothing.
    Raises DataError when the file disagrees with the lists.
    """
    known = _read(file, lists) if file is not None and file.exists() else {}
    drawn = {
        size: known.get(size) or [draw(images, trial) for trial in range(TRIALS)]
        for size, images in lists.items()
    }
    if file is not None and drawn.keys() - known.keys():
        rows = [
            (size, trial, name)
            for size, trials in drawn.items()
            for trial, names in enumerate(trials)
            for name in sorted(names)
        ]
        with atomic(file) as temporary:
            pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False, lineterminator="\n")
    return drawn


def draw(images: pd.DataFrame, trial: int) -> set[str]:
    """One image of each vehicle, at random: that with the least pseudo-random number."""
    order = np.argsort(name_keys(images["name"], f"gallery draw {trial}"), kind="stable")
    return set(images.iloc[order].drop_duplicates("vehicle_id")["name"])


def _read(file: Path, lists: Mapping[int, pd.DataFrame]) -> Draws:
    try:
        table = pd.read_csv(file, dtype={"image": str})[COLUMNS]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{file}: not readable as gallery draws ({error}); expected columns "
            f"{', '.join(COLUMNS)}. Remove it to draw again"
        ) from error
    drawn: Draws = {}
    for size, images in lists.items():
        vehicle = images.set_index("name")["vehicle_id"]
        of_size = table[table["test_size"] == size]
        if of_size.empty:  # written by a run on fewer lists
            continue
        drawn[size] = []
        for trial in range(TRIALS):
            names = of_size.loc[of_size["trial"] == trial, "image"]
            found = vehicle.reindex(names)
            if found.isna().any() or found.duplicated().any() or len(found) != vehicle.nunique():
                raise DataError(
                    f"{file}: draw {trial} of test list {size} has {len(names):,} images, "
                    f"{int(found.isna().sum()):,} of them not in the list; expected one of each of "
                    f"its {vehicle.nunique():,} vehicles. It is of another version of the "
                    "list: remove it to draw again"
                )
            drawn[size].append(set(names))
    return drawn
