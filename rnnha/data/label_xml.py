"""VeRi's label files, `train_label.xml` and `test_label.xml`."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd

from rnnha.files import DataError, expect_names, read_bytes, whole_number


def read_label_xml(path: Path) -> pd.DataFrame:
    """Items of `train_label.xml` or `test_label.xml`: index image name; vehicle, camera, type_id,
    color_id (Int64).

    The declaration says gb2312, which Python's parser refuses; so decode first, then drop it.
    Raises DataError for anything else; a document type, too, where entities would be declared.
    """
    content = read_bytes(path)
    declared = re.match(rb"\s*(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding=[\"']([\w-]+)", content)
    encoding = declared[1].decode() if declared else "utf-8"
    try:
        text = content.decode(encoding, errors="replace")
        text = re.sub(r"^\s*<\?xml.*?\?>", "", text.lstrip("\ufeff"), count=1, flags=re.DOTALL)
        if "<!DOCTYPE" in text:
            raise ValueError("it declares a document type, as no label file does")
        items = [item.attrib for item in ElementTree.fromstring(text).iter("Item")]
        if not items:
            raise ValueError("no <Item>")
        names, labels = zip(*map(_item, items), strict=True)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(
            f"{path}: no VeRi label file ({type(error).__name__}: {error}); expected <Item "
            "imageName vehicleID cameraID colorID typeID/> for each image"
        ) from error
    table = pd.DataFrame(
        labels,
        columns=["vehicle", "camera", "type_id", "color_id"],
        index=pd.Index(names, dtype="string"),
        dtype="Int64",
    )
    table = table[~table.index.duplicated()]
    expect_names(table.index, path)
    return table


def _item(item: dict[str, str]) -> tuple[str, list[int]]:
    """An item's image name, and its vehicle, camera, type and colour."""
    name = item.get("imageName")
    numbers = []
    for attribute in ("vehicleID", "cameraID", "typeID", "colorID"):
        if name is None or attribute not in item:
            raise ValueError(
                f"an item without {'imageName' if name is None else attribute}: {item}"
            )
        text = item[attribute].strip()
        try:
            numbers.append(whole_number(text.lstrip("cC") if attribute == "cameraID" else text))
        except ValueError as error:
            raise ValueError(f"{attribute} of {name}: {error}") from error
    return name, numbers
