"""Keeping what compiled libraries write to standard error off the user's screen."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Two threads that put the file back in another order than they took it away would leave nothing in its place.
_taking_away = threading.Lock()


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Send what is written to the file of standard error, not to ``sys.stderr`` alone, nowhere for a while.

    Threads of polars that stumble over a damaged file write where they did; what they raise is said in one line anyway.
    """
    with _taking_away:
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
