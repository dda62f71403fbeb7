"""Reading Thrift's compact protocol, in which the headers of Parquet are written; nothing is believed of its lengths.

What the fields mean is left to those that read them.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 16
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
INTEGERS = (4, 5, 6)

# A structure by the numbers of its fields.
Structure = dict[int, Any]


class ThriftReader:
    """Reads structures from bytes.

    Parameters
    ----------
    content : bytes

    Attributes
    ----------
    place : int
        Where the next structure begins.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self.place = content, 0

    def structure(self, depth: int = 0) -> Structure:
        """Read the next structure; raise ValueError where there is none, or it does not end within the bytes."""
        if depth > MAX_DEPTH:
            raise ValueError("a header is nested too deeply")
        fields: Structure = {}
        number = 0
        while kind_and_step := self._byte():
            step, kind = kind_and_step >> 4, kind_and_step & 15
            number = number + step if step else self._integer()
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in INTEGERS:
            return self._integer()
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == DOUBLE:
            return self._bytes(8)
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == MAP:
            return self._map(depth)
        if kind == STRUCT:
            return self.structure(depth + 1)
        raise ValueError("a header is damaged")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        kind, count = head & 15, head >> 4
        count = self._varint() if count == 15 else count
        self._require(count)  # each element takes a byte at least
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        count = self._varint()
        if not count:
            return []
        self._require(count)
        kinds = self._byte()
        return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)]

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a header is damaged")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        self._require(count)
        self.place += count
        return self._content[self.place - count : self.place]

    def _require(self, count: int) -> None:
        if count > len(self._content) - self.place:
            raise ValueError("a header ends early")
