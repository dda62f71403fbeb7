"""Benchmarks: a table of shapes, the processor's peak, timings of both backends, and of other libraries beside them.

Run from the top of the project with ``python -m pytest bench``; plain ``pytest`` leaves them out. Other libraries are
compared by ``python -m bench.peers``. Both end with a table of floors, see `bench.floors`.
"""
