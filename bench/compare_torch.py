#!/usr/bin/env python3
"""The cuda engine and PyTorch side by side, on one machine in one run: forward pass with the head decoded, FP16, 640x640.

compare_torch.py --engine-bench BIN --out FILE.json [--plans DIR] [--passes 3] [--seconds 240] [--compilers 8] MODEL.pt:BATCH,BATCH ...

For each model and batch, passes alternate: ten rounds of twenty back-to-back replays of ours (forward pass; with the best class and box
of every anchor decoded; up to objects, with NMS, keypoints and masks, which no way of PyTorch includes), then the same of PyTorch (eager, CUDA graph NHWC, torch.compile reduce-overhead NHWC, each with the model's own decoding);
medians over all rounds. Beside them 200 single calls, each waited for. Plans of ours are tuned once and kept in --plans; compilations of
PyTorch run side by side beforehand, so that they are found in its cache. Configurations that --seconds leave no time for are named in
the result. Needs torch with CUDA, and ultralytics on PYTHONPATH (its wheel will do).
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS, CALLS, SINGLE_CALLS = 10, 20, 200


def rounds_us(call, synchronize, rounds, calls):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        synchronize()
        times.append(1e6 * (time.perf_counter() - start) / calls)
    return times


class Torch:
    """PyTorch's ways of running one model at one batch size."""

    def __init__(self, model, batch, compiled_only=False):
        import torch
        from ultralytics import YOLO
        torch.backends.cudnn.benchmark = True
        self.torch = torch
        net = YOLO(model).model.eval().cuda().float()
        net.fuse()
        net = net.half().to(memory_format=torch.channels_last)
        picture = torch.rand(batch, 3, 640, 640, device="cuda").half().to(memory_format=torch.channels_last)
        self.ways = {}
        with torch.inference_mode():
            if not compiled_only:
                self.ways["eager"] = lambda: net(picture)
                self.ways["graph_nhwc"] = self.captured(lambda: net(picture))
            start = time.perf_counter()
            fast = torch.compile(net, mode="reduce-overhead")
            for _ in range(3):
                fast(picture)
            torch.cuda.synchronize()
            self.compile_seconds = time.perf_counter() - start
            self.ways["compile"] = lambda: fast(picture)

    def captured(self, call):
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                call()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return graph.replay

    def measure(self):
        """Way -> (round times, single times), microseconds."""
        result, wait = {}, self.torch.cuda.synchronize
        with self.torch.inference_mode():
            for name, call in self.ways.items():
                rounds_us(call, wait, 1, 10)
                rounds = ROUNDS if name != "eager" else ROUNDS // 2
                result[name] = (rounds_us(call, wait, rounds, CALLS), rounds_us(call, wait, SINGLE_CALLS // (ROUNDS // rounds), 1))
        return result


def ours(arguments, model, batch):
    """One pass of engine_bench: tunes on the first, loads the plan afterwards."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [arguments.engine_bench, "--plans", arguments.plans, "--json", file.name, "--batch", str(batch), "--top", "0"]
        command += ["--shortlist", arguments.shortlist] if arguments.shortlist else []
        run = subprocess.run([*command, model], capture_output=True, text=True)
        lines = Path(file.name).read_text().splitlines()
        if run.returncode or not lines:
            raise RuntimeError(f"{' '.join(command)} {model}: exit {run.returncode}: {run.stdout[-800:]}{run.stderr[-400:]}")
        return json.loads(lines[-1])


def compile_beforehand(arguments, pairs):
    running = []
    for model, batch in pairs:
        command = [sys.executable, __file__, "--engine-bench", "-", "--out", "-", "--only-compile", f"{model}:{batch}"]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if len(running) >= arguments.compilers:
            running.pop(0).wait()
    for process in running:
        process.wait()


def compare(arguments, model, batch):
    row = {"model": Path(model).stem, "batch": batch, "passes": arguments.passes}
    ours(arguments, model, batch)
    torch_side, mine, theirs = Torch(model, batch), [], []
    for _ in range(arguments.passes):
        mine.append(ours(arguments, model, batch))
        theirs.append(torch_side.measure())
    row["memory_mb"] = mine[-1]["memory_mb"]  # of the forward pass; PyTorch's: compare_torch_pipeline.py --memory
    row["compile_seconds"] = round(torch_side.compile_seconds, 1)
    row["ours_us"] = {kind: {way: statistics.median(m[kind][way] for m in mine) for way in ("back_to_back", "single")}
                      for kind in ("forward_us", "decoded_us", "objects_us")}
    row["torch_us"] = {way: {"back_to_back": round(statistics.median(t for p in theirs for t in p[way][0]), 2),
                             "single": round(statistics.median(t for p in theirs for t in p[way][1]), 2)} for way in torch_side.ways}
    for kind in row["ours_us"]:
        mine_us = row["ours_us"][kind]["back_to_back"]
        row["times_faster_" + kind[:-3]] = {way: round(t["back_to_back"] / mine_us, 2) for way, t in row["torch_us"].items()}
    torch_side.torch._dynamo.reset()
    return row, mine[-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine-bench", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--plans", default=tempfile.gettempdir())
    parser.add_argument("--shortlist", help="an earlier tuning table of engine_bench, to tune faster")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--compilers", type=int, default=8)
    parser.add_argument("--only-compile", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("models", nargs="+", metavar="MODEL.pt:BATCHES")
    arguments = parser.parse_args()
    pairs = [(m.rsplit(":", 1)[0], int(b)) for m in arguments.models for b in m.rsplit(":", 1)[1].split(",")]
    if arguments.only_compile:
        for pair in pairs:
            Torch(*pair, compiled_only=True)
        return
    begin = time.monotonic()
    compile_beforehand(arguments, pairs)
    import torch
    result = {"command": " ".join(sys.argv), "python": platform.python_version(), "torch": torch.__version__,
              "torch_cudnn": torch.backends.cudnn.version(), "cores": os.cpu_count(), "rows": [], "not_measured": []}
    for model, batch in pairs:
        Path(arguments.out).write_text(json.dumps(result, indent=1) + "\n")  # kept should the next one be the last
        if time.monotonic() - begin > arguments.seconds:
            result["not_measured"].append([Path(model).stem, batch, "no time left"])
            continue
        try:
            row, facts = compare(arguments, model, batch)
            result.update({key: facts[key] for key in ("gpu", "driver", "cudnn", "precision")})
            result["rows"].append(row)
            print(json.dumps(row), flush=True)
        except Exception as error:  # one configuration that fails must not cost the others
            result["not_measured"].append([Path(model).stem, batch, str(error)[:500]])
            print(model, batch, error, flush=True)
    Path(arguments.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
