"""Forward and backward pass with samples in rows, on the matrix products of `gemm`: for all but small networks.

A layer reads (rows, n_in) and writes (rows, n_out). The backward pass goes down the layers; from the delta of a layer
it makes that of the layer below, then the gradient of weight and bias, which it stores or adds to what is there: a
delta that was scaled by minus the learning rate turns the product into the update.

Rows of hidden outputs, and of weights if the network says so, are laid apart by `blocking.padded_width`. The threads of
a team share out the columns of a result where it is wide, else its rows, and meet wherever one needs what others wrote.
What is recorded of the outputs is left to `evaluation_in_rows`.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import called, inlined, kernel
from kernels.activations import activate, multiply_by_derivative
from kernels.blocking import MR, NV, VECTOR_BYTES, padded_width
from kernels.dropout import drop_units, multiply_by_dropped_derivative
from kernels.gemm import ACTIVATE, NOTHING, TIMES_DERIVATIVE, UNIT, gemm
from kernels.losses import output_delta, weighted_output_delta
from kernels.micro_kernels import BIAS, PREVIOUS, ZERO
from kernels.packing import copy_block
from kernels.simd import advance, get, lanes, load_first, put, splat, store_first
from kernels.structs import Dropout, Layers
from kernels.team import Team, meet, share
from kernels.tiles import tile
from kernels.workspace import CHUNK_ROWS, Memory

# A result is shared out by columns where each thread gets at least so many panels: odd ones then matter little.
MIN_PANELS_PER_THREAD = 4

# Vectors of columns that are summed together, to have as many independent sums.
SUMMED = 4

_padded = inlined(padded_width)


@inlined
def padded_stride(like: Any, n: int) -> int:
    """Return how far apart padded rows of n elements of the type of `like` lie."""
    return _padded(n, VECTOR_BYTES // lanes(like))


@inlined
def output_stride(like: Any, n_out: int, hidden: bool) -> int:
    """Return how far apart the rows of a layer's outputs lie; those of the last layer have no gaps."""
    return padded_stride(like, n_out) if hidden else n_out


@inlined
def weight_stride(network: Layers, like: Any, n_out: int) -> int:
    """Return how far apart the rows of a weight (n_in, n_out) lie."""
    return padded_stride(like, n_out) if network.padded else n_out


@inlined
def layer_size(network: Layers, like: Any, layer: int) -> int:
    """Return the number of elements that a layer's parameters take."""
    n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
    return n_in * weight_stride(network, like, n_out) + (n_out if network.bias else 0)


@inlined
def _shares(rows: int, row_step: int, columns: int, like: Any, team: Team) -> tuple[int, int, int, int]:
    """Return this thread's block of a result (rows, columns): its first row, height, first column and width."""
    NR = NV * lanes(like)
    if columns >= MIN_PANELS_PER_THREAD * NR * team.size:
        first, last = share(columns, NR, team)
        return 0, rows, first, last - first
    first, last = share(rows, row_step, team)
    return first, last - first, 0, columns


@kernel
def _add_column_sums(delta: Any, stride: int, rows: int, columns: int, start: int, sums: Any) -> None:
    """Write the sums over the rows of delta, added to what is there where start is PREVIOUS."""
    VL = lanes(delta)
    for j in range(0, columns, SUMMED * VL):
        total = tile(delta, 1, SUMMED)
        if j + SUMMED * VL <= columns:
            for i in range(rows):
                for v in range(SUMMED):
                    total[0, v] = total[0, v] + load_first(delta, i * stride + j + v * VL, VL, 0.0)
        else:
            for i in range(rows):
                for v in range(SUMMED):
                    place = j + v * VL
                    total[0, v] = total[0, v] + load_first(delta, i * stride + place, columns - place, 0.0)
        for v in range(SUMMED):
            place = j + v * VL
            before = load_first(sums, place, columns - place, 0.0) if start == PREVIOUS else splat(delta, 0.0)
            store_first(sums, place, before + total[0, v], columns - place)


@called
def output_logits(network: Layers, parameters: Any, x: Any, rows: int, memory: Memory, dropout: Dropout) -> Any:
    """Run all layers, leaving the last one's logits unactivated; return the pointer to them.

    Of the last layer a thread computes its share of the rows, in whole chunks, and does not wait for the others.
    """
    team, n_layers = memory.team, network.n_layers
    h, h_stride, weight, z = x, get(network.sizes, 0), parameters, memory.outputs
    for layer in range(n_layers):
        n_in, n_out, activation = (
            get(network.sizes, layer),
            get(network.sizes, layer + 1),
            get(network.activations, layer),
        )
        hidden = layer < n_layers - 1
        stride, w_stride = output_stride(x, n_out, hidden), weight_stride(network, x, n_out)
        start, bias = BIAS if network.bias else ZERO, advance(weight, n_in * w_stride)
        fused = hidden and n_out >= lanes(x)
        finish = ACTIVATE if fused else NOTHING
        if hidden:
            i, m, j, n = _shares(rows, CHUNK_ROWS, n_out, x, team)
        else:
            i, last = share(rows, CHUNK_ROWS, team)
            m, j, n = last - i, 0, n_out
        block = advance(z, i * stride + j)
        if m > 0 and n > 0:
            gemm(
                m, n, n_in, advance(h, i * h_stride), h_stride, UNIT, advance(weight, j), w_stride, UNIT,
                block, stride, start, advance(bias, j), finish, activation, block, memory.packed,
            )  # fmt: skip
            if hidden and not fused:
                activate(activation, block, m, n)
            if hidden and dropout.share > 0.0:
                drop_units(dropout, layer, block, stride, m, n, i * n_out + j, n_out)
        if not hidden:
            return z
        meet(team)
        h, h_stride = z, stride
        weight = advance(weight, layer_size(network, x, layer))
        z = advance(z, memory.batch_size * stride)
    return z


