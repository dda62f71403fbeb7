"""Signals that reach a training in the process of its test."""

from __future__ import annotations

import os
import signal
import time

import pytest


def send_when_training_has_begun(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have a signal come as soon as the training looks at the clock with a handler for it."""
    before, clock = signal.getsignal(number), time.perf_counter
    sent: list[int] = []

    def look() -> float:
        if signal.getsignal(number) != before and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return clock()

    monkeypatch.setattr("trainer.course.time.perf_counter", look)
