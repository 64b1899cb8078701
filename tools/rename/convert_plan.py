#!/usr/bin/env python3
"""convert_plan.py OLD NEW: a kept plan of the cuda engine ("cuda 2") in the words of "cuda 3", so that engine_bench runs the same tactics
before and after the renaming. The weights are copied byte by byte. Refuses anything else than "cuda 2". No dependency: CBOR is read and
written here. A folder for OLD converts every *.plan of it."""
import hashlib, os, struct, sys
from pathlib import Path

MAGIC, KIND, DIGEST = b"PEREGRINE PLAN\n", 33, 64
ALIGN = 256
PROVIDERS = {"halo": "conv3x3_sm90", "depthwise_ring": "depthwise3x3_sm90", "separable": "depthwise_pointwise", "separate": "unfused_pair",
             "cutlass": "cutlass_gemm", "cutlass_window": "cutlass_implicit_gemm"}
STEPS = {"Separable": "DepthwisePointwise"}


class Bytes(bytes):
    pass


def read(data, at):
    """(value, next) of one CBOR item. Maps are lists of pairs, so that their order and duplicates survive."""
    head = data[at]
    kind, low = head >> 5, head & 31
    at += 1
    if kind == 7:
        if low == 20: return False, at
        if low == 21: return True, at
        if low == 22: return None, at
        if low == 25: return ("f2", data[at:at + 2]), at + 2
        if low == 26: return ("f4", data[at:at + 4]), at + 4
        if low == 27: return ("f8", data[at:at + 8]), at + 8
        raise ValueError(f"CBOR simple {low}")
    if low < 24: n = low
    elif low == 24: n, at = data[at], at + 1
    elif low == 25: n, at = struct.unpack_from(">H", data, at)[0], at + 2
    elif low == 26: n, at = struct.unpack_from(">I", data, at)[0], at + 4
    elif low == 27: n, at = struct.unpack_from(">Q", data, at)[0], at + 8
    else: raise ValueError("CBOR of indefinite length")
    if kind == 0: return n, at
    if kind == 1: return -1 - n, at
    if kind == 2: return Bytes(data[at:at + n]), at + n
    if kind == 3: return data[at:at + n].decode("utf-8", "surrogateescape"), at + n
    if kind == 4:
        out = []
        for _ in range(n):
            v, at = read(data, at)
            out.append(v)
        return out, at
    if kind == 5:
        out = {}
        for _ in range(n):
            k, at = read(data, at)
            out[k], at = read(data, at)
        return out, at
    raise ValueError("CBOR tag")


def head(kind, n):
    if n < 24: return bytes([kind << 5 | n])
    for low, form, most in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32), (27, ">Q", 1 << 64)):
        if n < most: return bytes([kind << 5 | low]) + struct.pack(form, n)


def write(v):
    if v is None: return b"\xf6"
    if v is True: return b"\xf5"
    if v is False: return b"\xf4"
    if isinstance(v, tuple): return {"f2": b"\xf9", "f4": b"\xfa", "f8": b"\xfb"}[v[0]] + v[1]
    if isinstance(v, int): return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, Bytes): return head(2, len(v)) + v
    if isinstance(v, str):
        raw = v.encode("utf-8", "surrogateescape")
        return head(3, len(raw)) + raw
    if isinstance(v, list): return head(4, len(v)) + b"".join(map(write, v))
    # nlohmann::json writes its objects in the order of their keys
    return head(5, len(v)) + b"".join(write(k) + write(v[k]) for k in sorted(v, key=lambda k: k.encode("utf-8", "surrogateescape")))


def renamed(d, names):
    return {names.get(k, k): v for k, v in d.items()}


def convert_document(plan):
    plan = renamed(plan, {"lanes": "streams"})
    steps = []
    for step in plan["steps"]:
        tactic = renamed(step["choice"], {"candidate": "provider", "waits": "honors_pdl_wait"})
        tactic["provider"] = PROVIDERS.get(tactic["provider"], tactic["provider"])
        step = renamed(step, {"lane": "stream", "waits": "dependencies", "choice": "tactic"})
        step["tactic"] = tactic
        operation = step["operation"]
        operation["step"] = STEPS.get(operation["step"], operation["step"])
        steps.append(step)
    plan["steps"] = steps
    return plan


def convert(data):
    start = len(MAGIC) + KIND + DIGEST
    if not data.startswith(MAGIC):
        raise SystemExit("no plan of peregrine")
    kind = data[len(MAGIC):len(MAGIC) + KIND].decode().strip()
    if kind != "cuda 2":
        raise SystemExit(f"a plan of '{kind}', not of 'cuda 2'")
    payload = data[start:]
    if hashlib.sha256(payload).hexdigest().encode() != data[start - DIGEST:start]:
        raise SystemExit("the plan is damaged")
    size = struct.unpack_from("<Q", payload)[0]
    document, end = read(payload, 8)
    if end != 8 + size:
        raise SystemExit("the plan's document does not end where it says")
    if write(document) != payload[8:8 + size]:
        raise SystemExit("this plan's CBOR is written in another way than this script writes it")
    weights = payload[(8 + size + ALIGN - 1) // ALIGN * ALIGN:]
    body = write(convert_document(document))
    out = struct.pack("<Q", len(body)) + body
    out += b"\0" * (-len(out) % ALIGN) + weights
    return MAGIC + b"cuda 3".ljust(KIND - 1) + b"\n" + hashlib.sha256(out).hexdigest().encode() + out


def main(old, new):
    old, new = Path(old), Path(new)
    pairs = [(f, new / f.name) for f in sorted(old.glob("*.plan"))] if old.is_dir() else [(old, new)]
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(convert(source.read_bytes()))
        print(source, "->", target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
