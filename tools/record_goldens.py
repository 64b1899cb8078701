"""Records what a model's raw head gives in FP32 on the CPU, for comparing engines on machines without a reference.

usage: record_goldens.py OUT SIZE PICTURE MODEL.pt...     writes OUT/STEM/images.f32 and OUT/STEM/OUTPUT.f32
One image, squeezed to SIZE x SIZE (ReID: OSNet's ONNX file, 256x128), values 0..1, dense NCHW, little-endian floats.
Needs ultralytics, torch, opencv and onnxruntime.
"""
import pathlib
import sys

import cv2
import numpy as np
import torch
from ultralytics import YOLO


def picture(path, height, width):
    rgb = cv2.resize(cv2.imread(path), (width, height))[:, :, ::-1]
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], dtype=np.float32) / 255


def yolo_outputs(path, x):
    """Outputs named as the engine names them, read off the inputs and branches of the head."""
    net = YOLO(path).model.float().eval().fuse()
    head, seen = net.model[-1], {}
    head.register_forward_pre_hook(lambda module, inputs: seen.update(maps=[m.clone() for m in inputs[0]]))
    with torch.inference_mode():
        net(torch.from_numpy(x))
        outputs = {}
        for i, level in enumerate(seen['maps']):
            outputs[f'box.{i}'], outputs[f'cls.{i}'] = head.cv2[i](level), head.cv3[i](level)
            if hasattr(head, 'cv4'):
                outputs[('kpt' if hasattr(head, 'kpt_shape') else 'coef') + f'.{i}'] = head.cv4[i](level)
        if hasattr(head, 'proto'):
            outputs['proto'] = head.proto(seen['maps'][0])
    return {name: value.numpy() for name, value in outputs.items()}


def onnx_outputs(path, x):
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return {'features': session.run(None, {session.get_inputs()[0].name: x})[0]}


def main(out, size, image, *models):
    for path in models:
        reid = path.endswith('.onnx')
        x = picture(image, 256, 128) if reid else picture(image, int(size), int(size))
        outputs = onnx_outputs(path, x) if reid else yolo_outputs(path, x)
        folder = pathlib.Path(out) / pathlib.Path(path).stem
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in {'images': x, **outputs}.items():
            np.ascontiguousarray(value, dtype='<f4').tofile(folder / f'{name}.f32')
            print(folder / f'{name}.f32', value.shape)


main(*sys.argv[1:])
