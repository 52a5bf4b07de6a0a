"""The cells of a CSV file as text, with the lines they stand on, and ids among them.

A reader that guesses where a file is odd scores the wrong thing in silence: a blank line that is
skipped moves all later rows against their embeddings, and a cell too many moves the columns. So
the csv module reads, each row must fit the head, and what does not is refused with its line.
"""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pandas as pd

from rnnha.files import DataError, some

#: How spreadsheets and libraries write that nothing is known; upper and lower case are one.
UNKNOWN = frozenset({"", "nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nat"})
WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII)
DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
ROUNDED = re.compile(r"[+-]?\d(?:\.\d+)?[eE]\+\d+", re.ASCII)  # 1.23E+17, for 123456789012345678

Record = tuple[int, list[str]]


def read_blocks(path: Path, size: int | None = None) -> Iterator[pd.DataFrame]:
    """Blocks of `size` rows (None: all at once), at least one: stripped text, <NA> where unknown.

    The index is the line of the file, from 1, that a row begins on. Raises DataError with the line
    for what is no CSV in UTF-8: NUL bytes, an open quote, blank lines between rows, columns without
    a head or with the same one, and rows that have not one cell for each column.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: expected a CSV file, found a folder, a pipe or a device")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(_lines(path, file), strict=True, skipinitialspace=True)
            records = _without_tail(path, _records(path, reader))
            columns, places = _head(path, next(records, (1, [])))
            rows = _fitting(path, records, columns)
            first = True
            while (block := list(islice(rows, size))) or first:
                yield _frame(block, columns, places)
                first = False
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable CSV file in UTF-8: {error}") from error


def one_spelling(column: pd.Series, path: Path) -> pd.Series:
    """Ids as text in which N.0 is N: a column with a gap was saved as decimals somewhere.

    column: as `read_blocks` gives it. Raises DataError with the lines where two texts are one
    number, so that one id would be two ("1" and "001"), and for numbers that a spreadsheet rounded.
    """
    plain = {}
    for text in column.dropna().unique():
        if ROUNDED.fullmatch(text):
            raise DataError(
                f"{path}: {column.name} is {text} on lines {some(_lines_of(column, text))}; so a "
                "spreadsheet rounds a long number, and many ids become one: write it in full"
            )
        match = WHOLE.fullmatch(text)
        plain[text] = match[1] if match else text
    column = column.map(plain, na_action="ignore").astype("string").rename(column.name)
    first: dict[Decimal, str] = {}
    for text in plain.values():
        if DECIMAL.fullmatch(text) and (other := first.setdefault(Decimal(text), text)) != text:
            raise DataError(
                f"{path}: {column.name} is {other} on line {_lines_of(column, other)[0]} and "
                f"{text} on line {_lines_of(column, text)[0]}: one number in two spellings; write "
                "one id in one way"
            )
    return column


def numbers(column: pd.Series, path: Path) -> tuple[pd.Series, str | None]:
    """Ids as Int64, and a note: whole numbers stay what they are, text is numbered 0, 1, 2...

    column: as `read_blocks` gives it; one with text in it is numbered in alphabetical order, which
    the note says. Raises DataError as `one_spelling` does, and for numbers beyond 64 bits.
    """
    column, note = one_spelling(column, path), None
    texts = sorted(column.dropna().unique())
    if all(WHOLE.fullmatch(text) for text in texts):
        large = [t for t in texts if len(t.lstrip("+-0")) > 19 or not -(2**63) <= int(t) < 2**63]
        if large:
            raise DataError(
                f"{path}: {column.name} is {large[0][:40]} on lines "
                f"{some(_lines_of(column, large[0]))}; expected numbers from -2^63 to 2^63 - 1: "
                "shorten it, or put a letter before each"
            )
        number_of = {text: int(text) for text in texts}
    else:
        number_of = {text: number for number, text in enumerate(texts)}
        shown = some((f"{text} = {number}" for text, number in number_of.items()), 3)
        note = (
            f"{column.name}: {len(texts):,} texts numbered from 0 in alphabetical order ({shown})"
        )
    # Through a list: a map with gaps would go through float64, which holds 53 bits.
    found = [pd.NA if text is pd.NA else number_of[text] for text in column]
    return pd.Series(found, index=column.index, dtype="Int64", name=column.name), note


def _lines_of(column: pd.Series, text: str) -> list[int]:
    return column.index[(column == text).fillna(False).to_numpy(bool)].tolist()


def _lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise DataError(
                f"{path}, line {number}: NUL bytes; the file is damaged, or not in UTF-8: write it "
                "again, as UTF-8"
            )
        yield line


def _records(path: Path, reader) -> Iterator[Record]:
    """(line that it begins on, cells) of each record; a quoted cell may go over several lines."""
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: not CSV ({error}); is a quote left open, or within a cell?"
        ) from error


def _without_tail(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """Drop blank lines at the end (commas alone are blank, too), and refuse any other."""
    blank = None
    for line, cells in records:
        if not "".join(cells).strip():
            blank = blank or line
        elif blank is not None:
            raise DataError(
                f"{path}, line {blank}: blank; take it out, or fill it: row i of stored embeddings "
                "belongs to row i below the head"
            )
        else:
            yield line, cells


def _head(path: Path, record: Record) -> tuple[list[str], list[int]]:
    """All cells of the head, trailing blanks dropped, and the places of those with a name."""
    columns = [cell.strip() for cell in record[1]]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise DataError(
            f"{path}: empty, not usable as a manifest; expected a head, and a row an image"
        )
    places = [place for place, name in enumerate(columns) if name]
    twice = [columns[place] for place in places if columns.count(columns[place]) > 1]
    if twice:
        raise DataError(f"{path}, line {record[0]}: two columns are called {twice[0]}; keep one")
    return columns, places


def _fitting(path: Path, records: Iterator[Record], columns: list[str]) -> Iterator[Record]:
    """The records, each checked to have one cell for each column."""
    width, unnamed = len(columns), [i for i, name in enumerate(columns) if not name]
    for line, cells in records:
        if len(cells) != width and (len(cells) < width or "".join(cells[width:]).strip()):
            raise DataError(
                f"{path}, line {line}: {len(cells)} cells, but the head has {width} columns "
                f"({', '.join(columns)}); a cell with a comma needs quotes, an unknown one is left "
                "empty between its commas, and an index needs no column (index=False in pandas)"
            )
        for place in unnamed:
            if cells[place].strip():
                raise DataError(
                    f"{path}, line {line}: {cells[place].strip()!r} stands in column {place + 1}, "
                    "which has no head; name it, or take it out (index=False in pandas)"
                )
        yield line, cells


def _frame(records: list[Record], columns: list[str], places: list[int]) -> pd.DataFrame:
    cells = {
        columns[place]: [
            None if len(text) < 5 and text.lower() in UNKNOWN else text
            for text in [cells[place].strip() for _, cells in records]
        ]
        for place in places
    }
    return pd.DataFrame(
        {name: pd.array(texts, dtype="string") for name, texts in cells.items()},
        index=pd.Index([line for line, _ in records], dtype="int64"),
    )
