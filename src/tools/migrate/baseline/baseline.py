"""Measures the user's own pipeline, Ultralytics on PyTorch, from files to results, through its public interface alone.

Called with the name of a file that holds one JSON object: model, device ("cpu", "cuda:0"), half, size, confidence, iou, max_det, batches, runs, files, and where
objects are wanted too, above: their least confidence, and found: the file for them.
The last line printed is one JSON object: torch, ultralytics, device, start_ms, memory_mb, speeds [{batch, p50, p90, p99}]. In the
file for the objects, one an image [{ran: "float32" or "float16", what the network computed in, image: [height, width],
input: [height, width], objects: [{class, confidence, box, mask: run lengths of columns, keypoints}],
candidates: null or [[x1, y1, x2, y2 in pixels of the input, confidence, class]], unsuppressed: null or like objects}].
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


def run_lengths(mask):
    """Zeros, ones, zeros ... of the columns, one behind the other."""
    import torch

    flat = mask.bool().T.flatten()
    ends = torch.nonzero(flat[1:] != flat[:-1]).flatten() + 1
    edges = [0, *ends.tolist(), flat.numel()]
    lengths = [b - a for a, b in zip(edges, edges[1:])]
    return [0, *lengths] if bool(flat[0]) else lengths


def objects_of(result):
    objects = []
    for i in range(len(result.boxes)):
        one = {"class": int(result.boxes.cls[i]), "confidence": float(result.boxes.conf[i]),
               "box": result.boxes.xyxy[i].float().tolist()}
        if result.masks is not None:
            one["mask"] = run_lengths(result.masks.data[i])
        if result.keypoints is not None:
            one["keypoints"] = result.keypoints.data[i].float().tolist()
        objects.append(one)
    return objects


def predictions(output, rows):
    """What stands before NMS: the first tensor [1, rows or more, anchors] in whatever the network returns."""
    if hasattr(output, "shape"):
        return output if output.ndim == 3 and output.shape[0] == 1 and output.shape[1] >= rows else None
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, (list, tuple)) else ()
    return next((found for part in parts if (found := predictions(part, rows)) is not None), None)


def candidates_of(output, classes, above):
    found = predictions(output, 4 + classes)
    if found is None:
        return None
    scores, kinds = found[0, 4:4 + classes].float().max(0)
    kept = scores > above
    x, y, w, h = found[0, :4, kept].float()
    rows = zip((x - w / 2).tolist(), (y - h / 2).tolist(), (x + w / 2).tolist(), (y + h / 2).tolist(),
               scores[kept].tolist(), kinds[kept].tolist())
    return [list(row) for row in rows]


def main():
    with open(sys.argv[1]) as file:
        wish = json.load(file)
    import resource

    import torch
    import ultralytics

    on_gpu = wish["device"] != "cpu"
    if on_gpu:
        torch.zeros(1, device=wish["device"])  # the context: its memory is not the model's
        free_before = torch.cuda.mem_get_info(wish["device"])[0]
    model = ultralytics.YOLO(wish["model"])
    size = {"imgsz": wish["size"]} if wish["size"] else {}

    def predict(files, confidence, iou=wish["iou"]):
        return model.predict(files, batch=len(files), **size, conf=confidence, iou=iou, max_det=wish["max_det"],
                             half=wish["half"], device=wish["device"], rect=False, retina_masks=True, verbose=False,
                             save=False)

    def run(batch):
        files = [wish["files"][i % len(wish["files"])] for i in range(batch)]
        begin = time.perf_counter()
        results = predict(files, wish["confidence"])
        for result in results:
            result.cpu()  # so that the GPU is waited for, and the results are where ours are
        return (time.perf_counter() - begin) * 1000

    def look(file):
        """One picture's objects, and by the way what the network said of it before NMS."""
        seen = {}
        hook = model.predictor.model.register_forward_hook(lambda module, given, output: seen.update(
            input=list(given[0].shape[2:]), ran=str(given[0].dtype).rpartition(".")[2], output=output))
        try:
            result = predict([file], wish["above"])[0].cpu()
        finally:
            hook.remove()
        # No two boxes overlap by more than all: NMS takes nothing.
        loose = objects_of(predict([file], wish["above"], iou=1.0)[0].cpu()) if wish["unsuppressed"] else None
        return {"unsuppressed": loose, "ran": seen.get("ran"), "image": list(result.orig_shape), "input": seen.get("input"), "objects": objects_of(result),
                "candidates": candidates_of(seen.get("output"), len(model.names), wish["above"]) if seen else None}

    run(1)
    answer = {"torch": torch.__version__, "ultralytics": ultralytics.__version__, "device": wish["device"],
              "start_ms": (time.perf_counter() - started) * 1000, "speeds": []}
    for batch in wish["batches"]:
        for _ in range(min(WARM_UP, wish["runs"])):
            run(batch)
        if "memory_mb" not in answer:
            answer["memory_mb"] = ((free_before - torch.cuda.mem_get_info(wish["device"])[0]) / 2**20 if on_gpu
                                   else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        times = sorted(run(batch) for _ in range(wish["runs"]))
        answer["speeds"].append({"batch": batch, "p50": percentile(times, 0.5), "p90": percentile(times, 0.9),
                                 "p99": percentile(times, 0.99)})
    if "found" in wish:
        with open(wish["found"], "w") as file:
            json.dump([look(picture) for picture in wish["files"]], file)
    print(json.dumps(answer))


main()
