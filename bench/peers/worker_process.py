"""The other end of `bench.peers.worker`: starts the process of a peer, and asks it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import bench
from bench.peers.registry import ONE_THREAD, Peer
from bench.shapes import TrainingShape

ROOT = Path(bench.__file__).parents[1]


class WorkerError(RuntimeError):
    """A peer that cannot be timed; the message says why."""


def _ending(status: int) -> str:
    """Say how a process ended, by a signal or by itself."""
    if status >= 0:
        return f"ended with status {status}"
    why = ": this processor lacks an instruction that it needs" if status == -signal.SIGILL else ""
    return f"ended by {signal.Signals(-status).name}{why}"


class WorkerProcess:
    """The process of one peer, which inherits the processors that this process may use.

    Raises
    ------
    WorkerError
        The peer's library is missing, or the process ended.
    """

    def __init__(self, peer: Peer) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, **ONE_THREAD, **peer.environment}
        command = [sys.executable, "-m", "bench.peers.worker", peer.name]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        try:
            self._read("ready")
        except WorkerError:
            self.close()
            raise

    def prepare(self, shape: TrainingShape) -> int:
        """Check a shape's steps and get ready to time them; return how many to ask for at a time.

        Raises
        ------
        WorkerError
            The steps are wrong, the library failed, or the process ended.
        """
        return int(self._ask({"layer_sizes": shape.layer_sizes, "batch": shape.batch}, "steps"))

    def seconds(self, steps: int) -> float:
        """Return how long so many steps of the shape at hand take."""
        return float(self._ask({"steps": steps}, "seconds"))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):  # of a request that the process did not live to read
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any], wanted: str) -> Any:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
        except BrokenPipeError:
            raise WorkerError(_ending(self._process.wait())) from None
        return self._read(wanted)

    def _read(self, wanted: str) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(_ending(self._process.wait()))
        reply = json.loads(line)
        if wanted not in reply:
            raise WorkerError("; ".join(f"{what}: {reason}" for what, reason in reply.items()))
        return reply[wanted]
