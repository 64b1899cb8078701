#!/usr/bin/env python3
"""Holds `peregrine export` against PyTorch and against what reads ONNX files.

    python tools/check_onnx_export.py yolo11n.pt [yolo11n-pose.pt ...] [--peregrine build/bin/peregrine]

For each checkpoint and each kind of export: onnx.checker (full), one floating-point type throughout, ONNX Runtime against PyTorch
(raw: every branch of the head; decoded: the whole output; 1e-4 of each tensor's largest value in FP32, 2e-2 in FP16), OpenVINO
against ONNX Runtime, and batch 3 of open-batch files. Then Ultralytics itself predicts with the decoded file.
Needs onnx, onnxruntime, openvino, torch and ultralytics.
"""
import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from onnx import TensorProto
from ultralytics import YOLO

SIZE = 320
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}


def picture(batch):
    """Smooth waves: a picture's range, no noise."""
    y, x, c, n = np.meshgrid(np.arange(SIZE), np.arange(SIZE), np.arange(3), np.arange(batch), indexing="ij")
    waves = 0.5 + 0.25 * np.sin(x / (9 + 4 * c) + n) + 0.25 * np.cos(y / (13 + 3 * n) - c)
    return np.ascontiguousarray(waves.transpose(3, 2, 0, 1)).astype(np.float32)


def torch_outputs(checkpoint, images):
    """By the names of the raw head, and "output0"."""
    model = YOLO(checkpoint).model.float().eval()
    head = model.model[-1]
    outputs = {}
    keep = lambda name: lambda module, inputs, output: outputs.__setitem__(name, output.numpy())
    extra = {"Pose": "kpt", "Segment": "coef"}.get(type(head).__name__)
    for name, branches in (("box", head.cv2), ("cls", head.cv3), (extra, getattr(head, "cv4", []))):
        for level, branch in enumerate(branches):
            branch.register_forward_hook(keep(f"{name}.{level}"))
    if hasattr(head, "proto"):
        head.proto.register_forward_hook(keep("proto"))
    with torch.no_grad():
        result = model(torch.from_numpy(images))
    while not isinstance(result, torch.Tensor):
        result = result[0]
    outputs["output0"] = result.numpy()
    if "proto" in outputs:
        outputs["output1"] = outputs["proto"]
    return outputs


def require_one_type(model, half):
    """Strongly typed parsers refuse a half that meets a float: no casts, and no other floating-point type but Resize's scales."""
    wanted = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    scales = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    assert not [node.name for node in graph.node if node.op_type == "Cast"]
    for tensor in graph.initializer:
        assert tensor.data_type == wanted or tensor.data_type not in FLOATS or tensor.name in scales, tensor.name
    described = {v.name: v.type.tensor_type.elem_type for v in itertools.chain(graph.input, graph.output, graph.value_info)}
    for node in graph.node:
        for name in node.output:
            assert described.get(name) == wanted, f"{name} is of type {described.get(name)}"


def error(result, reference):
    result, reference = result.astype(np.float64), reference.astype(np.float64)
    assert result.shape == reference.shape, (result.shape, reference.shape)
    return np.abs(result - reference).max() / np.abs(reference).max()


def check(file, half, images, reference):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    require_one_type(model, half)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    data = images.astype(np.float16 if half else np.float32)
    results = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"images": data})))
    worst = max(error(value, reference[name]) for name, value in results.items())
    compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    other = compiled(data)
    worst_openvino = max(error(other[i], reference[name]) for i, name in enumerate(results))
    return worst, worst_openvino


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--peregrine", default="build/bin/peregrine")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for checkpoint, decoded, half, batch in itertools.product(arguments.checkpoints, (False, True), (False, True), ("1", "dynamic")):
            file = str(Path(folder) / "export.onnx")
            command = [arguments.peregrine, "export", checkpoint, "-o", file, "--imgsz", str(SIZE), "--batch", batch]
            command += ["--precision", "fp16" if half else "fp32"] + ["--decoded"] * decoded
            subprocess.run(command, check=True)
            images = picture(3 if batch == "dynamic" else 1)
            worst, worst_openvino = check(file, half, images, torch_outputs(checkpoint, images))
            limit = 2e-2 if half else 1e-4
            ok = max(worst, worst_openvino) <= limit
            failed |= not ok
            print(f"{Path(checkpoint).name:20} {'decoded' if decoded else 'raw':8} {'fp16' if half else 'fp32'} batch {batch:8}"
                  f" onnxruntime {worst:.1e} openvino {worst_openvino:.1e} {'ok' if ok else 'FAILED'}", flush=True)
            if decoded and not half and batch == "1":
                boxes = lambda source: YOLO(source, task=YOLO(checkpoint).task).predict(picture(1)[0].transpose(1, 2, 0) * 255, imgsz=SIZE, conf=0.01, verbose=False)[0].boxes.data
                ours, theirs = boxes(file), boxes(checkpoint)
                same = ours.shape == theirs.shape and bool(torch.allclose(ours, theirs, atol=1e-2))
                failed |= not same
                print(f"{Path(checkpoint).name:20} Ultralytics predicts {len(ours)} boxes with it {'ok' if same else 'FAILED'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
