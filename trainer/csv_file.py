"""CSV and TSV files: their records as columns of text, in pieces that memory can hold, and back to the line of a cell.

polars parses; where a file may be cut so that no record is, is decided here.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl

from trainer.errors import InputError
from trainer.raw_table import FrameFile, first_line, require_names

PIECE_BYTES = 1 << 20  # parsed, a piece takes twenty times this

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip and Zstandard


def open_csv(path: Path, separator: str) -> FrameFile:
    """Return the records of a file of text as columns of text, header taken off, blank lines at the end ignored."""
    first = next(_parsed(path, separator))
    n_pieces = path.stat().st_size / PIECE_BYTES
    if n_pieces <= 1:
        alone = first.height
        return FrameFile(
            path, first.columns, alone, alone, lambda columns: iter([first.select(columns)]), None, separator
        )

    def frames(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return (frame.select(columns) for frame in _parsed(path, separator))

    return FrameFile(path, first.columns, None, n_pieces * first.height, frames, None, separator)


def line_of(path: Path, separator: str, name: str, row: int, cell: str) -> str:
    """Return " (line n)", where the row starts in a file of text, if what is read there is the cell."""
    try:
        records = _records(path, separator)
        place = [field.strip() for field in next(records)[1]].index(name)
        line, record = next(itertools.islice(records, row, None))
    except (csv.Error, StopIteration, ValueError):
        return ""
    found = record[place].strip() if place < len(record) else ""
    return f" (line {line})" if found == cell else ""


def _parsed(path: Path, separator: str) -> Iterator[pl.DataFrame]:
    """Yield the table in blocks of rows; the first may be empty, and a record is never divided."""
    header, names = b"", None
    blank = None  # rows of blanks, of which it is not known yet whether anything follows them
    for piece in _pieces(path):
        if names is None:
            header = piece[: _end_of_records(piece, first=True)]
            cells = _cells(path, separator, piece)
            names = [(name or "").strip() for name in cells.row(0)]
            require_names(path, names)
        else:
            cells = _cells(path, separator, header + piece)
        cells.columns = names
        frame = cells[1:] if blank is None else pl.concat([blank, cells[1:]])
        height = _height_without_blanks(frame)
        blank = frame[height:] if height < frame.height else None
        yield frame[:height]


def _cells(path: Path, separator: str, content: bytes) -> pl.DataFrame:
    if content.startswith(COMPRESSED):
        raise InputError(f"{path}: cannot be parsed as a {path.suffix.lower()} file: it is compressed; unpack it first")
    # All as text, header included: polars would rename duplicate names and let one cell type a whole column. After a
    # byte order mark it does not take the first bytes for those of a compressed file: "x^" are.
    marked = content if content.startswith(BYTE_ORDER_MARK) or not content else BYTE_ORDER_MARK + content
    try:
        return pl.read_csv(marked, separator=separator, has_header=False, infer_schema_length=0)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = _ragged_record(path, separator) or first_line(error)
    raise InputError(f"{path}: cannot be parsed as a {path.suffix.lower()} file: {reason}")


def _height_without_blanks(frame: pl.DataFrame) -> int:
    height = frame.height
    while height and not any((cell or "").strip() for cell in frame.row(height - 1)):
        height -= 1
    return height


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, cut where a record ends; an empty file is one piece."""
    try:
        with path.open("rb") as file:
            rest = file.read(PIECE_BYTES)
            while more := _next_bytes(file, rest):
                end = _end_of_records(rest)
                if end:
                    yield rest[:end]
                rest = rest[end:] + more
            yield rest
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _next_bytes(file: BinaryIO, rest: bytes) -> bytes:
    # A record longer than a piece: ever more is read at once, or its quotes would be counted over and over.
    return file.read(max(PIECE_BYTES, len(rest)))


def _end_of_records(content: bytes, *, first: bool = False) -> int:
    """Return where the last complete record ends, or the first one: at a line feed after an even number of quotes."""
    end = content.find(b"\n") if first else content.rfind(b"\n")
    odd = content.count(b'"', 0, max(end, 0)) % 2
    while end >= 0 and odd:
        start = end
        if first:
            end = content.find(b"\n", start + 1)
            odd ^= content.count(b'"', start, max(end, start)) % 2
        else:
            end = content.rfind(b"\n", 0, content.rfind(b'"', 0, start) + 1)
            odd ^= content.count(b'"', max(end, 0), start) % 2
    return end + 1 if end >= 0 else (len(content) if first else 0)


def _ragged_record(path: Path, separator: str) -> str | None:
    """Return what is wrong with the first line of a file that has more fields than the header."""
    try:
        records = _records(path, separator)
        width = len(next(records, (1, []))[1])
        found = next(((line, len(record)) for line, record in records if len(record) > width), None)
    except (UnicodeError, csv.Error):  # then what polars said must do
        return None
    return f"line {found[0]} has {found[1]} fields, the header {width}" if found else None


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a file, each with the line it starts at; only a line feed ends a line."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        reader = csv.reader(file, delimiter=separator)
        line = 1
        for record in reader:
            yield line, record
            line = reader.line_num + 1
