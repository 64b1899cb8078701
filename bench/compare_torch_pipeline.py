#!/usr/bin/env python3
"""What pipeline_bench measures, in PyTorch: a JPEG in host memory to results, with Ultralytics' YOLO(...).predict, FP16.

compare_torch_pipeline.py --picture F.jpg --json F.json [--ours OURS.json] [--reid OSNET.pth] [--max-det N] [--calls 200] MODEL.pt...
compare_torch_pipeline.py --memory --json F.json --batch N MODEL.pt

Several models and ReID run one after another over the image; ReID crops and resizes by OpenCV. --ours is what pipeline_bench wrote for
the same image and models: its thresholds are taken, ReID embeds the boxes that it embedded, so that both sides do the same work whatever
their detectors found (which runs all the same), and the ratio is in the result; another image or other models are an error. Without it ReID
embeds every box of the first model, and there is no ratio. `decode` is cv2.imdecode, which predict would do for a file. --memory: device memory by cudaMemGetInfo, from after the context's
creation to after 20 eager FP16 forward passes, libraries and PyTorch's cache included; run it in a process of its own.
Needs torch with CUDA, and ultralytics on PYTHONPATH.
"""
import argparse
import json
import platform
import statistics
import time
from pathlib import Path


def osnet(path):
    """OSNet in PyTorch, its widths read off the checkpoint."""
    import torch
    from torch import nn

    class Conv(nn.Sequential):
        def __init__(self, i, o, k=1, stride=1, relu=True):
            super().__init__()
            self.add_module("conv", nn.Conv2d(i, o, k, stride, k // 2, bias=False))
            self.add_module("bn", nn.BatchNorm2d(o))
            self.relu = nn.ReLU() if relu else nn.Identity()

    class Light(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(c, c, 1, bias=False), nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False)
            self.bn = nn.BatchNorm2d(c)

        def forward(self, x):
            return torch.relu(self.bn(self.conv2(self.conv1(x))))

    class Gate(nn.Module):
        def __init__(self, c, hidden):
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(c, hidden, 1), nn.Conv2d(hidden, c, 1)

        def forward(self, x):
            return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))

    class Block(nn.Module):
        def __init__(self, i, o, hidden):
            super().__init__()
            c = o // 4
            self.conv1, self.conv3 = Conv(i, c), Conv(c, o, relu=False)
            self.conv2a, self.gate = Light(c), Gate(c, hidden)
            self.conv2b, self.conv2c, self.conv2d = (nn.Sequential(*(Light(c) for _ in range(n))) for n in (2, 3, 4))
            self.downsample = Conv(i, o, relu=False) if i != o else nn.Identity()

        def forward(self, x):
            y = self.conv1(x)
            y = sum(self.gate(way(y)) for way in (self.conv2a, self.conv2b, self.conv2c, self.conv2d))
            return torch.relu(self.conv3(y) + self.downsample(x))

    state = torch.load(path, map_location="cpu", weights_only=False)
    state = state.get("state_dict", state)
    state = {k.removeprefix("module."): v for k, v in state.items() if not k.startswith(("module.classifier", "classifier"))}
    w = [state["conv1.conv.weight"].shape[0]] + [state[f"conv{n}.0.conv3.conv.weight"].shape[0] for n in (2, 3, 4)]
    hidden = lambda n: state[f"conv{n}.0.gate.fc1.weight"].shape[0]
    stage = lambda n, i, o: [Block(i, o, hidden(n)), Block(o, o, hidden(n))]
    shrink = lambda c: nn.Sequential(Conv(c, c), nn.AvgPool2d(2, 2))
    net = nn.Sequential()
    net.add_module("conv1", Conv(3, w[0], 7, 2))
    net.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    net.add_module("conv2", nn.Sequential(*stage(2, w[0], w[1]), shrink(w[1])))
    net.add_module("conv3", nn.Sequential(*stage(3, w[1], w[2]), shrink(w[2])))
    net.add_module("conv4", nn.Sequential(*stage(4, w[2], w[3])))
    net.add_module("conv5", Conv(w[3], w[3]))
    net.add_module("pool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", nn.Flatten())
    net.add_module("fc", nn.Sequential(nn.Linear(w[3], 512), nn.BatchNorm1d(512), nn.ReLU()))
    net.load_state_dict(state, strict=True)
    return net.eval().cuda().half()


