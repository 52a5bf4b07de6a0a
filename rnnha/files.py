"""Reading folders and text files of data sets that were packed on many machines."""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


class DataError(ValueError):
    """Data that cannot be used: the message names the file, what was found and what to do."""


def image_names(folder: Path) -> set[str]:
    """Names of the image files directly in `folder`, by one scan without a stat per file.

    Hidden files (macOS leaves `._name.jpg` beside each image) are no images.
    """
    with os.scandir(folder) as entries:
        return {
            entry.name
            for entry in entries
            if entry.name.lower().endswith(IMAGE_SUFFIXES)
            and not entry.name.startswith(".")
            and not entry.is_dir()
        }


def missing_files(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are no file; each folder is scanned once."""
    present: dict[Path, set[str]] = {}
    missing = []
    for path in paths:
        folder = path.parent
        if folder not in present:
            try:
                with os.scandir(folder) as entries:
                    present[folder] = {entry.name for entry in entries if not entry.is_dir()}
            except OSError:
                present[folder] = set()
        if path.name not in present[folder]:
            missing.append(path)
    return missing


def read_text(path: Path) -> str:
    """Text of `path`, whatever its encoding: UTF-8, else GB18030 (a superset of gb2312).

    Bytes that are neither become U+FFFD: names are for display, and never worth a failure.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", errors="replace")


def read_lines(path: Path) -> list[str]:
    """Lines of `path` without line ends (LF, CRLF or CR) and outer blanks, empty tail dropped.

    Empty lines inside stay, because line k of an index file belongs to query k.
    """
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def some(names: Iterable, limit: int = 10) -> str:
    """`a, b, c and 5 more`: at most `limit` names for an error message."""
    names = list(names)
    shown = ", ".join(str(name) for name in islice(names, limit))
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
