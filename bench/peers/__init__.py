"""Other libraries beside this one, each in a process of its own, timed in turn: ``python -m bench.peers``.

`interface` says what a peer is, `registry` lists them, one module holds each; `worker` runs one in its own process,
`rounds` asks the workers in turn, `peer_report` tells the results.
"""
