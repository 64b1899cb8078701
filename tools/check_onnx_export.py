#!/usr/bin/env python3
"""Holds `peregrine export` against PyTorch and against what reads ONNX files.

    python tools/check_onnx_export.py yolo11n.pt [yolo11n-pose.pt osnet_x0_25.pth ...] [--peregrine build/bin/peregrine]

For each checkpoint (.pth: OSNet) and each kind of export: onnx.checker (full), one floating-point type throughout, ONNX Runtime against PyTorch
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

sys.path.insert(0, str(Path(__file__).parent / "demo"))
from osnet import OSNet  # noqa: E402

SIZE = 320
REID_SIZE = (256, 128)
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}


def picture(batch, size=(SIZE, SIZE)):
    """Smooth waves: a picture's range, no noise."""
    y, x, c, n = np.meshgrid(np.arange(size[0]), np.arange(size[1]), np.arange(3), np.arange(batch), indexing="ij")
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


def reid_outputs(checkpoint, images):
    """The features, by their name in the file."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = {key.removeprefix("module."): value for key, value in state.get("state_dict", state).items()}
    state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    widths = [state[f"{name}.weight"].shape[0] for name in ("conv1.conv", "conv2.0.conv3.conv", "conv3.0.conv3.conv", "conv5.conv")]
    model = OSNet(widths=widths)
    model.load_state_dict(state)
    with torch.no_grad():
        return {"features": model.eval()(torch.from_numpy(images)).numpy()}


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


def exported(arguments, checkpoint, folder, options):
    file = str(Path(folder) / "export.onnx")
    subprocess.run([arguments.peregrine, "export", checkpoint, "-o", file, "--quiet", *options], check=True)
    return file


def check_kind(arguments, checkpoint, folder, decoded, half, batch):
    reid = checkpoint.endswith(".pth")
    options = ["--batch", batch, "--precision", "fp16" if half else "fp32"]
    options += [] if reid else ["--imgsz", str(SIZE)] + ["--decoded"] * decoded
    file = exported(arguments, checkpoint, folder, options)
    images = picture(3 if batch == "dynamic" else 1, REID_SIZE if reid else (SIZE, SIZE))
    worst, worst_openvino = check(file, half, images, (reid_outputs if reid else torch_outputs)(checkpoint, images))
    ok = max(worst, worst_openvino) <= (2e-2 if half else 1e-4)
    print(f"{Path(checkpoint).name:24} {'decoded' if decoded else 'raw':8} {'fp16' if half else 'fp32'} batch {batch:8}"
          f" onnxruntime {worst:.1e} openvino {worst_openvino:.1e} {'ok' if ok else 'FAILED'}", flush=True)
    return ok


def check_with_ultralytics(arguments, checkpoint, folder):
    """Ultralytics predicts with our decoded file what it predicts with the checkpoint."""
    file = exported(arguments, checkpoint, folder, ["--precision", "fp32", "--imgsz", str(SIZE), "--decoded"])
    pixels = picture(1)[0].transpose(1, 2, 0) * 255
    task = YOLO(checkpoint).task
    ours, theirs = (YOLO(f, task=task).predict(pixels, imgsz=SIZE, conf=0.01, verbose=False)[0].boxes.data for f in (file, checkpoint))
    same = ours.shape == theirs.shape and bool(torch.allclose(ours, theirs, atol=1e-2))
    print(f"{Path(checkpoint).name:24} Ultralytics predicts {len(ours)} boxes with it {'ok' if same else 'FAILED'}", flush=True)
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--peregrine", default="build/bin/peregrine")
    arguments = parser.parse_args()
    good = []
    with tempfile.TemporaryDirectory() as folder:
        for checkpoint in arguments.checkpoints:
            reid = checkpoint.endswith(".pth")
            for decoded, half, batch in itertools.product((False,) if reid else (False, True), (False, True), ("1", "dynamic")):
                good.append(check_kind(arguments, checkpoint, folder, decoded, half, batch))
            if not reid:
                good.append(check_with_ultralytics(arguments, checkpoint, folder))
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
