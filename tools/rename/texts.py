"""The texts that move.py writes: names of modules and tests, new CMakeLists, edits of scripts and of ARCHITECTURE.md."""
import os, re, collections

MODULES = {
    "base": ["core", "gpu_policy", "cuda", "image"], "model": ["formats"], "engine/store": ["engine_cache/store"],
    "provision": ["engine_cache"], "compare": ["parity"], "source": ["stages/source"], "decode": ["stages/decode"],
    "preprocess": ["stages/preprocess"], "postprocess": ["stages/postprocess"], "render": ["stages/render"],
    "pipeline": ["predictor"], "validate": ["tools/validate", "tools/doctor"], "audit": ["tools/audit"], "explain": ["tools/compare"],
    "migrate": ["tools/migrate"],
}
MODULE_ORDER = ["core", "settings", "gpu_policy", "cuda", "image", "graph", "formats",
                "engine", "engine/conformance", "engine/openvino", "engine/cuda", "engine/reference", "engine/tensorrt",
                "stages/source", "stages/decode", "stages/preprocess", "stages/postprocess", "stages/render", "parity",
                "engine_cache/store", "engine_cache", "predictor",
                "tools/validate", "tools/doctor", "tools/audit", "tools/compare", "tools/migrate"]
TEST_FOLDERS = ["tests/core", "tests/gpu_policy", "tests/cuda", "tests/image", "tests/tools/doctor", "tests/stages/source", "tests/stages/decode"]
TEST_NAMES = {"base": "core", "model": "formats", "model_onnx": "formats_onnx", "model_numeric": "formats_numeric",
              "store": "engine_store", "provision": "engine_cache", "pipeline": "predictor", "pipeline_gpu": "predictor_gpu",
              "compare": "parity", "explain": "compare"}

# Before sources are placed: what a moved file takes along.
PRE_EDITS = [
    ("src/render/CMakeLists.txt", [
        (re.compile(r"find_package\(JPEG REQUIRED\)\nfind_package\(PNG REQUIRED\)\n\n"), ""),
        (re.compile(r"set\(video video_writer_absent\.cpp\)\nif\(PEREGRINE_VIDEO\)\n  set\(video video_writer\.cpp\)\nendif\(\)\n\n"), ""),
        (re.compile(r"    save\.cpp\n"), ""), (re.compile(r"    \$\{video\}\n"), ""),
        (re.compile(r" JPEG::JPEG \$\{PEREGRINE_FFMPEG\} PNG::PNG"), "")]),
    ("src/source/CMakeLists.txt", [
        ("set(video video_absent.cpp)", "set(video video_absent.cpp ../render/video_writer_absent.cpp)"),
        (re.compile(r"set\(video (?=container_size\.cpp|video\.cpp)"), "set(video ../render/video_writer.cpp ")]),
    ("src/decode/CMakeLists.txt", [("    decode.cpp\n", "    decode.cpp\n    ../render/save.cpp\n")]),
    ("tests/render/CMakeLists.txt", [
        (re.compile(r"if\(PEREGRINE_VIDEO\)\n  set\(video_tests video_writer_test\.cpp\)\nendif\(\)\n"), ""),
        (re.compile(r" save_test\.cpp"), ""), (re.compile(r" \$\{video_tests\}"), ""), (re.compile(r" hints_test\.cpp"), ""),
        (re.compile(r"target_compile_definitions\(test_render PRIVATE PEREGRINE_VIDEO=[^\n]*\n"), "")]),
    ("tests/source/CMakeLists.txt", [("set(video_tests ", "set(video_tests ../render/video_writer_test.cpp "),
                                     ("SOURCES source_test.cpp", "SOURCES ../render/hints_test.cpp source_test.cpp"), ("MODULES source render", "MODULES source render decode"),
                                     (re.compile(r"\Z"), "target_compile_definitions(test_source PRIVATE PEREGRINE_VIDEO=$<BOOL:${PEREGRINE_VIDEO}>)\n")]),
    ("tests/decode/CMakeLists.txt", [("peregrine_test(decode SOURCES decode_test.cpp",
                                      "peregrine_test(decode SOURCES decode_test.cpp ../render/save_test.cpp")]),
    ("tests/base/CMakeLists.txt", [(re.compile(r"if\(PEREGRINE_CUDA\)\n.*?endif\(\)\n\n?", re.S), "")]),
    ("tests/cuda/CMakeLists.txt", [
        ("add_library(peregrine_plan_support STATIC plan_executor.cpp plan_operations.cpp plan_comparison.cpp",
         "add_library(peregrine_plan_support STATIC plan_comparison.cpp"),
        ("peregrine_plan_support PUBLIC peregrine_engine_cuda peregrine_test_support",
         "peregrine_plan_support PUBLIC peregrine_engine_reference peregrine_test_support")]),
    ("src/base/CMakeLists.txt", [
        (re.compile(r"if\(PEREGRINE_CUDA\)\n.*?endif\(\)\n", re.S), "")]),
    ("src/migrate/CMakeLists.txt", [
        (re.compile(r"  list\(JOIN CMAKE_CUDA_ARCHITECTURES .*?\n  target_compile_definitions\(peregrine_migrate PRIVATE PEREGRINE_CUDA_ARCH[^\n]*\n"), ""),
        ("DEPENDS base settings graph model", "DEPENDS base settings graph model")]),
    ("src/validate/CMakeLists.txt", []),
]

