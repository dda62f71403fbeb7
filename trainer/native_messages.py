"""Keeping what compiled libraries write to standard error off the user's screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Send what is written to the file of standard error, not to ``sys.stderr`` alone, nowhere for a while.

    Threads of polars that stumble over a damaged file write where they did; what they raise is said in one line anyway.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
