"""Folders with the files and lists of VeRi-776 and VehicleID V1.0, and pictures of nothing.

    PYTHONPATH=. python bench/folders.py veri FOLDER

The counts, the grammar of names and lists and the known faults are the real sets'; identities,
cameras, types and models are drawn with a seed. Every image file is one of a few small JPEGs,
hard-linked where the file system can. VeRi's four files of camera places and class names, which
nothing here reads, are left out.
"""

import argparse
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from rnnha.data.veri import MISSING_TYPES


@dataclass(frozen=True)
class Veri:
    """Counts of a folder in VeRi's layout; the defaults are the real set's.

    pairs: (vehicle, camera) pairs of the test vehicles; each gives one query image.
    absent: vehicles, or vehicle and camera, and how many of their first images the label XML lacks.
    """

    train_images: int = 37_778
    train_vehicles: int = 576
    gallery_images: int = 11_579
    test_vehicles: int = 200
    pairs: int = 1_678
    tracks: int = 2_021
    absent: tuple[tuple[str, int], ...] = (("0389", 24), ("0324_c019", 5), ("0395_c012", 3))


@dataclass(frozen=True)
class VehicleID:
    """Counts of a folder in VehicleID's layout; the defaults are the real set's.

    (images, vehicles) of the training vehicles with and without a model label and of the test
    vehicles; lists: vehicles -> images. How many images the lists of 3,200 and 6,000 hold was not
    at hand: theirs have as many a vehicle as the whole.
    """

    labelled: tuple[int, int] = (90_168, 10_309)
    unlabelled: tuple[int, int] = (23_178, 2_855)
    test: tuple[int, int] = (108_221, 13_164)
    models: int = 228
    lists: tuple[tuple[int, int], ...] = (
        (800, 6_493),
        (1600, 13_377),
        (2400, 19_777),
        (3200, 26_307),
        (6000, 49_326),
        (13_164, 108_221),
    )


VERI, VEHICLEID = Veri(), VehicleID()
CAMERAS = 20
TYPE_SHARES = np.array([19916, 4162, 2041, 2006, 912, 2417, 2782, 3422, 120]) / 37_778
TYPE_IN_XML = {389: 3, 324: 1, 395: 8, 3: 0, 7: 0, 41: 0}  # the last three by a fault of V1.0
LARGEST_MODEL = 0.132  # of the images
MODEL_NAMES = 250


def veri(root: Path, size: Veri = VERI, seed: int = 0) -> Path:
    """Write a folder in VeRi's layout; return it."""
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(1, 777), list(TYPE_IN_XML))
    drawn = rng.permutation(others)
    test = np.sort(drawn[: size.test_vehicles])
    more = size.train_vehicles - len(TYPE_IN_XML)
    train = _veri_train(np.sort(drawn[len(drawn) - more :]), size, rng)
    tracks = _veri_tracks(test, size, rng)
    gallery = sorted(name for track in tracks for name in track)
    first_of_pair: dict[str, str] = {}
    for name in rng.permutation(gallery):
        first_of_pair.setdefault(name[:9], str(name))
    query = sorted(first_of_pair.values())

    pictures = Pictures()
    for names, folder, listing in (
        (train, "image_train", "name_train.txt"),
        (query, "image_query", "name_query.txt"),
        (gallery, "image_test", "name_test.txt"),
    ):
        pictures.write(root / folder, names)
        write_lines(root / listing, names)
    absent = set()
    for prefix, count in size.absent:
        absent |= set([name for name in train if name.startswith(prefix)][:count])
    kinds = TYPE_IN_XML | {int(v): int(rng.choice(9, p=TYPE_SHARES)) + 1 for v in others}
    items = [name for name in train if name not in absent]
    (root / "train_label.xml").write_bytes(_label_xml("TrainingImages", items, kinds))
    (root / "test_label.xml").write_bytes(_label_xml("TestImages", gallery, kinds))
    write_lines(root / "test_track.txt", (" ".join(track) for track in tracks))
    _write_indices(root, query, gallery)
    return root