CMAKE_EDITS = [
    ("src/core/CMakeLists.txt", [("  CUDA_SOURCES\n", "")]),
    ("tests/CMakeLists.txt", [
        ("PUBLIC peregrine_core GTest::gtest", "PUBLIC peregrine_core peregrine_gpu_policy peregrine_cuda peregrine_image GTest::gtest")]),
]

NEW_CMAKE = {
    "src/gpu_policy": """peregrine_module(gpu_policy
  SOURCES
@SOURCES@
  DEPENDS core
  LINKS fmt::fmt)
""",
    "src/cuda": """# Without CUDA the module is there and empty, so that what depends on it need not ask.
peregrine_module(cuda
  SOURCES ${CMAKE_SOURCE_DIR}/cmake/empty.cpp
  CUDA_SOURCES
@CUDA_SOURCES@
  DEPENDS core gpu_policy
  LINKS fmt::fmt ${CMAKE_DL_LIBS})
if(PEREGRINE_CUDA)
  # Public: the owners' headers name the runtime's handles. Static: the executable starts without CUDA.
  target_link_libraries(peregrine_cuda PUBLIC CUDA::cudart_static)
  target_include_directories(peregrine_cuda SYSTEM PRIVATE ${PEREGRINE_NVTX_INCLUDE})  # headers alone
endif()
""",
    "src/image": """peregrine_module(image
  SOURCES
@SOURCES@
  DEPENDS core
  LINKS fmt::fmt)
""",
    "src/engine/reference": """peregrine_module(engine/reference
  SOURCES
    plan_executor.cpp
    plan_operations.cpp
  DEPENDS core engine/cuda)
""",
    "src/tools/doctor": """peregrine_module(tools/doctor QUICK
  SOURCES
@SOURCES@
  DEPENDS core gpu_policy cuda settings graph formats engine engine/conformance engine/tensorrt parity engine_cache
  LINKS fmt::fmt nlohmann_json::nlohmann_json)
if(PEREGRINE_OPENVINO)
  target_link_libraries(peregrine_tools_doctor PUBLIC peregrine_engine_openvino)
  target_compile_definitions(peregrine_tools_doctor PRIVATE PEREGRINE_OPENVINO=1)
endif()
if(PEREGRINE_CUDA)
  target_link_libraries(peregrine_tools_doctor PUBLIC peregrine_engine_cuda)
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " architectures)
  target_compile_definitions(peregrine_tools_doctor PRIVATE PEREGRINE_CUDA_ARCHITECTURE="${architectures}")
endif()
""",
    "tests/gpu_policy": """peregrine_test(gpu_policy
  SOURCES
@SOURCES@
  MODULES gpu_policy cuda)
""",
    "tests/image": """peregrine_test(image
  SOURCES
@SOURCES@
  MODULES image)
""",
    "tests/cuda": """if(PEREGRINE_CUDA)
  # A profiler that writes down what it is sent; a program of its own, because ranges are sent for the rest of a process.
  add_library(double_nvtx MODULE doubles/nvtx.cpp)
  target_include_directories(double_nvtx SYSTEM PRIVATE ${PEREGRINE_NVTX_INCLUDE})
  peregrine_test(nvtx SOURCES nvtx_test.cpp MODULES cuda)
  target_compile_definitions(test_nvtx PRIVATE PEREGRINE_DOUBLE="$<TARGET_FILE:double_nvtx>")
  add_dependencies(test_nvtx double_nvtx)
endif()
""",
    "tests/tools/doctor": """peregrine_test(doctor
  SOURCES
@SOURCES@
  MODULES tools/doctor
  LINKS nlohmann_json::nlohmann_json)
if(PEREGRINE_OPENVINO)
  target_compile_definitions(test_doctor PRIVATE PEREGRINE_OPENVINO=1)
endif()
""",
}

