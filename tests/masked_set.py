"""A very small rendered set in VeRi's manner, for tests that need images, masks and cameras."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from rnnha.data.manifest import Benchmark, make_manifest

VEHICLES, CAMERAS, SIDE = 5, 3, 48


def tiny_veri(folder: Path, seed: int = 0) -> Benchmark:
    """Five test vehicles in three cameras, a query from each; vehicle 1 shows no cue anywhere.

    The queries are files of the gallery too, in another folder, as in VeRi.
    """
    rng = np.random.default_rng(seed)
    root, rows, side_car = folder / "rendered-veri" / "VeRi", [], []
    for part in ("image_query", "image_test", "../masks/cues", "../masks/vehicle"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for vehicle in range(1, VEHICLES + 1):
        for camera in range(1, CAMERAS + 1):
            name = f"{vehicle:04d}_c{camera:03d}_00000001_0.png"
            picture = rng.integers(0, 256, (SIDE, SIDE + 8, 3), dtype=np.uint8)
            splits = {"gallery": "image_test"} | ({"query": "image_query"} if camera == 1 else {})
            for split, place in splits.items():
                Image.fromarray(picture).save(root / place / name)
                rows.append(
                    {
                        "path": str(root / place / name),
                        "vehicle_id": vehicle,
                        "camera_id": camera,
                        "coarse_id": 1 + vehicle % 2,
                        "split": split,
                        "type": ("sedan", "van")[vehicle % 2],
                    }
                )
            side_car.append(
                {
                    "image": name,
                    "vehicle_id": vehicle,
                    "split": "gallery",
                    "type": ("sedan", "van")[vehicle % 2],
                    "model": f"m{vehicle % 2}",
                    "paint": "white",
                    "view": ("front", "rear", "left")[camera - 1],
                    "camera": camera,
                    "light": "sun",
                    "cues": "dent;decal",
                    "visible_cues": "decal red:left:40:60" if vehicle > 1 else "",
                }
            )
            cues = np.zeros((SIDE, SIDE + 8), bool)
            if vehicle > 1:
                cues[10 : 10 + 4 * vehicle, 20:30] = True
            whole = np.zeros_like(cues)
            whole[8:40, 6:50] = True
            Image.fromarray(cues).save(root.parent / "masks" / "cues" / name)
            Image.fromarray(whole).save(root.parent / "masks" / "vehicle" / name)
    pd.DataFrame(side_car).to_csv(root.parent / "images.csv", index=False)
    manifest = make_manifest(pd.DataFrame(rows), root)
    return Benchmark("rendered-veri", root, manifest, "veri", synthetic=True)
