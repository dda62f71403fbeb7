"""One SIMD register as a numba type.

numba has no vector type. Here `Vec` is a numba type whose machine representation is an LLVM vector, so that a kernel
written with `load`, `fma` and `store` compiles to exactly those instructions, and reads as plain Python::

    for p in range(k):
        b = load(b_panel, p)
        acc = fma(broadcast(a_panel, p), b, acc)

The pieces, all for use inside compiled functions:

- pointers: `address(array, offset)` gives a pointer to an element, `advance(pointer, n)` moves it, `get` and `put` read
  and write one element, `prefetch` and `prefetch_for_later` ask for its cache line. A pointer does not keep its array
  alive: the caller of the outermost compiled function does.
- `lanes(pointer)`: how many elements a vector of that pointer's type holds, a compile-time constant.
- vectors: `load`, `load_first`, `store`, `store_first` (the ``_first`` forms touch only the first n elements),
  `broadcast`, `splat`, ``+ - * /``, ``min``, ``max``, `fma`, `absolute`, `round_to_even`, `square_root`,
  `scale_by_power_of_two`, `scale_down_by_power_of_two`, `scale_raised`, `lowered`, `copy_sign`, `select_less`,
  `choose_first`, `keep_first`, `turned`, `sum_lanes`, `max_lanes`.
- four vectors as one, which these functions take, too: `load_four`, `load_first_of_four`, `store_four`,
  `store_first_of_four`, at `places`.

The vector length comes from `blocking.VECTOR_BYTES`. LLVM legalises any width, so a kernel is right at every length.
This module only gathers them: the type is in `vectors`, the operations are in `vector_memory`, `vector_arithmetic`,
`vector_lanes` and `vector_fours`. Blocks of registers are in `tiles`; what a kernel computes with them is left to the
other modules.
"""

from __future__ import annotations

from kernels.vector_arithmetic import (
    absolute,
    copy_sign,
    fma,
    lowered,
    round_to_even,
    scale_by_power_of_two,
    scale_down_by_power_of_two,
    scale_raised,
    select_less,
    square_root,
)
from kernels.vector_fours import load_first_of_four, load_four, places, store_first_of_four, store_four
from kernels.vector_lanes import choose_first, keep_first, max_lanes, sum_lanes, turned
from kernels.vector_memory import (
    address,
    advance,
    broadcast,
    get,
    load,
    load_first,
    prefetch,
    prefetch_for_later,
    put,
    store,
    store_first,
)
from kernels.vectors import VecType, lanes, splat

__all__ = [
    "VecType",
    "absolute",
    "address",
    "advance",
    "broadcast",
    "choose_first",
    "copy_sign",
    "fma",
    "get",
    "keep_first",
    "lanes",
    "load",
    "load_first",
    "load_first_of_four",
    "load_four",
    "lowered",
    "max_lanes",
    "places",
    "prefetch",
    "prefetch_for_later",
    "put",
    "round_to_even",
    "scale_by_power_of_two",
    "scale_down_by_power_of_two",
    "scale_raised",
    "select_less",
    "splat",
    "square_root",
    "store",
    "store_first",
    "store_first_of_four",
    "store_four",
    "sum_lanes",
    "turned",
]