ENCODE_H = """// 8-bit pixels in host memory -> image file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "peregrine/image.h"

namespace peregrine::decode {

/// A JPEG file: quality 92, full chroma resolution. Throws Error "output.write" where JPEG cannot hold the image.
std::vector<std::byte> encode_jpeg(const HostImage& image);

/// Encodes by the extension of `path` (.jpg .jpeg: encode_jpeg(); .png) and writes the file whole or not at all.
/// Throws Error "output.write".
void save_image(const HostImage& image, const std::filesystem::path& path);

}  // namespace peregrine::decode
"""
NEW_FILES = {"src/stages/decode/encode.h": ENCODE_H}


def code_edits(new_text, checks):
    """The few lines of code that a move between folders needs."""
    def sub(path, pattern, text, count=0):
        if path not in new_text:
            return checks.append(f"{path}: no such file")
        new_text[path], n = re.subn(pattern, lambda _: text, new_text[path], count=count, flags=re.S)
        if n == 0:
            checks.append(f"{path}: not found: {pattern[:80]!r}")
    sub("src/stages/render/render.h", r"/// As a JPEG file: quality 92.*?void save\([^\n]*\n\n?", "")
    sub("src/stages/render/render.h", r"\}  // namespace peregrine::render", "}  // namespace peregrine::render")
    for path in ("src/stages/decode/encode.cpp", "tests/stages/decode/encode_test.cpp"):
        sub(path, r"namespace peregrine::render", "namespace peregrine::decode")
        sub(path, r"\bsave\(", "save_image(")
        sub(path, r'#include "stages/render/render.h"', '#include "stages/decode/encode.h"')
    for path in ("src/stages/source/video/video_writer.h", "src/stages/source/video/video_writer.cpp",
                 "src/stages/source/video/video_writer_absent.cpp", "tests/stages/source/video_writer_test.cpp"):
        sub(path, r"namespace peregrine::render", "namespace peregrine::source")
    sub("tests/stages/source/hints_test.cpp", r"namespace peregrine::render", "namespace peregrine::source")
    sub("tests/stages/source/hints_test.cpp", r"\bsave\(image", "decode::save_image(image")
    for path in ("src/engine/reference/plan_executor.h", "src/engine/reference/plan_executor.cpp", "src/engine/reference/plan_operations.cpp"):
        sub(path, r"namespace peregrine::test", "namespace peregrine::reference")
    sub("src/engine/reference/plan_executor.cpp", r'#include "(?:engine/reference/)?plan_executor.h"', '#include "engine/reference/plan_executor.h"')
    for path, text in list(new_text.items()):
        if not path.endswith((".h", ".cpp", ".cu", ".cuh")):
            continue
        before = text
        text = re.sub(r"\brender::save\(", "decode::save_image(", text)
        text = text.replace("render::encode_jpeg(", "decode::encode_jpeg(").replace("render::VideoWriter", "source::VideoWriter")
        if path.startswith("tests/"):
            text = re.sub(r"(?<![\w:])(?:test::)?PlanExecutor\b", "reference::PlanExecutor", text)
        if re.search(r"decode::(save_image|encode_jpeg)\(", text) and "stages/decode/encode.h" not in text:
            text = add_include(text, "stages/decode/encode.h")
        if re.search(r"\brender::", text) is None and '#include "stages/render/render.h"' in text and "namespace peregrine::render" not in text:
            text = text.replace('#include "stages/render/render.h"\n', "")
        if text != before:
            new_text[path] = text


def add_include(text, name):
    lines = text.split("\n")
    quoted = [i for i, l in enumerate(lines) if l.startswith('#include "')]
    at = next((i for i in quoted if lines[i] > f'#include "{name}"' and i != quoted[0]), quoted[-1] + 1)
    lines.insert(at, f'#include "{name}"')
    return "\n".join(lines)


TREE_TABLE = open(os.path.join(os.path.dirname(__file__), "architecture_table.md")).read()
TESTS_LIST = """foreach(folder IN ITEMS core gpu_policy cuda image settings graph formats engine/conformance engine/openvino engine/cuda engine/tensorrt
                        stages/source stages/decode stages/preprocess stages/postprocess stages/render parity
                        engine_cache/store engine_cache predictor tools/validate tools/doctor tools/audit tools/compare tools/migrate
                        faults cli architecture)"""

