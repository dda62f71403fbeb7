"""Benchmarks: a table of shapes, the processor's peak, and timings of both backends beside each other.

Run from the top of the project with ``python -m pytest bench``; plain ``pytest`` leaves them out.
"""