def embed(net, picture, boxes):
    import cv2
    import numpy as np
    import torch
    crops = []
    for x1, y1, x2, y2 in boxes.round().int().clamp(min=0).tolist():
        crop = picture[y1:y2, x1:x2]
        if crop.size:
            crops.append(cv2.resize(crop, (128, 256))[:, :, ::-1])
    if not crops:
        return 0
    batch = torch.from_numpy(np.ascontiguousarray(np.stack(crops))).cuda().permute(0, 3, 1, 2).half() / 255
    mean = torch.tensor([0.485, 0.456, 0.406], device="cuda").half().view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225], device="cuda").half().view(1, 3, 1, 1)
    with torch.inference_mode():
        return torch.nn.functional.normalize(net((batch - mean) / deviation)).cpu().shape[0]


def memory(arguments):
    import torch
    torch.cuda.init()
    torch.zeros(1, device="cuda")  # the context
    torch.cuda.synchronize()
    free_before = torch.cuda.mem_get_info()[0]
    from ultralytics import YOLO
    net = YOLO(arguments.models[0]).model.eval().cuda().float()
    net.fuse()
    net = net.half()
    picture = torch.rand(arguments.batch, 3, 640, 640, device="cuda").half()
    with torch.inference_mode():
        for _ in range(20):
            net(picture)
    torch.cuda.synchronize()
    return {"device_memory_mb": (free_before - torch.cuda.mem_get_info()[0]) / 1e6}


def settings_of(ours, arguments):
    """Thresholds and the boxes to embed, of a run of pipeline_bench over the same image, models and ReID."""
    def same(what, theirs, here):
        if theirs != here:
            raise SystemExit(f"{arguments.ours} was measured with another {what}: {theirs}, here {here}.")

    same("picture (bytes)", ours["jpeg_bytes"], Path(arguments.picture).stat().st_size)
    same("batch", ours["batch"], 1)
    names = [Path(m).name for m in arguments.models]
    same("set of models", [Path(m).name for m in ours["models"]][: len(names)], names)
    same("number of models", len(ours["models"]), len(names) + bool(arguments.reid))
    boxes = ours["calls"]["embedded_boxes"]
    same("ReID", bool(boxes), bool(arguments.reid))
    return {"max_det": ours["max_det"], "conf": ours["confidence"], "iou": ours["iou"]}, boxes


def predict(arguments):
    import cv2
    import numpy as np
    import torch
    from ultralytics import YOLO
    file = np.frombuffer(Path(arguments.picture).read_bytes(), np.uint8)
    models = [YOLO(m) for m in arguments.models]
    reid = osnet(arguments.reid) if arguments.reid else None
    ours = json.loads(Path(arguments.ours).read_text()) if arguments.ours else None
    thresholds, given = settings_of(ours, arguments) if ours else ({"max_det": arguments.max_det, "conf": 0.25, "iou": 0.7}, None)
    options = {"device": 0, "quantize": 16, "verbose": False, "retina_masks": True, "rect": False, **thresholds}

    def once():
        begin = time.perf_counter()
        picture = cv2.imdecode(file, cv2.IMREAD_COLOR)
        decoded = time.perf_counter()
        found = [model.predict(picture, **options)[0] for model in models]
        boxes = found[0].boxes.xyxy.cpu()
        objects = sum(len(result.boxes) for result in found)
        for result in found:
            result.cpu()
        embedded = embed(reid, picture, boxes if given is None else torch.tensor(given)) if reid else 0
        torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - begin), 1e3 * (decoded - begin), objects, embedded

    for _ in range(10):
        once()
    times = [once() for _ in range(arguments.calls)]
    total, decode = (statistics.median(t[n] for t in times) for n in (0, 1))
    result = {"total_ms": total, "decode_ms": decode, "objects": times[-1][2], "embedded": times[-1][3], "calls": arguments.calls,
              "fp16": all(model.predictor.model.fp16 for model in models), **thresholds}
    if ours:
        calls = ours["calls"]
        result |= {"ours": {"total_ms": calls["total_ms"], "decode_ms": calls["decode_ms"], "objects": calls["objects"],
                            "embedded": calls["embedded"]},
                   "times_as_fast": total / calls["total_ms"],
                   "times_as_fast_without_decode": (total - decode) / calls["all_but_decode_ms"]}
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--picture")
    parser.add_argument("--json", required=True)
    parser.add_argument("--ours")
    parser.add_argument("--reid")
    parser.add_argument("--max-det", type=int, default=300)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("models", nargs="+")
    arguments = parser.parse_args()
    result = memory(arguments) if arguments.memory else predict(arguments)
    import torch
    result = {"python": platform.python_version(), "torch": torch.__version__, "cudnn": torch.backends.cudnn.version(),
              "gpu": torch.cuda.get_device_name(0), "models": [Path(m).name for m in arguments.models], "batch": arguments.batch,
              "reid": Path(arguments.reid).name if arguments.reid else None, **result}
    Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