EDITS = [
    ("CMakeLists.txt", [(re.compile(r"set\(PEREGRINE_MODULES\n.*?\)", re.S), """set(PEREGRINE_MODULES
    core settings gpu_policy cuda image graph formats
    engine engine/conformance engine/openvino engine/cuda engine/reference engine/tensorrt
    stages/source stages/decode stages/preprocess stages/postprocess stages/render parity
    engine_cache/store engine_cache predictor
    tools/validate tools/doctor tools/audit tools/compare tools/migrate)""")]),
    ("tests/CMakeLists.txt", [(re.compile(r"foreach\(folder IN ITEMS .*?\)", re.S), TESTS_LIST)]),
    ("ARCHITECTURE.md", [(re.compile(r"    BUILD TIME .*?(?=## Rules that hold everywhere)", re.S), TREE_TABLE)]),
    ("tools/ci/tidy.sh", [("'src/core/*.cpp' 'src/settings/*.cpp' 'src/stages/decode/*.cpp' 'src/formats/*.cpp'",
                           "'src/core/*.cpp' 'src/gpu_policy/*.cpp' 'src/image/*.cpp' 'src/settings/*.cpp' 'src/stages/decode/*.cpp' 'src/formats/*.cpp'"),
                          ("grep -v '/cuda/'", "grep -v '/cuda/'")]),
    ("tools/ci/test.sh", [("--target test_base test_settings test_decode test_model", "--target test_core test_image test_gpu_policy test_settings test_decode test_formats test_formats_onnx"),
                          ("-L '^(base|settings|decode|model)$'", "-L '^(core|image|gpu_policy|settings|decode|formats|formats_onnx)$'")]),
    ("tools/bundle/bundle.mk", [('ONLY="test_cuda test_pipeline"', 'ONLY="test_cuda_kernels test_predictor_gpu"'), ("test_pipeline_gpu", "test_predictor_gpu")]),
    ("tools/bundle/make_bundle.sh", [("/tests/[a-z]+/(doubles", "/tests/[a-z_/]+/(doubles"), ("bin/test_base", "bin/test_core")]),
    ("CONTRIBUTING.md", [("(base, settings, decode, model)", "(core, image, settings, decode, formats)"),
                         ("`tests/engine_cache/store` and `tests/tools/migrate`", "`tests/engine_cache/store` and `tests/tools/migrate`")]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def read_rules(text):
    rules = {}
    for line in text.split("```dependencies\n")[1].split("```")[0].strip().split("\n"):
        words = line.split()
        rules[words[0]] = set(words[2:])
    return rules


def check_tree(checks, old_text, git):
    """What tests/architecture will say, and more: every include is there, no folder of src has over 20 files."""
    rules = read_rules(open("ARCHITECTURE.md").read())
    used = collections.defaultdict(set)
    count = collections.Counter()

    def folder_of(path):
        return max((f for f in rules if path.startswith(f + "/")), key=len, default="")
    every = [os.path.relpath(os.path.join(d, f)) for top in ("src", "tests", "cli", "bench", "include")
             for d, _, fs in os.walk(top) for f in fs]
    known = set(every)
    for path in every:
        if not path.endswith((".h", ".cpp", ".cu", ".cuh")):
            continue
        if path.startswith("src/"):
            count[os.path.dirname(path)] += 1
        for name in INCLUDE.findall(open(path, encoding="utf-8").read()):
            places = [f"{r}/{name}" for r in ("include", "src", "tests", "cli", "bench")] + [os.path.join(os.path.dirname(path), name)]
            if not any(p in known for p in places) and not name.startswith(("cutlass/", "cute/")) and not name.endswith(".inc"):
                stem = os.path.basename(name)
                if not any(os.path.basename(p) == stem and p.startswith("tests/") for p in known):
                    checks.append(f"{path}: no {name}")
            if path.startswith("src/"):
                mine, other = folder_of(path[4:]), folder_of(name)
                if not mine:
                    checks.append(f"{path} lies in no folder of the rules")
                elif other and other != mine:
                    used[mine].add(other)
                    if other not in rules[mine]:
                        checks.append(f"{path} includes {name}: {mine} may not include {other}")
    for folder, n in count.items():
        if n > 20:
            checks.append(f"{folder} has {n} files")
    if os.environ.get("HOUSE_RULES"):
        for folder in rules:
            print(f"{folder:<18} -> {' '.join(sorted(used[folder]))}   | unused: {' '.join(sorted(rules[folder] - used[folder]))}")