@called
def take_batch(
    network: Layers,
    x: Any,
    y: Any,
    weights: Any,
    weighted: bool,
    order: Any,
    ordered: bool,
    rows: int,
    n_after: int,
    memory: Memory,
) -> tuple[Any, Any, Any]:
    """Return pointers to a batch: to the first rows of x, y and weights, or to copies of those that `order` lists."""
    if not ordered:
        return x, y, weights
    n_in, n_out = get(network.sizes, 0), get(network.sizes, network.n_layers)
    first, last = share(rows, 1, memory.team)
    for i in range(first, last):
        source = get(order, i)
        copy_block(advance(x, source * n_in), 0, 1, n_in, advance(memory.batch_x, i * n_in), 0)
        copy_block(advance(y, source * n_out), 0, 1, n_out, advance(memory.batch_y, i * n_out), 0)
        if weighted:
            put(memory.batch_weights, i, get(weights, source))
    meet(memory.team)
    return memory.batch_x, memory.batch_y, memory.batch_weights


@called
def to_deltas(
    network: Layers,
    parameters: Any,
    x: Any,
    y: Any,
    weights: Any,
    weighted: bool,
    rows: int,
    memory: Memory,
    scale: float,
    dropout: Dropout,
) -> Any:
    """Run all layers, write scale times the last layer's delta, return the loss summed over the rows.

    Both are of each row as often as `weights` says, if `weighted`. The sum is over chunks of rows, whichever thread
    computes which.
    """
    z = output_logits(network, parameters, x, rows, memory, dropout)
    activation, n_out = get(network.activations, network.n_layers - 1), get(network.sizes, network.n_layers)
    first, last = share(rows, CHUNK_ROWS, memory.team)
    for i in range(first, last, CHUNK_ROWS):
        chunk, offset = min(CHUNK_ROWS, last - i), i * n_out
        rows_z, rows_y, rows_delta = advance(z, offset), advance(y, offset), advance(memory.delta, offset)
        if weighted:
            row_weights = advance(weights, i)
            loss = weighted_output_delta(
                network.loss, network.loss_parameter, activation, rows_z, rows_y, row_weights, rows_delta, chunk, n_out,
                scale,
            )  # fmt: skip
        else:
            loss = output_delta(
                network.loss, network.loss_parameter, activation, rows_z, rows_y, rows_delta, chunk, n_out, scale
            )
        put(memory.partial_sums, i // CHUNK_ROWS, loss)
    meet(memory.team)
    total = 0.0
    for chunk in range((rows + CHUNK_ROWS - 1) // CHUNK_ROWS):
        total += get(memory.partial_sums, chunk)
    return total


@called
def accumulate(
    network: Layers, parameters: Any, x: Any, rows: int, memory: Memory, target: Any, start: int, dropout: Dropout
) -> None:
    """Turn the last layer's delta into the gradients of all layers.

    Gradients are written to the pointer `target`, in the layout of the parameters: in place of what is there, or, where
    `start` is PREVIOUS, added to it. The target may be the parameters themselves.
    """
    team, n_layers = memory.team, network.n_layers
    delta, other_delta = memory.delta, memory.other_delta
    offset, h_offset = 0, outputs_offset(network, x, memory)
    for layer in range(n_layers):
        offset += layer_size(network, x, layer)
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = get(network.sizes, layer), get(network.sizes, layer + 1)
        offset -= layer_size(network, x, layer)
        h, h_stride = x, n_in
        stride, w_stride = output_stride(x, n_out, layer < n_layers - 1), weight_stride(network, x, n_out)
        if layer > 0:
            h_stride = output_stride(x, n_in, True)
            h_offset -= memory.batch_size * h_stride
            h = advance(memory.outputs, h_offset)
            activation, dropped = get(network.activations, layer - 1), dropout.share > 0.0
            fused = n_in >= lanes(x) and not dropped
            i, m, j, n = _shares(rows, MR, n_in, x, team)
            if m > 0 and n > 0:
                place = i * h_stride + j
                h_block, block = advance(h, place), advance(other_delta, place)
                gemm(
                    m, n, n_out, advance(delta, i * stride), stride, UNIT,
                    advance(parameters, offset + j * w_stride), UNIT, w_stride, block, h_stride, ZERO, delta,
                    TIMES_DERIVATIVE if fused else NOTHING, activation, h_block, memory.packed,
                )  # fmt: skip
                if dropped:
                    first_unit = i * n_in + j
                    multiply_by_dropped_derivative(
                        dropout, layer - 1, activation, h_block, block, h_stride, m, n, first_unit, n_in
                    )
                elif not fused:
                    multiply_by_derivative(activation, h_block, block, m, n)
            meet(team)
        d_weight = advance(target, offset)
        i, m, j, n = _shares(n_in, MR, n_out, x, team)
        if m > 0 and n > 0:
            gemm(
                m, n, rows, advance(h, i), UNIT, h_stride, advance(delta, j), stride, UNIT,
                advance(d_weight, i * w_stride + j), w_stride, start, delta, NOTHING, NOTHING, delta, memory.packed,
            )  # fmt: skip
        if network.bias:
            j, last = share(n_out, lanes(x), team)
            sums = advance(d_weight, n_in * w_stride + j)
            _add_column_sums(advance(delta, j), stride, rows, last - j, start, sums)
        meet(team)
        delta, other_delta = other_delta, delta


@inlined
def outputs_offset(network: Layers, like: Any, memory: Memory) -> int:
    """Return where the last layer's outputs begin in the workspace."""
    offset = 0
    for layer in range(network.n_layers - 1):
        offset += memory.batch_size * padded_stride(like, get(network.sizes, layer + 1))
    return offset
