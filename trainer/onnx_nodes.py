"""The nodes of an ONNX graph as they are added, one after the other, under names that differ from all others.

What is added is decided in `trainer.onnx_graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ROWS = "rows"  # the name of how many rows there are, which the graph leaves open


class Nodes:
    """Nodes, inputs, outputs and constants of a graph that grows.

    Parameters
    ----------
    reserved : sequence of str
        Names that inputs will have, and nothing else.

    Attributes
    ----------
    nodes, inputs, outputs, constants : lists of onnx protos
    """

    def __init__(self, reserved: Sequence[str]) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: list[Any] = []
        self._taken = set(reserved)

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def input(self, name: str, dtype: npt.DTypeLike, n_columns: int) -> str:
        """Add an input (rows, n_columns) of this name, and return the name."""
        from onnx import helper

        self._taken.add(name)
        self.inputs.append(helper.make_tensor_value_info(name, _type(dtype), [ROWS, n_columns]))
        return name

    def constant(self, array: np.ndarray) -> str:
        """Add an array, and return its name."""
        from onnx import helper, numpy_helper

        name = self._free(f"constant_{len(self.constants)}")
        if array.dtype.kind == "U":
            texts = [text.encode() for text in array.tolist()]
            self.constants.append(helper.make_tensor(name, _type(array.dtype), array.shape, texts))
        else:
            self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def add(self, operator: str, arguments: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        """Add a node with one result, and return the result's name."""
        from onnx import helper

        result = self._free(f"{operator.lower()}_{len(self.nodes)}")
        self.nodes.append(helper.make_node(operator, arguments, [result], domain=domain, **attributes))
        return result

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        """Add a conversion to another dtype, and return the result's name."""
        return self.add("Cast", [value], to=_type(dtype))

    def output(self, name: str, value: str, dtype: npt.DTypeLike, n_columns: int | None) -> None:
        """Make a value an output of this name, (rows, n_columns), or (rows,) where `n_columns` is None."""
        from onnx import helper

        name = self._free(name)
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        shape: list[str | int] = [ROWS] if n_columns is None else [ROWS, n_columns]
        self.outputs.append(helper.make_tensor_value_info(name, _type(dtype), shape))


def _type(dtype: npt.DTypeLike) -> int:
    """Return the number that ONNX has for a dtype."""
    from onnx import TensorProto, helper

    if np.dtype(dtype).kind == "U":
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
