"""Label files released by the paper's authors (MATLAB), as another source of the lists.

Source: github.com/tzzcl/RNN-HA: `train_imdb_VeRi.mat`, `train_imdb_Vehi.mat` and
`test_list_{800,1600,2400}.mat`, each a struct `images` with the fields `name`, `class` and, in
the training lists, `model`. The readers use one that lies in the data set's folder when the
set's own list or label file is missing.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat

from rnnha.files import DataError

VERI_TRAIN = "train_imdb_VeRi.mat"
VEHICLEID_TRAIN = "train_imdb_Vehi.mat"


def read_list(path: Path) -> pd.DataFrame:
    """Columns image (string, file name), vehicle_class (int64), coarse_id (Int64).

    vehicle_class counts 1, 2, 3... in the training lists and is the vehicle's id in the test
    lists; coarse_id is VeRi's type or VehicleID's model, <NA> in the test lists.
    Raises DataError when the file is not such a list.
    """
    path = Path(path)
    try:
        images = loadmat(path)["images"]
        columns = {name: images[name][0][0][0] for name in images.dtype.names}
        names = [str(name[0]) for name in columns["name"]]
        classes = columns["class"].astype(np.int64)
        table = pd.DataFrame({"image": names, "vehicle_class": classes})
    except Exception as error:  # scipy raises its own, zlib's, struct's and others' exceptions
        raise DataError(
            f"{path}: not one of the authors' label files (MATLAB struct `images` with `name` and "
            f"`class`): {type(error).__name__}: {error}"
        ) from error
    table["image"] = table["image"].astype("string")
    models = columns["model"].astype(np.int64) if "model" in columns else pd.NA
    table["coarse_id"] = pd.Series(models, index=table.index, dtype="Int64")
    return table
