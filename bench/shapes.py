"""The one table of what is timed, with the floating-point operations of each entry.

Only matrix products are counted, two operations for each multiply-add, so that a share of the peak says how much of
the time went into arithmetic that no implementation can avoid. Biases, activations, loss and update are timed, not
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

# A call is to take this many operations, so that what it costs to enter compiled code is not what is timed, ...
FLOPS_PER_CALL = 2e9
# ... but is to take this many rows at least: it also copies and checks the parameters once, which costs less than
# 60 rows do, whatever the network. With the most steps the slowest contender takes about a second.
LEAST_ROWS, MOST_STEPS = 4096, 10_000


@dataclass(frozen=True)
class TrainingShape:
    """A network and the rows that each of its training steps sees.

    Attributes
    ----------
    layer_sizes : tuple of int
        Inputs, units of each hidden layer, outputs.
    batch : int
        Rows of a step.
    """

    layer_sizes: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        """Layer sizes and batch, such as ``2-3-2-n50``."""
        return "-".join(str(size) for size in self.layer_sizes) + f"-n{self.batch}"

    @property
    def hidden(self) -> int:
        """Units of the first hidden layer."""
        return self.layer_sizes[1]

    @property
    def flops(self) -> int:
        """Operations of a training step.

        Forward and weight gradient take a product in each layer, the input gradient in all but the first. With one
        hidden layer: ``4NDH + 6NHO`` for N rows, D inputs, H hidden units, O outputs.
        """
        products = [n_in * n_out for n_in, n_out in pairwise(self.layer_sizes)]
        return 2 * self.batch * (2 * sum(products) + sum(products[1:]))

    @property
    def least_steps(self) -> int:
        """Steps beside which what a call costs on its own is small."""
        return -(-LEAST_ROWS // self.batch)

    @property
    def steps_per_call(self) -> int:
        """Steps that are timed together."""
        return min(MOST_STEPS, max(self.least_steps, round(FLOPS_PER_CALL / self.flops)))


@dataclass(frozen=True)
class ProductShape:
    """One of the three matrix products of a layer, with a result (m, n) and a summed dimension k.

    Attributes
    ----------
    kernel : {"matmul", "matmul_tn", "matmul_nt"}
        Its name in `kernels.backends.Backend`: ``A B``, ``Aᵀ B`` or ``A Bᵀ``.
    m, n, k : int
        Extents.
    """

    kernel: str
    m: int
    n: int
    k: int

    @property
    def name(self) -> str:
        """Kernel and extents, such as ``matmul-128x16x784``."""
        return f"{self.kernel}-{self.m}x{self.n}x{self.k}"

    @property
    def flops(self) -> int:
        """Operations of the product."""
        return 2 * self.m * self.n * self.k

    @property
    def operand_shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shapes of A and B as they lie in memory."""
        a = (self.k, self.m) if self.kernel == "matmul_tn" else (self.m, self.k)
        b = (self.n, self.k) if self.kernel == "matmul_nt" else (self.k, self.n)
        return a, b


@dataclass(frozen=True)
class ActivationShape:
    """A matrix (rows, columns) of logits."""

    rows: int
    columns: int

    @property
    def name(self) -> str:
        """Kernel and extents, such as ``sigmoid-128x16``."""
        return f"sigmoid-{self.rows}x{self.columns}"


def _layer_products(n_in: int, hidden: int, n_out: int, batch: int) -> tuple[ProductShape, ...]:
    """Return the first layer's forward and weight gradient, and the second layer's input gradient."""
    return (
        ProductShape("matmul", batch, hidden, n_in),
        ProductShape("matmul_tn", n_in, hidden, batch),
        ProductShape("matmul_nt", batch, hidden, n_out),
    )


XOR_SHAPES = tuple(TrainingShape((2, hidden, 2), batch) for batch in (50, 300) for hidden in (3, 10, 50, 256))
SMALL_SHAPES = tuple(TrainingShape((32, hidden, 1), 256) for hidden in (32, 64, 128))
WIDE_SHAPES = tuple(TrainingShape((784, 2**power, 10), 128) for power in range(4, 13))
SQUARE_SHAPE = TrainingShape((1024, 1024, 1024), 512)
TRAINING_SHAPES = (*XOR_SHAPES, *SMALL_SHAPES, *WIDE_SHAPES, SQUARE_SHAPE)

SQUARE_SIZES = (256, 512, 1024, 2048)
SQUARE_PRODUCTS = tuple(
    ProductShape(kernel, size, size, size) for size in SQUARE_SIZES for kernel in ("matmul", "matmul_tn", "matmul_nt")
)
LAYER_PRODUCTS = tuple(product for hidden in (16, 128, 1024, 4096) for product in _layer_products(784, hidden, 10, 128))
PRODUCT_SHAPES = SQUARE_PRODUCTS + LAYER_PRODUCTS

ACTIVATION_SHAPES = (
    ActivationShape(50, 10),
    ActivationShape(300, 50),
    ActivationShape(128, 128),
    ActivationShape(128, 1024),
    ActivationShape(128, 4096),
)
