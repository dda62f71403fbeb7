"""One peer in a process of its own: ``python -m bench.peers.worker NAME``.

Requests come as lines of JSON on standard input, each is answered by one on standard output. What libraries print goes
to standard error. After a greeting, ``{"ready": true}`` or ``{"missing": reason}``:

- ``{"layer_sizes": [...], "batch": n}`` checks the steps of this shape and gets ready to time them; the answer is
  ``{"steps": k}``, how many to ask for at a time, or ``{"wrong": how}``;
- ``{"steps": k}`` takes so many steps; the answer is ``{"seconds": s}``.

Where a library fails the answer is ``{"failed": reason}``.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from typing import Any

from bench.peers.interface import Training
from bench.peers.registry import PEER_BY_NAME, Peer
from bench.problem import checked_problem, timed_problem
from bench.shapes import TrainingShape
from bench.step_check import require_training

# A sample is to last so long at least.
SAMPLE_SECONDS = 0.1


def sample_steps(training: Training, shape: TrainingShape) -> int:
    """Return how many steps make a sample."""
    steps, seconds = 1, 0.0
    training.advance(steps)
    while seconds < SAMPLE_SECONDS / 4:
        steps *= 2
        seconds = timed(training, steps)
    return max(shape.least_steps, math.ceil(steps * SAMPLE_SECONDS / seconds))


def timed(training: Training, steps: int) -> float:
    """Return the seconds that some steps take."""
    started = time.perf_counter()
    training.advance(steps)
    return time.perf_counter() - started


def answer(peer: Peer, request: dict[str, Any], under_way: list[Training]) -> dict[str, Any]:
    """Do what is asked; `under_way` holds the training of the shape at hand."""
    if "layer_sizes" not in request:
        return {"seconds": timed(under_way[0], request["steps"])}
    under_way.clear()
    shape, start = TrainingShape(tuple(request["layer_sizes"]), request["batch"]), peer.load()
    try:
        require_training(start, checked_problem(shape, peer.dtype), peer.output_activation)
    except ArithmeticError as error:
        return {"wrong": str(error)}
    under_way.append(start(timed_problem(shape, peer.dtype)))
    return {"steps": sample_steps(under_way[0], shape)}


def main(name: str) -> None:
    """Serve one peer until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    peer, under_way = PEER_BY_NAME[name], list[Training]()
    try:
        peer.load()
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        try:
            reply = answer(peer, json.loads(line), under_way)
        except Exception as error:  # of any library, of which none is to end the comparison of the others
            reply = {"failed": f"{type(error).__name__}: {error}".strip().partition("\n")[0]}
        print(json.dumps(reply), file=answers)


if __name__ == "__main__":
    main(sys.argv[1])
