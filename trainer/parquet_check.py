"""Whether the headers of a Parquet file can be true: their offsets, lengths and counts, before anything is decoded.

polars believes what it reads there: a length that is none ends the process when so much memory cannot be had. Data that
are damaged beneath sound headers are left to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from trainer.thrift import Structure, ThriftReader

MAGIC = b"PAR1"
TAIL_BYTES = 8  # the length of the footer, and the magic bytes
MAX_RATIO = 100_000  # bytes that one compressed byte stands for: more than any codec gives
HEADER_BYTES, MAX_HEADER_BYTES = 1 << 10, 1 << 22  # read of a page at first, and at most
UNCOMPRESSED = 0
DATA, INDEX, DICTIONARY, DATA_V2 = 0, 1, 2, 3
CHUNK_FIELDS = {"type": 1, "codec": 4, "values": 5, "compressed": 7, "data": 9}


def check_parquet(path: Path) -> None:
    """Raise ValueError, with one line of text, where the headers contradict themselves or the file's size."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        end = _footer_start(file, size)
        file.seek(end)
        footer = ThriftReader(file.read(size - TAIL_BYTES - end)).structure()
        groups = _structures(footer, 4)
        if _count(footer, 3) != sum(_count(group, 3) for group in groups):
            raise ValueError("its row groups do not have the rows that it promises")
        nested = _is_nested(_structures(footer, 2))
        for group in groups:
            for column in _structures(group, 1):
                _check_chunk(file, end, column.get(3), None if nested else _count(group, 3))


def _footer_start(file: BinaryIO, size: int) -> int:
    file.seek(0)
    begins = file.read(len(MAGIC)) == MAGIC
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    if not begins or size < len(MAGIC) + TAIL_BYTES or tail[4:] != MAGIC:
        raise ValueError("it does not begin and end as such a file does")
    start = size - TAIL_BYTES - int.from_bytes(tail[:4], "little")
    if start < len(MAGIC):
        raise ValueError("its footer is longer than the file")
    return start


def _is_nested(schema: list[Structure]) -> bool:
    """Tell whether there are columns of lists or structures, whose values are not counted by rows."""
    return any(element.get(5) for element in schema[1:]) or any(element.get(3) == 2 for element in schema[1:])


def _check_chunk(file: BinaryIO, end: int, chunk: object, n_rows: int | None) -> None:
    """Check the column of a row group, page by page."""
    if not isinstance(chunk, dict):
        raise ValueError("the place of a column is missing")
    of = {name: _count(chunk, number) for name, number in CHUNK_FIELDS.items()}
    start = min(of["data"], _count(chunk, 11) if chunk.get(11) else of["data"])
    if start < len(MAGIC) or start + of["compressed"] > end:
        raise ValueError("a column lies outside the file")
    if n_rows is not None and of["values"] != n_rows:
        raise ValueError("a column does not have as many values as there are rows")
    n_values = sum(_values_of_page(page, of["codec"]) for page in _pages(file, start, start + of["compressed"]))
    if n_values != of["values"]:
        raise ValueError("the pages of a column do not have the values that it promises")


def _pages(file: BinaryIO, place: int, end: int) -> Iterator[Structure]:
    """Yield the header of each page between two places of a file."""
    while place < end:
        header, header_bytes = _page_header(file, place, end)
        place += header_bytes + _count(header, 3)
        if place > end:
            raise ValueError("a page is longer than its column")
        yield header


def _page_header(file: BinaryIO, place: int, end: int) -> tuple[Structure, int]:
    length = HEADER_BYTES
    while True:
        file.seek(place)
        reader = ThriftReader(file.read(min(length, end - place)))
        try:
            return reader.structure(), reader.place
        except ValueError:
            if length >= min(MAX_HEADER_BYTES, end - place):
                raise
        length *= 16


def _values_of_page(header: Structure, codec: int) -> int:
    """Return how many of the rows' values a page has."""
    compressed, decompressed = _count(header, 3), _count(header, 2)
    too_large = decompressed != compressed if codec == UNCOMPRESSED else decompressed > MAX_RATIO * (compressed + 1)
    if too_large:
        raise ValueError("a page cannot be as long as it promises")
    kind = header.get(1)
    if kind == DICTIONARY:
        if _count(header.get(7), 1) > decompressed:
            raise ValueError("a dictionary cannot have as many values as it promises")
        return 0
    if kind == DATA:
        return _count(header.get(5), 1)
    if kind == DATA_V2:
        details = header.get(8)
        if _count(details, 5) + _count(details, 6) > compressed or _count(details, 2) > _count(details, 1):
            raise ValueError("a page cannot have the levels that it promises")
        return _count(details, 1)
    return 0


def _structures(fields: Structure, number: int) -> list[Structure]:
    found = fields.get(number)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("a list of its header is missing")
    return found


def _count(fields: object, number: int) -> int:
    """Return a field that must be a number of at least 0."""
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a number of its headers is missing or negative")
    return value
