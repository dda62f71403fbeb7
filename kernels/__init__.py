"""Loops over arrays, compiled by numba to vector code: everything that training a multilayer perceptron computes.

=================== ==============================================================================================
`simd`, `tiles`     one SIMD register, and a block of registers, as numba types; `simd` gathers `vectors`,
                    `vector_memory`, `vector_arithmetic`, `vector_lanes` and, for four at once, `vector_fours`
`blocking`          vector length and tile sizes of this processor
`elementary`        exp, sigmoid, tanh, relu of a vector
`micro_kernels`     one register tile of a matrix product
`packing`           copies of operands; transposition
`gemm`              the matrix product around them
`activations`       activation functions over arrays, and their derivatives as functions of the output; `softmax`
`losses`            loss, output activation and delta together: `element_losses` of errors, `likelihoods` of logits;
                    `short_rows`: rows turned to lanes for softmax
`dropout`           which hidden units a step leaves out
`gradient_terms`    penalties, norm, clipping
`optimizers`        sgd, momentum, nesterov, adam
`network`           loss, gradients and step of one batch, by one of two ways:
`samples_in_rows`   forward, backward, fused gradient accumulation, on matrix products
`samples_in_lanes`  the same for small networks, by `lane_kernels` on blocks that `lane_layout` lays and `lane_blocks`
                    chooses; `evaluation_in_rows`, `evaluation_in_lanes`: what is recorded
`sampling`          the order of the samples; `mersenne_twister`: the order that NumPy's generator makes
`training_loop`     steps and records, without leaving compiled code; `training_steps`: the steps themselves
`reference`         all of it in NumPy: the specification, and the baseline; `reference_training`: its steps, by the
                    rules of `reference_optimizers`; `reference_losses`: its losses
`structs`           what a kernel is told; `workspace`: what it writes over; `aligned`: where arrays begin
`team`, `atomics`   threads that share out the work, and wait for each other
`backends`          the compiled and the NumPy functions behind one interface
=================== ==============================================================================================

Nothing here prints, reads a file, or decides what a user wants; `trainer` does.
"""

from __future__ import annotations

from kernels._jit import cache_folder, nothing_is_compiled
from kernels.backends import BACKENDS, Backend

__all__ = ["BACKENDS", "Backend", "cache_folder", "nothing_is_compiled"]
