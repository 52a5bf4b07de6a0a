"""Writes tiny data sets byte by byte, with the oddities of the real ones in place."""

import csv
import io
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image
from scipy.io import savemat

from rnnha.data import official

VERI_TRAIN = {  # name -> (typeID, colorID) in train_label.xml; None: absent from it
    "0001_c001_00016450_0.jpg": (4, 7),
    "0001_c002_00016460_1.jpg": (4, 7),
    "0003_c001_00000001_0.jpg": (0, 10),  # the erratum: should be 2
    "0324_c002_00024000_0.jpg": (1, 5),
    "0324_c019_00024330_0.jpg": None,
    "0389_c014_00061220_0.jpg": None,
    "0395_c012_00049505_0.jpg": None,
    "0500_c001_00000001_0.jpg": None,  # absent from the XML and from the table
    "0600_c001_00000001_0.jpg": (0, 1),  # type 0, and no erratum says what it should be
}
VERI_GALLERY = (
    "0002_c002_00030600_0.jpg",
    "0002_c002_00030605_0.jpg",
    "0002_c003_00000007_0.jpg",
    "0005_c002_00000001_0.jpg",
    "0005_c004_00000002_0.jpg",
    "0005_c004_00000003_2.jpg",
)
VERI_QUERY = ("0005_c002_00000001_0.jpg", "0002_c003_00000007_0.jpg")
VERI_TRACKS = (VERI_GALLERY[:2], VERI_GALLERY[2:3], VERI_GALLERY[3:4], VERI_GALLERY[4:])
# Line k answers query k: same vehicle in another camera, and in the same camera; from 1.
VERI_GOOD = ("5 6 ", "1 2 ")
VERI_JUNK = ("4 ", "3 ")


@contextmanager
def seconds(limit: int) -> Iterator[None]:
    """Fail instead of hanging, where a reader waits for a pipe."""

    def late(number, frame):
        raise TimeoutError(f"hangs: not done after {limit} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def jpeg(size: tuple[int, int] = (12, 8), mode: str = "RGB", seed: int = 0) -> bytes:
    channels = {"RGB": (3,), "L": (), "CMYK": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "JPEG")
    return file.getvalue()


def write_images(folder: Path, names: Iterable[str]) -> None:
    """A picture for each name: files of one name are equal, others differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(jpeg(seed=crc32(name.encode())))


def write_crlf(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def label_xml(tag: str, items: dict[str, tuple[int, int]]) -> bytes:
    """As in VeRi: declared gb2312, with Chinese text in that encoding."""
    lines = ['<?xml version="1.0" encoding="gb2312"?>', f'<{tag} Version="1.0">']
    lines += ["<!-- 车辆 -->", f'<Items number="{len(items)}">']
    for name, (kind, color) in items.items():
        vehicle, camera = name.split("_")[:2]
        lines.append(
            f'<Item imageName="{name}" vehicleID="{vehicle}" cameraID="{camera}" '
            f'colorID="{color}" typeID="{kind}" />'
        )
    lines += ["</Items>", f"</{tag}>"]
    return "\r\n".join(lines).encode("gb2312")


def write_veri(root: Path) -> Path:
    write_images(root / "image_train", VERI_TRAIN)
    write_images(root / "image_query", VERI_QUERY)
    write_images(root / "image_test", VERI_GALLERY)
    write_crlf(root / "name_train.txt", VERI_TRAIN)
    write_crlf(root / "name_query.txt", VERI_QUERY)
    write_crlf(root / "name_test.txt", VERI_GALLERY)
    labelled = {name: label for name, label in VERI_TRAIN.items() if label}
    (root / "train_label.xml").write_bytes(label_xml("TrainingImages", labelled))
    tested = {name: (9 if name.startswith("0002") else 7, 8) for name in VERI_GALLERY}
    (root / "test_label.xml").write_bytes(label_xml("TestImages", tested))
    write_crlf(root / "test_track.txt", (" ".join(track) for track in VERI_TRACKS))
    write_crlf(root / "gt_index.txt", VERI_GOOD)
    write_crlf(root / "jk_index.txt", VERI_JUNK)
    return root


# VehicleID: image -> vehicle. Vehicles 10, 11, 12 are for training; 12 has no model label.
VEHICLEID_TRAIN = {"0000001": 10, "0000002": 10, "0000003": 11, "0000004": 12, "0000005": 12}
VEHICLEID_TEST = {"0000011": 20, "0000012": 20, "0000013": 21, "0000014": 21, "0000015": 22}
VEHICLEID_LISTS = {1: (22,), 2: (21, 20), 3: (20, 21, 22)}


def write_vehicleid(root: Path) -> Path:
    everything = VEHICLEID_TEST | VEHICLEID_TRAIN
    write_images(root / "image", (f"{image}.jpg" for image in everything))
    attribute, split = root / "attribute", root / "train_test_split"
    write_crlf(attribute / "img2vid.txt", (f"{k} {v}" for k, v in everything.items()))
    write_crlf(attribute / "model_attr.txt", ("10 1", "11 0", "20 1", "21 2", "22 2"))
    write_crlf(attribute / "color_attr.txt", ("10 0", "11 1", "12 1", "20 0", "21 0", "22 1"))
    chinese = "奥迪A6\r\n大众帕萨特\r\n本田\r\n"
    (attribute / "model_names.txt").write_bytes(chinese.encode("gb18030"))
    (attribute / "color_names.txt").write_bytes(b"\xff\xfe\x81 0\r\nred 1\r\n")  # no encoding
    write_crlf(split / "train_list.txt", (f"{k} {v}" for k, v in VEHICLEID_TRAIN.items()))
    for size, vehicles in VEHICLEID_LISTS.items():
        lines = [f"{k} {v}" for v in vehicles for k, w in VEHICLEID_TEST.items() if v == w]
        write_crlf(split / f"test_list_{size}.txt", lines)
    return root


def write_mat(path: Path, names: list[str], classes: list[int], models: list[int] | None) -> None:
    """A label file as the authors' MATLAB code writes it: struct of 1 x N rows, names as cells."""
    struct = {"name": np.array([names], dtype=object), "class": np.array([classes])}
    if models is not None:
        struct["model"] = np.array([models])
    savemat(path, {"images": struct})


def expect_mat(monkeypatch, name: str, images: int, vehicles: int, coarse: int) -> None:
    """Let the label file of this name have these counts, instead of the published ones."""
    counts = {"images": images, "vehicles": vehicles, "coarse": coarse}
    monkeypatch.setitem(official.LISTS, name, official.LISTS[name]._replace(**counts))


def write_side_car(layout: Path, rows: Iterable[tuple[str, int, str]]) -> None:
    """`images.csv` beside a rendered layout, from (image, vehicle, split)."""
    columns = "image vehicle_id split type model paint view camera light cues visible_cues".split()
    with open(layout.parent / "images.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        rest = ["suv", "m1", "p1", "front", "1", "sun", "dent;sticker", "dent red:front:40:60"]
        writer.writerows([*row, *rest] for row in rows)
