"""What LLVM made of a compiled function: the innermost loops of x86-64 assembly, and what each does per iteration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LABEL = re.compile(r"([^\s:]+):")
_JUMP = re.compile(r"j[a-z]+\s+(\.L\w+)$")
_STACK, _FRAME = re.compile(r"\(%rsp\b"), re.compile(r"\(%rbp\b")
_FUSED = re.compile(r"vfn?m(?:add|sub)(?:132|213|231)([ps][sd])\s")
_MASKED = re.compile(r"vmaskmov|vmov.*\(.*\{%k")
_LOAD = re.compile(r"vmov(?:[au]p[sd]|dq[au]\d*)\s+[^%]*\(\S*\), %[xyz]mm\d+$")


@dataclass(frozen=True)
class Loop:
    """The instructions from a label to the last jump back to it.

    has_frame : whether %rbp holds the frame of the function, or is a register like any other.
    """

    function: str
    instructions: tuple[str, ...]
    has_frame: bool

    @property
    def fused(self) -> list[str]:
        """The fused multiply-adds, and their kin with other signs."""
        return [line for line in self.instructions if _FUSED.match(line)]

    @property
    def on_the_stack(self) -> list[str]:
        """What reads or writes the stack: registers that were spilled."""
        return [
            line
            for line in self.instructions
            if _STACK.search(line) or line.startswith(("push", "pop")) or (self.has_frame and _FRAME.search(line))
        ]

    @property
    def written_to_the_stack(self) -> list[str]:
        """What is moved to the stack."""
        return [line for line in self.on_the_stack if re.match(r"v?mov\S*\s+%.*\)$", line)]

    @property
    def masked(self) -> list[str]:
        """What reads or writes some lanes of a vector in memory."""
        return [line for line in self.instructions if _MASKED.match(line)]

    @property
    def calls(self) -> list[str]:
        """What calls another function."""
        return [line for line in self.instructions if line.startswith("call")]

    @property
    def touching_memory(self) -> list[str]:
        """What reads or writes memory, the stack included."""
        return [line for line in self.instructions if "(" in line and not line.startswith("lea")]

    def loads(self, register: str) -> list[str]:
        """Return what loads whole vectors from memory to registers of a kind; broadcasts are none."""
        return [line for line in self.instructions if _LOAD.match(line) and f"%{register}" in line]

    def fused_otherwise(self, suffix: str, register: str) -> list[str]:
        """Return the fused multiply-adds that are not of this type ("ps", "pd") on registers of this kind only."""
        return [
            line
            for line in self.fused
            if _FUSED.match(line).group(1) != suffix  # type: ignore[union-attr]
            or set(re.findall(r"%([xyz]mm)", line)) != {register}
        ]


def innermost_loops(assembly: str, name: str) -> list[Loop]:
    """Return the loops with fused multiply-adds, and no loop within, of the functions with `name` in their symbols.

    Assembly is in the syntax of AT&T, as LLVM writes it.
    """
    return [
        loop
        for function, lines in _functions(assembly)
        if name in function
        for loop in _innermost(function, lines)
        if loop.fused
    ]


def _functions(assembly: str) -> Iterator[tuple[str, list[str]]]:
    """Split at the labels that are symbols; lines are stripped of comments and directives."""
    function = ""
    lines: list[str] = []
    for line in assembly.splitlines():
        label = _LABEL.match(line)
        if label and not label[1].startswith(".L"):
            yield function, lines
            function, lines = label[1], []
        text = line.partition("#")[0].strip()
        if label or (text and not text.startswith(".")):
            lines.append(text)
    yield function, lines


def _innermost(function: str, lines: list[str]) -> Iterator[Loop]:
    labels = {line[:-1]: i for i, line in enumerate(lines) if line.startswith(".L") and line.endswith(":")}
    ends: dict[int, int] = {}
    for i, line in enumerate(lines):
        jump = _JUMP.match(line)
        if jump and labels.get(jump[1], i) < i:
            ends[labels[jump[1]]] = i
    has_frame = any(re.match(r"movq\s+%rsp, %rbp$", line) for line in lines)
    for start, end in ends.items():
        if not any(start < inner and ends[inner] <= end for inner in ends):
            body = (line for line in lines[start : end + 1] if not line.endswith(":"))
            yield Loop(function, tuple(body), has_frame)
