"""Measures the user's own pipeline, Ultralytics on PyTorch, from files to results, through its public interface alone.

Called with one JSON object: model, device ("cpu", "cuda:0"), half, size, confidence, iou, max_det, batches, runs, files.
The last line printed is one JSON object: torch, ultralytics, device, half, start_ms, memory_mb, speeds [{batch, p50, p90, p99}].
"""
import json
import os
import sys
import time

started = time.perf_counter()
os.environ["YOLO_AUTOINSTALL"] = "false"  # a measurement installs nothing
os.environ["YOLO_VERBOSE"] = "false"

WARM_UP = 20  # as many as `peregrine bench` runs


def percentile(rising, share):
    return rising[round(share * (len(rising) - 1))]


def main():
    wish = json.loads(sys.argv[1])
    import resource

    import torch
    import ultralytics

    on_gpu = wish["device"] != "cpu"
    if on_gpu:
        torch.zeros(1, device=wish["device"])  # the context: its memory is not the model's
        free_before = torch.cuda.mem_get_info(wish["device"])[0]
    model = ultralytics.YOLO(wish["model"])
    size = {"imgsz": wish["size"]} if wish["size"] else {}

    def run(batch):
        files = [wish["files"][i % len(wish["files"])] for i in range(batch)]
        begin = time.perf_counter()
        results = model.predict(files, batch=batch, **size, conf=wish["confidence"], iou=wish["iou"],
                                max_det=wish["max_det"], half=wish["half"], device=wish["device"], rect=False,
                                retina_masks=True, verbose=False, save=False)
        for result in results:
            result.cpu()  # so that the GPU is waited for, and the results are where ours are
        return (time.perf_counter() - begin) * 1000

    run(1)
    answer = {"torch": torch.__version__, "ultralytics": ultralytics.__version__, "device": wish["device"],
              "half": wish["half"], "start_ms": (time.perf_counter() - started) * 1000, "speeds": []}
    for batch in wish["batches"]:
        for _ in range(min(WARM_UP, wish["runs"])):
            run(batch)
        if "memory_mb" not in answer:
            answer["memory_mb"] = ((free_before - torch.cuda.mem_get_info(wish["device"])[0]) / 2**20 if on_gpu
                                   else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        times = sorted(run(batch) for _ in range(wish["runs"]))
        answer["speeds"].append({"batch": batch, "p50": percentile(times, 0.5), "p90": percentile(times, 0.9),
                                 "p99": percentile(times, 0.99)})
    print(json.dumps(answer))


main()
