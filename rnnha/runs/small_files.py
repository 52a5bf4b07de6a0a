"""The small files of a run, one at a time: read with one clear error, written whole or not."""

import gzip
import io
import json
import zlib
from pathlib import Path

import pandas as pd

from rnnha.files import DataError
from rnnha.paths import atomic


def write_per_query(frame: pd.DataFrame, path: Path) -> None:
    """`write_packed` for `scoring.protocols.score`."""
    write_packed(frame, Path(path), "%.9g")


def write_packed(frame: pd.DataFrame, path: Path, numbers: str) -> None:
    """Write gzipped CSV in which equal numbers give equal bytes: no time, no file name inside.

    numbers: the format of floats.
    """
    text = frame.to_csv(index=False, float_format=numbers, lineterminator="\n")
    with atomic(path) as temporary, open(temporary, "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            packed.write(text.encode())


def read_per_query(path: Path) -> pd.DataFrame:
    """Read what `write_per_query` wrote; raises DataError for a damaged or foreign file."""
    return read_packed(Path(path))


def read_packed(path: Path) -> pd.DataFrame:
    """Read what `write_packed` wrote; raises DataError as `read_per_query`."""
    try:
        text = gzip.decompress(path.read_bytes()).decode()
        types = {"test_size": str, "protocol": str, "query": str, "first_rank": "int64"}
        return pd.read_csv(io.StringIO(text), dtype=types)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"{path}: not readable as a packed table ({error}); run the experiment again"
        ) from error


def read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}); run it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: found a {type(content).__name__}, expected names with values")
    return content


def read_csv(path: Path, columns) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype={"test_size": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as CSV ({error}); run it again") from error
    if absent := [column for column in columns if column not in frame]:
        raise DataError(f"{path}: columns missing: {', '.join(absent)}; run it again")
    return frame


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.9g")


def write_json(path: Path, content: dict) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
