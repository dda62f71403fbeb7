"""What ``scratch-mlp export`` does: a model file in, the same model for another program out."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from trainer.errors import InputError
from trainer.model_file import load_model
from trainer.onnx_graph import build_onnx
from trainer.output_file import require_writable, write_whole
from trainer.table_files import listed


def run_export(model: Path, onnx: Path, console: Console) -> None:
    """Write a model as an ONNX file, and say what goes in and what comes out.

    Raises
    ------
    InputError
        The model cannot be read, onnx is not installed, or the file cannot be written.
    """
    if onnx.suffix.lower() != ".onnx":
        raise InputError(f"onnx: file {onnx} given, a name that ends in .onnx accepted")
    require_writable(onnx)
    proto = build_onnx(load_model(model, "numpy"))
    write_whole(onnx, proto.SerializeToString(deterministic=True))
    inputs, outputs = ([value.name for value in values] for values in (proto.graph.input, proto.graph.output))
    console.print(f"written: {onnx}, inputs {listed(inputs)}, outputs {listed(outputs)}")
