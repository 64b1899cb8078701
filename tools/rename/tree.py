"""The new tree as a table: old path -> new path. Shared by move.py, rename.py and the checks.
A file is placed by the first rule that fits: FILES (exact, or a glob over the base name), else the longest folder of FOLDERS."""
import fnmatch, os

# Old folder -> new folder, for all that no line of FILES names.
FOLDERS = {
    "src/base": "src/core", "src/base/cuda": "src/cuda",
    "src/model": "src/formats", "src/model/archive": "src/formats/torch",
    "src/compare": "src/parity",
    "src/engine/cuda": "src/engine/cuda/runtime",
    "src/engine/cuda/lowering": "src/engine/cuda/lowering",
    "src/engine/cuda/kernels": "src/engine/cuda/kernels",
    "src/engine/cuda/cutlass": "src/engine/cuda/kernels/cutlass",
    "src/engine/cuda/hopper": "src/engine/cuda/kernels/sm90",
    "src/engine/store": "src/engine_cache/store",
    "src/provision": "src/engine_cache",
    "src/source": "src/stages/source", "src/decode": "src/stages/decode", "src/preprocess": "src/stages/preprocess",
    "src/postprocess": "src/stages/postprocess", "src/render": "src/stages/render",
    "src/pipeline": "src/predictor",
    "src/validate": "src/tools/validate", "src/audit": "src/tools/audit", "src/explain": "src/tools/compare",
    "src/migrate": "src/tools/migrate",
    "tests/base": "tests/core", "tests/model": "tests/formats", "tests/compare": "tests/parity",
    "tests/cuda": "tests/engine/cuda", "tests/tensorrt": "tests/engine/tensorrt", "tests/conformance": "tests/engine/conformance",
    "tests/openvino": "tests/engine/openvino",
    "tests/store": "tests/engine_cache/store", "tests/provision": "tests/engine_cache",
    "tests/source": "tests/stages/source", "tests/decode": "tests/stages/decode", "tests/preprocess": "tests/stages/preprocess",
    "tests/postprocess": "tests/stages/postprocess", "tests/render": "tests/stages/render",
    "tests/pipeline": "tests/predictor",
    "tests/validate": "tests/tools/validate", "tests/audit": "tests/tools/audit", "tests/explain": "tests/tools/compare",
    "tests/migrate": "tests/tools/migrate",
    "docs": "docs/guide", "docs/decisions": "docs/decisions",
}

