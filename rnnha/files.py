"""Reading folders and text files of data sets that were packed on many machines."""

import codecs
import os
import re
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

# C0 but for the newline, DEL, C1, and what turns the direction of a line: names of files and texts
# of errors may hold them, and a terminal obeys.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
LARGEST_LIST = 2**28  # bytes; VehicleID's and VeRi's lists and label files have about 2**22


class DataError(ValueError):
    """Data that cannot be used: the message names the file, what was found and what to do."""


def image_names(folder: Path) -> set[str]:
    """Names of the image files directly in `folder`, by one scan without a stat per file.

    Hidden files (macOS leaves `._name.jpg` beside each image) are no images.
    Raises DataError where there is no such folder, or it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name
                for entry in entries
                if entry.name.lower().endswith(IMAGE_SUFFIXES)
                and not entry.name.startswith(".")
                and entry.is_file()
            }
    except OSError as error:
        raise DataError(
            f"{folder}: expected a folder of images ({error.strerror}); unpack the archive again"
        ) from error


def missing_files(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are no file; each folder is scanned once."""
    present: dict[Path, set[str]] = {}
    missing = []
    for path in paths:
        folder = path.parent
        if folder not in present:
            try:
                with os.scandir(folder) as entries:
                    present[folder] = {entry.name for entry in entries if entry.is_file()}
            except OSError:
                present[folder] = set()
        if path.name not in present[folder]:
            missing.append(path)
    return missing


def expect_file(path: Path) -> None:
    """Raise DataError unless `path` is a regular file of a list's size: a pipe would hang the
    reader, and what is very large would fill the memory.
    """
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise DataError(f"{path}: expected a file, found {what}; unpack the archive again")
    if found.st_size > LARGEST_LIST:
        raise DataError(
            f"{path}: {found.st_size:,} bytes, and no list or label file has more than "
            f"{LARGEST_LIST:,}; unpack the archive again"
        )


def read_bytes(path: Path) -> bytes:
    """All of a list or label file; DataError unless it is a regular file that can be read."""
    expect_file(path)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path) -> str:
    """Text of `path`, whatever its encoding: UTF-8, UTF-16 with its mark, else GB18030 (a superset
    of gb2312).

    Bytes that are none of these become U+FFFD: names are for display, and never worth a failure.
    Raises DataError where there is no readable file, and for NUL bytes, which no text has.
    """
    content = read_bytes(path)
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in content
    text = content.decode("utf-8", errors="replace")
    for encoding in (*(["utf-16"] if marked else []), "utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if "\0" in text:
        raise DataError(
            f"{path}: holds NUL bytes, so it is no text file, or a damaged one; unpack the archive "
            "again, or save the file as UTF-8"
        )
    return text


def read_lines(path: Path) -> list[str]:
    """Lines of `path` without line ends (LF, CRLF or CR) and outer blanks, empty tail dropped.

    Empty lines inside stay, because line k of an index file belongs to query k.
    Raises DataError as `read_text` does.
    """
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def whole_number(text: str) -> int:
    """A number of ASCII digits that 64 bits can hold; ValueError for any other text."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"expected a whole number of at most 18 digits, found {text[:60]!r}")
    return int(text)


def expect_names(names: Iterable[str], path: Path) -> None:
    """Raise DataError unless the images that `path` lists are file names, and each is there once.

    Names, because images are looked for in the folder of their list: a path would never be found.
    """
    seen: set[str] = set()
    again: list[str] = []
    for name in names:
        if "\\" in name or "/" in name:
            marks = "back-slashes, as on Windows" if "\\" in name else "slashes"
            raise DataError(
                f"{path}: {name[:200]} is a path with {marks}; expected the image's file name "
                "alone: take the folders away from all lines"
            )
        if name in seen:
            again.append(name)
        seen.add(name)
    if again:
        raise DataError(
            f"{path}: {len(again):,} images are listed more than once: {some(again)}; keep one "
            "entry of each"
        )


def some(names: Iterable, limit: int = 10) -> str:
    """`a, b, c and 5 more`: at most `limit` names for an error message."""
    names = list(names)
    shown = ", ".join(str(name) for name in islice(names, limit))
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def printable(text: str) -> str:
    """Text for a terminal: control characters but the newline as Python writes them, `\\x1b`."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
