#!/usr/bin/env python3
"""syntax.py BUILD [PATTERN]: every .cpp of compile_commands.json through clang's front end with one precompiled header; what clang refuses
is asked of the real compiler with -fsyntax-only. Prints errors. Much faster than a build."""
import json, os, re, shlex, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
build = sys.argv[1]
pattern = sys.argv[2] if len(sys.argv) > 2 else ""
PCH = "/tmp/house_pch"
os.makedirs(PCH, exist_ok=True)
head = PCH + "/all.h"
std = """algorithm array atomic cctype cerrno charconv chrono cmath condition_variable cstddef cstdint cstdio cstdlib cstring deque exception filesystem
fstream functional future iomanip iostream iterator limits list map memory mutex numeric optional random regex set span sstream stdexcept
string string_view thread tuple type_traits unordered_map unordered_set utility variant vector""".split()
text = "\n".join(f"#include <{h}>" for h in std) + "\n#include <fmt/format.h>\n#include <nlohmann/json.hpp>\n#include <gmock/gmock.h>\n#include <gtest/gtest.h>\n"
common = ["-std=c++20", "-fPIC", "-O0", "-w", "-DNDEBUG", "-DFMT_SHARED", "-DGTEST_HAS_PTHREAD=1", "-DPEREGRINE_CUDA=1", "-D_GLIBCXX_USE_CXX11_ABI=1"]
if not os.path.exists(head + ".pch"):
    open(head, "w").write(text)
    subprocess.run(["clang++", *common, "-x", "c++-header", head, "-o", head + ".pch"], check=True)
jobs = []
for c in json.load(open(build + "/compile_commands.json")):
    if not c["file"].endswith(".cpp") or not re.search(pattern, c["file"]):
        continue
    words = shlex.split(c["command"])
    keep, i = [], 0
    while i < len(words):
        w = words[i]
        if w in ("-isystem", "-include"):
            keep += [w, words[i + 1]]
            i += 1
        elif w.startswith(("-I", "-D")):
            keep.append(w)
        i += 1
    jobs.append((c["file"], c["directory"], keep))


ORDER = ("engine/cuda", "engine/reference", "src/predictor", "src/engine_cache", "src/tools", "cli/", "bench/", "tests/engine/cuda")
jobs.sort(key=lambda j: next((i for i, o in enumerate(ORDER) if o in j[0]), len(ORDER)))


def check(job):
    file, directory, flags = job
    r = subprocess.run(["nice", "-n", "3", "clang++", "-fsyntax-only", "-ferror-limit=0", "-Xclang", "-fno-validate-pch", "-include-pch", head + ".pch", *common, *flags, file],
                       cwd=directory, capture_output=True, text=True)
    if r.returncode == 0:
        return file, ""
    if os.environ.get("CLANG_ONLY"):
        return file, r.stderr
    g = subprocess.run(["nice", "-n", "3", "g++", "-fsyntax-only", "-std=c++20", "-fPIC", "-w", *flags, file], cwd=directory, capture_output=True, text=True)
    return file, "" if g.returncode == 0 else g.stderr


failed = 0
done = []
with ThreadPoolExecutor(int(os.environ.get('JOBS', 4))) as pool:
    from concurrent.futures import as_completed
    for future in as_completed([pool.submit(check, j) for j in jobs]):
        file, errors = future.result()
        done.append(file)
        if len(done) % 25 == 0:
            print(len(done), "of", len(jobs), "done", flush=True)
        if errors:
            failed += 1
            lines = [l for l in errors.split("\n") if "error" in l]
            print("\n".join(lines[:12]) or errors[:600], flush=True)
print(f"{len(jobs)} files, {failed} fail")
