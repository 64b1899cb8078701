"""Measures an OSNet checkpoint in PyTorch, from decoded persons in host memory to embeddings in host memory. Needs torch alone.

Called with the name of a file that holds one JSON object: model, device, half, batches, runs, persons [{file: 8-bit BGR, width, height}], height, width: of the
network's input, found: the file for what comes out, one a person [{ran: "float32" or "float16", embedding}].
The last line printed is one JSON object: torch, start_ms, memory_mb, speeds [{batch, p50, p90, p99}].

The network is that of Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019,
https://arxiv.org/abs/1905.00953, read off the checkpoint's own keys, IBN and AIN included.
"""
import json
import sys
import time

started = time.perf_counter()

WARM_UP = 20  # as many as `peregrine bench` runs
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def percentile(rising, share):
    return rising[round(share * (len(rising) - 1))]


def main():
    with open(sys.argv[1]) as file:
        wish = json.load(file)
    import resource

    import torch
    from torch.nn import functional

    on_gpu = wish["device"] != "cpu"
    device, kind = torch.device(wish["device"]), torch.float16 if wish["half"] else torch.float32
    if on_gpu:
        torch.zeros(1, device=device)  # the context: its memory is not the model's
        free_before = torch.cuda.mem_get_info(device)[0]
    state = torch.load(wish["model"], map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    state = {key.removeprefix("module."): value.to(device, kind) for key, value in state.items() if hasattr(value, "to")}

    def normalise(name, x):
        if name + ".running_mean" in state:
            return functional.batch_norm(x, state[name + ".running_mean"], state[name + ".running_var"],
                                         state[name + ".weight"], state[name + ".bias"])
        if name + ".weight" in state:
            return functional.instance_norm(x, weight=state[name + ".weight"], bias=state[name + ".bias"])
        return x

    def convolve(name, norm, x, stride=1):
        weight = state[name + ".weight"]
        groups = x.shape[1] if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] else 1
        return normalise(norm, functional.conv2d(x, weight, state.get(name + ".bias"), stride, weight.shape[2] // 2, 1, groups))

    def conv(name, x, stride=1):
        return convolve(name + ".conv", name + ".bn", x, stride)

    def light(name, x):
        return functional.relu(convolve(name + ".conv2", name + ".bn", convolve(name + ".conv1", "", x)))

    def gate(name, x):
        hidden = functional.relu(convolve(name + ".fc1", "", x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(convolve(name + ".fc2", "", hidden))

    def streams(name):
        lists = name + ".conv2.0.layers.0.conv1.weight" in state
        for depth in range(1, 5):
            stream = f"{name}.conv2.{depth - 1}.layers" if lists else f"{name}.conv2{'abcd'[depth - 1]}"
            yield [f"{stream}.{i}" if lists or depth > 1 else stream for i in range(depth)]

    def block(name, x):
        reduced, total = functional.relu(conv(name + ".conv1", x)), 0
        for stream in streams(name):
            y = reduced
            for part in stream:
                y = light(part, y)
            total = total + gate(name + ".gate", y)
        y = conv(name + ".conv3", total)
        inside = name + ".conv3.bn.weight" not in state
        y = normalise(name + ".IN", y) if inside else y
        y = y + (conv(name + ".downsample", x) if name + ".downsample.conv.weight" in state else x)
        return functional.relu(y if inside else normalise(name + ".IN", y))

    def stage(name, x):
        number = 0
        while f"{name}.{number}.conv1.conv.weight" in state:
            x, number = block(f"{name}.{number}", x), number + 1
        return x

    def transition(name, own, x):
        name = own if own + ".0.conv.weight" in state else name + ".2"
        return functional.avg_pool2d(functional.relu(conv(name + ".0", x)), 2)

    def network(x):
        x = functional.max_pool2d(functional.relu(conv("conv1", x, 2)), 3, 2, 1)
        x = transition("conv2", "pool2", stage("conv2", x))
        x = transition("conv3", "pool3", stage("conv3", x))
        x = functional.relu(conv("conv5", stage("conv4", x))).mean((2, 3))
        return functional.relu(normalise("fc.1", functional.linear(x, state["fc.0.weight"], state.get("fc.0.bias"))))

    mean, spread = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, SPREAD))
    persons = []
    for person in wish["persons"]:
        with open(person["file"], "rb") as file:
            persons.append(torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(person["height"], person["width"], 3))

    @torch.inference_mode()
    def embed(some):
        inputs = []
        for person in some:
            picture = person.to(device).permute(2, 0, 1).flip(0).float()
            picture = functional.interpolate(picture[None], (wish["height"], wish["width"]), mode="bilinear")[0]
            inputs.append((picture / 255 - mean) / spread)
        return functional.normalize(network(torch.stack(inputs).to(kind)).float()).cpu()

    def run(batch):
        some = [persons[i % len(persons)] for i in range(batch)]
        begin = time.perf_counter()
        embed(some)
        return (time.perf_counter() - begin) * 1000

    run(1)
    answer = {"torch": torch.__version__, "start_ms": (time.perf_counter() - started) * 1000,
              "speeds": []}
    for batch in wish["batches"]:
        for _ in range(min(WARM_UP, wish["runs"])):
            run(batch)
        if "memory_mb" not in answer:
            answer["memory_mb"] = ((free_before - torch.cuda.mem_get_info(device)[0]) / 2**20 if on_gpu
                                   else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        times = sorted(run(batch) for _ in range(wish["runs"]))
        answer["speeds"].append({"batch": batch, "p50": percentile(times, 0.5), "p90": percentile(times, 0.9),
                                 "p99": percentile(times, 0.99)})
    found = [row for first in range(0, len(persons), 16) for row in embed(persons[first:first + 16]).tolist()]
    with open(wish["found"], "w") as file:
        json.dump([{"ran": str(kind).rpartition(".")[2], "embedding": row} for row in found], file)
    print(json.dumps(answer))


main()