# Exceptions: glob of the old path -> new folder (ends in /) or new path.
FILES = [
    # base: what speaks of pictures, of the GPU-only policy, of the operating system
    ("src/base/geometry.h", "src/image/"), ("src/base/run_length.*", "src/image/"), ("src/base/turn.*", "src/image/"),
    ("src/compare/mask_algebra.*", "src/image/"),
    ("src/base/guard.*", "src/gpu_policy/"), ("src/base/ledger.*", "src/gpu_policy/"),
    ("src/base/child.*", "src/core/os/"), ("src/base/dynamic_library.*", "src/core/os/"),
    ("src/base/output_file.*", "src/core/os/"), ("src/base/output_guard.*", "src/core/os/"), ("src/base/read_whole_file.*", "src/core/os/"),
    ("src/base/crash_point.*", "src/core/os/"),
    # FFmpeg in one folder
    ("src/base/ffmpeg.h", "src/stages/source/video/"), ("src/source/video*", "src/stages/source/video/"), ("src/source/container_size.*", "src/stages/source/video/"),
    ("src/render/video_writer*", "src/stages/source/video/"),
    ("tests/render/video_writer_test.cpp", "tests/stages/source/"), ("tests/render/hints_test.cpp", "tests/stages/source/"),
    # libjpeg, libpng in one folder
    ("src/render/save.cpp", "src/stages/decode/encode.cpp"), ("tests/render/save_test.cpp", "tests/stages/decode/encode_test.cpp"),
    # formats/onnx: reading, writing, what both share
    *[(f"src/model/onnx/{n}", "src/formats/onnx/read/") for n in (
        "arrays.cpp", "describe.*", "known.cpp", "layers.cpp", "network.*", "node_order.*", "node_view.*", "operators.*", "reader.*",
        "translation.*")],
    *[(f"src/model/onnx/{n}", "src/formats/onnx/write/") for n in ("export.*", "writer.*", "single_parts.*")],
    # engine/cuda
    *[(f"src/engine/cuda/{n}", "src/engine/cuda/plan/") for n in (
        "plan.*", "plan_*", "strided.*", "schedule.*", "memory_planner.*", "statistics.*", "matrix_view.*")],
    ("src/engine/cuda/lowering.h", "src/engine/cuda/lowering/"),
    *[(f"src/engine/cuda/{n}", "src/engine/cuda/lowering/fuse/") for n in ("pairs.*",)],
    *[(f"src/engine/cuda/lowering/{n}", "src/engine/cuda/lowering/fuse/") for n in ("fuse_*", "fusion.*", "upsampled.*")],
    *[(f"src/engine/cuda/lowering/{n}", "src/engine/cuda/lowering/emit/") for n in ("emit_*", "emission.*", "emitter.*")],
    *[(f"src/engine/cuda/{n}", "src/engine/cuda/autotune/") for n in ("tuner.*", "tuning.*", "step_bench.*", "waiting.*", "adopt.*")],
    *[(f"src/engine/cuda/{n}", "src/engine/cuda/libraries/") for n in ("cublas_lt*", "cudnn*")],
    ("src/engine/cuda/separate.cpp", "src/engine/cuda/kernels/conv/"),
    *[(f"src/engine/cuda/kernels/{n}", "src/engine/cuda/kernels/conv/") for n in (
        "bottleneck.cu", "depthwise.cu", "direct_conv.cu", "gemm_conv.*", "stem.cu")],
    ("src/engine/cuda/hopper/depthwise_ring*", "src/engine/cuda/kernels/sm90/depthwise3x3/"),
    ("src/engine/cuda/hopper/halo*", "src/engine/cuda/kernels/sm90/conv3x3/"),
    ("src/engine/cuda/hopper/separable*", "src/engine/cuda/kernels/sm90/separable/"),
    # the plan's CPU reference executor
    ("tests/cuda/plan_executor.*", "src/engine/reference/"), ("tests/cuda/plan_operations.cpp", "src/engine/reference/"),
    # engine/tensorrt
    *[(f"src/engine/tensorrt/{n}", "src/engine/tensorrt/library/") for n in (
        "interface.h", "slots.h", "objects.*", "callbacks.*", "library.*", "locate.*", "version.*")],
    ("src/engine/tensorrt/probe*", "src/engine/tensorrt/probe/"),
    # engine_cache
    *[(f"src/provision/{n}", "src/engine_cache/validation/") for n in ("head_agreement.*", "object_parity.*", "verification.*", "scenes.*")],
    # postprocess
    *[(f"src/postprocess/{n}", "src/stages/postprocess/head/") for n in ("head_view.*", "feature_map.h", "decode_math.h", "candidates.*")],
    ("src/postprocess/nms*", "src/stages/postprocess/nms/"),
    *[(f"src/postprocess/{n}", "src/stages/postprocess/tasks/") for n in (
        "masks.*", "mask_math.h", "mask_plan.h", "segment.cpp", "pose.cpp", "embedding*", "tasks.h", "reid_rounds.*")],
    # predictor
    *[(f"src/pipeline/{n}", "src/predictor/models/") for n in ("model_engine.*", "build_engine.*", "service.*")],
    ("src/pipeline/gpu_*", "src/predictor/gpu/"),
    # tools
    *[(f"src/migrate/{n}", "src/tools/migrate/report/") for n in ("report*.cpp", "report*.h", "html.*", "page.css", "comparison_json.cpp")],
    *[(f"src/migrate/{n}", "src/tools/migrate/baseline/") for n in (
        "pytorch*", "python_script.*", "measure.*", "speed.*", "persons.*", "pictures.*", "comparison.*", "*.py")],
    *[(f"src/migrate/{n}", "src/tools/migrate/rollback/") for n in ("backup.*", "lock.*")],
    *[(f"src/migrate/{n}", "src/tools/doctor/") for n in ("environment.*", "libraries.*", "python.*")],
    *[(f"src/validate/{n}", "src/tools/doctor/") for n in ("*selftest*",)],
    *[(f"tests/migrate/{n}", "tests/tools/doctor/") for n in ("environment_test.cpp", "python_test.cpp")],
    # tests of what left base
    ("tests/base/run_length_test.cpp", "tests/image/"), ("tests/base/data/coco_masks.txt", "tests/image/data/"),
    ("tests/base/guard_test.cpp", "tests/gpu_policy/"), ("tests/base/ledger_test.cpp", "tests/gpu_policy/"),
    ("tests/base/nvtx_test.cpp", "tests/cuda/"), ("tests/base/doubles/*", "tests/cuda/doubles/"),
    # docs
    ("docs/exactness.md", "docs/reference/"), ("docs/performance.md", "docs/benchmarks/"), ("docs/speed.md", "docs/benchmarks/"),
    ("docs/engines.md", "docs/internals/"),
    # every folder keeps its CMakeLists.txt where its module is
    ("src/engine/cuda/CMakeLists.txt", "src/engine/cuda/"),
]
KEEP = ("docs/decisions", )

# What later commits may already call by its new name is left where it is.
NEW_ROOTS = ("src/core", "src/cuda", "src/gpu_policy", "src/image", "src/formats", "src/engine_cache", "src/stages", "src/predictor",
             "src/tools", "src/parity", "src/engine/reference", "docs/guide", "docs/reference", "docs/internals", "docs/benchmarks",
             "docs/extending")


def new_path(old):
    """Where a file of the old tree goes."""
    if any(old.startswith(r + "/") for r in NEW_ROOTS):
        return old
    for pattern, target in FILES:
        if fnmatch.fnmatchcase(old, pattern) and old.count("/") == pattern.count("/"):
            return target + os.path.basename(old) if target.endswith("/") else target
    folder = os.path.dirname(old)
    while folder:
        if folder in FOLDERS:
            return FOLDERS[folder] + old[len(folder):]
        folder = os.path.dirname(folder)
    return old


def new_folder(old):
    """Where a folder named in prose or a script goes."""
    if any(old == r or old.startswith(r + "/") for r in NEW_ROOTS):
        return old
    folder = old
    if folder == "docs":
        return folder
    if folder == "src/engine/cuda":
        return folder
    while folder:
        if folder in FOLDERS:
            return FOLDERS[folder] + old[len(folder):]
        folder = os.path.dirname(folder)
    return old