def _veri_train(vehicles: np.ndarray, size: Veri, rng) -> list[str]:
    """The images that the real label file lacks have their real names, as a reader's table does."""
    known = list(pd.read_csv(MISSING_TYPES)["image"])
    whole = set(prefix for prefix, _ in size.absent)  # vehicles or cameras that are complete so
    vehicles = np.append(vehicles, [v for v in TYPE_IN_XML if f"{v:04d}" not in whole])
    count = size.train_images - len(known)
    names = set(known)
    for vehicle, images in zip(vehicles, _shares(count, len(vehicles)), strict=True):
        cameras = [c for c in range(1, CAMERAS + 1) if f"{vehicle:04d}_c{c:03d}" not in whole]
        seen_by = rng.choice(cameras, size=min(images, 8), replace=False)
        for camera, part in zip(seen_by, _shares(images, len(seen_by)), strict=True):
            names |= set(_passage(vehicle, camera, part, rng))
    return sorted(names)


def _veri_tracks(vehicles: np.ndarray, size: Veri, rng) -> list[list[str]]:
    """Tracks of test images, each of one vehicle in one camera; each vehicle in several cameras."""
    pairs = [
        (vehicle, camera)
        for vehicle, cameras in zip(vehicles, _shares(size.pairs, len(vehicles)), strict=True)
        for camera in rng.choice(CAMERAS, size=cameras, replace=False) + 1
    ]
    again = rng.choice(len(pairs), size=size.tracks - len(pairs), replace=False)
    passages = [(*pair, 0) for pair in pairs] + [(*pairs[i], 1) for i in again]
    images = _shares(size.gallery_images, len(passages))
    return [
        _passage(vehicle, camera, count, rng, later)
        for (vehicle, camera, later), count in zip(sorted(passages), images, strict=True)
    ]


def _passage(vehicle: int, camera: int, images: int, rng, later: int = 0) -> list[str]:
    """Names of a vehicle's images while it passes a camera: every fifth frame."""
    begin = 50_000 * later + int(rng.integers(1, 40_000))
    return [f"{vehicle:04d}_c{camera:03d}_{begin + 5 * k:08d}_0.jpg" for k in range(images)]


def _label_xml(tag: str, names: list[str], kinds: dict[int, int]) -> bytes:
    lines = ['<?xml version="1.0" encoding="gb2312"?>', f'<{tag} Version="1.0">']
    lines += ["<!-- 车辆 -->", f'<Items number="{len(names)}">']
    for name in names:
        vehicle, camera = name[:4], name[5:9]
        lines.append(
            f'<Item imageName="{name}" vehicleID="{vehicle}" cameraID="{camera}" '
            f'colorID="{int(vehicle) % 10 + 1}" typeID="{kinds[int(vehicle)]}" />'
        )
    return "\r\n".join([*lines, "</Items>", f"</{tag}>", ""]).encode("gb2312")


