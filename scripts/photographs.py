"""The part of Vehicle-Re-ID-Dataset that results/tables/photographs*.md are about.

    git clone https://github.com/Khoa-Nguyen-Truong/Vehicle-Re-ID-Dataset build/clone
    git -C build/clone checkout 3d129a2
    .venv/bin/python scripts/photographs.py build/clone data/photographs

Copies `images/train` without its motorcycles, scaled down to at most 256 pixels on the longer side.
"""

import argparse
from pathlib import Path

from PIL import Image

from rnnha.paths import atomic

LONGER_SIDE, QUALITY = 256, 90


def copy(clone: Path, out: Path) -> int:
    """Write the photographs into `out`/images; return how many. FileNotFoundError without any."""
    found = sorted(clone.glob("images/train/*_cam[12].jpg"))
    kept = [file for file in found if not file.name.startswith("motorcycle")]
    if not kept:
        raise FileNotFoundError(f"{clone}/images/train has no files like car_0001_cam1.jpg")
    folder = out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for file in kept:
        with Image.open(file) as picture, atomic(folder / file.name) as temporary:
            picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
            picture.save(temporary, format="JPEG", quality=QUALITY)
    return len(kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    try:
        print(f"{copy(options.clone, options.out)} photographs in {options.out}")
    except OSError as error:
        parser.exit(1, f"photographs: {error}\n")