def _write_indices(root: Path, query: list[str], gallery: list[str]) -> None:
    """Line k answers query k: places in name_test.txt from 1, each followed by a blank."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(gallery, start=1):
        places.setdefault(name[:4], []).append(place)
    lines: dict[str, list[str]] = {"gt": [], "jk": []}
    for name in query:
        answer = {"gt": "", "jk": ""}
        for place in places[name[:4]]:
            answer["jk" if gallery[place - 1][:9] == name[:9] else "gt"] += f"{place} "
        for kind, line in answer.items():
            lines[kind].append(line)
    for kind, of_kind in lines.items():
        write_lines(root / f"{kind}_index.txt", of_kind)


def vehicleid(root: Path, size: VehicleID = VEHICLEID, seed: int = 0) -> Path:
    """Write a folder in VehicleID's layout; return it."""
    rng = np.random.default_rng(seed)
    groups = (size.labelled, size.unlabelled, size.test)
    ids = iter(rng.permutation(sum(vehicles for _, vehicles in groups)) + 1)
    frames = iter(rng.permutation(sum(images for images, _ in groups)) + 1)
    labelled, unlabelled, test = (
        {
            int(next(ids)): [f"{next(frames):07d}" for _ in range(count)]
            for count in _shares(images, vehicles)
        }
        for images, vehicles in groups
    )
    train, everything = labelled | unlabelled, labelled | unlabelled | test
    vehicle_of = {image: vehicle for vehicle, images in everything.items() for image in images}
    Pictures().write(root / "image", (f"{image}.jpg" for image in sorted(vehicle_of)))

    attribute, split = root / "attribute", root / "train_test_split"
    write_lines(attribute / "img2vid.txt", (f"{k} {vehicle_of[k]}" for k in sorted(vehicle_of)))
    models = _models(list(labelled), size.models, rng)
    with_model = list(test)[: len(test) * len(labelled) // len(train)]
    models |= {
        v: int(m) for v, m in zip(with_model, rng.choice(MODEL_NAMES, len(with_model)), strict=True)
    }
    write_lines(attribute / "model_attr.txt", (f"{v} {m}" for v, m in sorted(models.items())))
    write_lines(attribute / "color_attr.txt", (f"{v} {v % 7}" for v in sorted(models)))
    write_lines(attribute / "model_names.txt", (f"车型{m}" for m in range(MODEL_NAMES)), "gb18030")
    write_lines(attribute / "color_names.txt", (f"颜色{c}" for c in range(7)), "gb18030")
    write_lines(split / "train_list.txt", _lines(train))
    for vehicles, images in size.lists:
        chosen = _test_list(test, vehicles, images, rng)
        write_lines(split / f"test_list_{vehicles}.txt", _lines(chosen))
    return root


def _lines(images_of: dict[int, list[str]]) -> Iterable[str]:
    return (f"{image} {vehicle}" for vehicle, images in images_of.items() for image in images)


def _models(vehicles: list[int], models: int, rng) -> dict[int, int]:
    """Vehicle -> model: `models` of the numbers below MODEL_NAMES, one of them common."""
    numbers = rng.choice(MODEL_NAMES, size=models, replace=False)
    rest = rng.random(models - 1) ** 3
    shares = np.append(LARGEST_MODEL, (1 - LARGEST_MODEL) * rest / rest.sum())
    drawn = rng.choice(models, size=len(vehicles), p=shares)
    drawn[:models] = np.arange(models)  # each occurs
    return dict(zip(vehicles, numbers[drawn].tolist(), strict=True))


def _test_list(test: dict[int, list[str]], vehicles: int, images: int, rng) -> dict:
    """A draw of so many test vehicles that have so many images: some have one more than others."""
    fewest = min(map(len, test.values()))
    parts = [[v for v in test if (len(test[v]) > fewest) == more] for more in (False, True)]
    larger = images - fewest * vehicles
    chosen = [
        *rng.choice(parts[0], vehicles - larger, replace=False),
        *rng.choice(parts[1], larger, replace=False),
    ]
    return {int(vehicle): test[int(vehicle)] for vehicle in rng.permutation(chosen)}


def _shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` whole numbers, no two differing by more than one."""
    return [total // parts + (part < total % parts) for part in range(parts)]


class Pictures:
    """Writes image files that are copies of a few JPEGs: hard links where there can be any."""

    KINDS = 20  # ext4 allows 65,000 links of a file

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.contents = []
        for _ in range(self.KINDS):
            file = io.BytesIO()
            pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((96, 72)).save(file, "JPEG")
            self.contents.append(file.getvalue())
        self.first: dict[int, Path] = {}

    def write(self, folder: Path, names: Iterable[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name in zip(cycle(range(self.KINDS)), names, strict=False):
            path = folder / name
            try:
                os.link(self.first[kind], path)
            except (KeyError, OSError):  # the first of its kind, too many links, or none possible
                path.write_bytes(self.contents[kind])
                self.first[kind] = path


def write_lines(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> None:
    """Lines that end in CRLF, as both sets have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=("veri", "vehicleid"))
    parser.add_argument("folder", type=Path, help="a folder that is not there yet")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already; name a folder that is not")
    build = {"veri": veri, "vehicleid": vehicleid}[arguments.dataset]
    print(f"written: {build(arguments.folder)}")


if __name__ == "__main__":
    main()
