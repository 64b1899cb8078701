#!/usr/bin/env python3
"""Moves the files to the new tree (tree.py). Run in the root of a clean checkout; stages everything, commits nothing.
What it cannot place or finds changed is said at the end, as lines that begin with CHECK."""
import collections, os, re, subprocess, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import tree, texts

CODE = (".h", ".cpp", ".cu", ".cuh")
checks = []


def git(*args):
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout


files = git("ls-files").split("\n")[:-1]
old_set = set(files)
old_folders = {str(p) for f in files for p in Path(f).parents}
moved = {f: tree.new_path(f) for f in files}
double = [t for t, n in collections.Counter(moved.values()).items() if n > 1]
if double:
    sys.exit(f"two files for one place: {double}")
old_text = {}
BINARY = (".jpg", ".png", ".bmp", ".webp", ".pt", ".pth", ".onnx", ".pkl", ".pgm", ".ppm", ".pbm", ".mp4", ".gif", ".tif", ".tiff")
for f in files:
    if f.endswith(BINARY) or os.path.islink(f):
        continue
    try:
        old_text[f] = Path(f).read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        pass

# ---- the files themselves
for old, new in moved.items():
    if old != new:
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.rename(old, new)
for folder in sorted(old_folders, key=len, reverse=True):
    if folder != "." and os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)

new_text = {moved[f]: t for f, t in old_text.items()}
old_of = {n: o for o, n in moved.items()}

# ---- #include
ROOTS = ("include", "src", "tests", "cli", "bench")


def resolve(file, name):
    """The old path that a quoted #include means, and the root that it was found under ('' beside the file)."""
    beside = os.path.normpath(os.path.join(os.path.dirname(file), name))
    for root in ROOTS:
        if f"{root}/{name}" in old_set:
            return f"{root}/{name}", root
    if beside in old_set:
        return beside, ""
    return None, None


def rewrite_include(file, name):
    target, root = resolve(file, name)
    if target is None:
        return name
    if root in ("include", "cli", "bench"):
        return name
    new = moved[target]
    if root == "":
        if os.path.dirname(new) == os.path.dirname(moved[file]) and "/" not in name:
            return name
        return new.split("/", 1)[1]
    return new.split("/", 1)[1]


INCLUDE = re.compile(r'^(\s*#\s*include\s+)"([^"]+)"(.*)$')


def rewrite_includes(file, text):
    lines = text.split("\n")
    out, block, names = [], [], []

    def flush():
        if block:
            same_order = names == sorted(names) and not file.endswith((".cu", ".cuh"))
            out.extend(sorted(block, key=lambda l: INCLUDE.match(l).group(2)) if same_order else block)
            block.clear()
            names.clear()
    for line in lines:
        m = INCLUDE.match(line)
        if m:
            names.append(m.group(2))
            block.append(f'{m.group(1)}"{rewrite_include(file, m.group(2))}"{m.group(3)}')
        else:
            flush()
            out.append(line)
    flush()
    return "\n".join(out)


for file, text in old_text.items():
    if file.endswith(CODE):
        new_text[moved[file]] = rewrite_includes(file, text)

# ---- paths in prose, scripts, tests
TOKEN = re.compile(r"(?<![\w./-])(?:\.\./)?[\w-]+(?:/[\w.*{}-]+)+/?")


def rewrite_token(token):
    bare = token.rstrip("/.")
    tail = token[len(bare):]
    if bare in old_set:
        return moved[bare] + tail
    if "src/" + bare in old_set:
        return moved["src/" + bare].split("/", 1)[1] + tail
    if "tests/" + bare in old_set:
        return moved["tests/" + bare].split("/", 1)[1] + tail
    if bare in old_folders and bare.split("/")[0] in ("src", "tests", "docs"):
        return tree.new_folder(bare) + tail
    if "src/" + bare in old_folders and bare != "engine/cuda":  # engine/store, engine/cuda/lowering, ...
        return tree.new_folder("src/" + bare).split("/", 1)[1] + tail
    for name in sorted(old_folders, key=len, reverse=True):  # src/base/*.cpp, tests/model/data/tensors-VERSION.pth
        if name.count("/") >= 1 and name.split("/")[0] in ("src", "tests", "docs") and bare.startswith(name + "/"):
            rest = bare[len(name):]
            return tree.new_folder(name) + rest + tail
    return token


SKIP_TEXT = ("bench/results/", "CHANGELOG.md", ".git")
for new, text in list(new_text.items()):
    old = old_of[new]
    if old.startswith(SKIP_TEXT) or old.endswith("CMakeLists.txt") or old == "ARCHITECTURE.md":
        continue
    if "/data/" in old and not old.endswith((".cpp", ".h", ".py")):
        continue
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if INCLUDE.match(line) or "http" in line:
            continue
        if old.endswith(".md"):
            continue
        lines[i] = TOKEN.sub(lambda m: rewrite_token(m.group(0)), line)
    new_text[new] = "\n".join(lines)

# ---- links of the documents
LINK = re.compile(r"\]\(([^)#\s]+)((?:#[^)]*)?)\)")
for new, text in list(new_text.items()):
    old = old_of[new]
    if not old.endswith(".md") or old == "CHANGELOG.md" or old.startswith("bench/results/"):
        continue

    def link(m):
        if "://" in m.group(1):
            return m.group(0)
        target = os.path.normpath(os.path.join(os.path.dirname(old), m.group(1)))
        if target in moved:
            target = moved[target]
        elif target in old_folders:
            target = tree.new_folder(target)
        else:
            checks.append(f"{old}: link to {m.group(1)} leads nowhere")
            return m.group(0)
        return f"]({os.path.relpath(target, os.path.dirname(new) or '.')}{m.group(2)})"
    text = LINK.sub(link, text)
    if old != "ARCHITECTURE.md":
        pieces = re.split(r"(\]\([^)]*\))", text)
        text = "".join(p if p.startswith("](") else TOKEN.sub(lambda m: rewrite_token(m.group(0)), p) for p in pieces)
    new_text[new] = text

# ---- CMake
for path, wanted in texts.PRE_EDITS:
    for before, after in wanted:
        if path not in old_text:
            checks.append(f"{path}: no such file")
            continue
        if isinstance(before, re.Pattern):
            old_text[path], n = before.subn(lambda _: after, old_text[path])
        else:
            n = old_text[path].count(before)
            old_text[path] = old_text[path].replace(before, after)
        if n == 0:
            checks.append(f"{path}: not found before the move: {before!r}"[:150])
MODULES = texts.MODULES  # old module name -> new names
TEST_NAMES = texts.TEST_NAMES
dropped = collections.defaultdict(lambda: {"SOURCES": [], "CUDA_SOURCES": []})
PATHLIKE = re.compile(r"(?<![\w$}{/.-])[\w./-]+\.(?:cpp|cu|h|cuh|py|css|inc)\b")


def module_folder(path, folders):
    """The longest folder of `folders` that holds a path."""
    best = ""
    for folder in folders:
        if path.startswith(folder + "/") and len(folder) > len(best):
            best = folder
    return best


module_folders = ["src/" + name for name in texts.MODULE_ORDER] + texts.TEST_FOLDERS


def rewrite_cmake(old, text):
    new = moved[old]
    here_old, here = os.path.dirname(old), os.path.dirname(new)
    kind = "SOURCES"
    out = []
    for line in text.split("\n"):
        if line.lstrip().startswith("#"):
            out.append(line)
            continue
        pieces, last, removed = [], 0, False
        for m in re.finditer(r"\b(SOURCES|CUDA_SOURCES)\b|" + PATHLIKE.pattern, line):
            word = m.group(0)
            if word in ("SOURCES", "CUDA_SOURCES"):
                kind = word
                continue
            source = os.path.normpath(os.path.join(here_old, word))
            if source not in old_set:
                continue
            target = moved[source]
            pieces.append(line[last:m.start()])
            last = m.end()
            if word.startswith("../"):
                pieces.append(os.path.relpath(target, here))
            elif here.startswith("src/") and module_folder(target, module_folders) != here and target.endswith(CODE):
                dropped[module_folder(target, module_folders)][kind].append(target)
                removed = True
            elif here.startswith("tests/") and here != "tests" and not target.startswith(here + "/") and target.startswith(("src/", "tests/")) \
                    and ".." not in word:
                dropped[module_folder(target, module_folders)][kind].append(target)
                removed = True
            else:
                pieces.append(os.path.relpath(target, here))
        pieces.append(line[last:])
        joined = "".join(pieces)
        if removed:
            if not joined.strip():
                continue
            indent = joined[:len(joined) - len(joined.lstrip())]
            joined = indent + re.sub(r"  +", " ", joined.lstrip()).rstrip()
        out.append(joined)
    return "\n".join(out)


def rewrite_modules(text):
    """Names of modules after DEPENDS, MODULES and in targets peregrine_NAME; names of tests."""
    def call(m):
        words = re.split(r"(\s+|[()])", m.group(0))
        inside, result = False, []
        for word in words:
            if word in ("DEPENDS", "MODULES"):
                inside = True
            elif word in ("LINKS", "SOURCES", "CUDA_SOURCES") or word == ")":
                inside = False
            elif inside and word in MODULES:
                word = " ".join(MODULES[word])
            result.append(word)
        return "".join(result)
    text = re.sub(r"peregrine_(?:module|test|fuzz)\((?:[^()]|\([^()]*\))*\)", call, text)
    text = re.sub(r"(peregrine_module\()([\w/]+)", lambda m: m.group(1) + MODULES.get(m.group(2), [m.group(2)])[0], text)
    text = re.sub(r"(peregrine_test\()(\w+)", lambda m: m.group(1) + TEST_NAMES.get(m.group(2), m.group(2)), text)
    text = re.sub(r"\btest_(\w+)", lambda m: "test_" + TEST_NAMES.get(m.group(1), m.group(1)), text)

    def target(m):
        name = m.group(1)
        for old_name, names in MODULES.items():
            if name == old_name.replace("/", "_"):
                return "peregrine_" + names[0].replace("/", "_")
        return m.group(0)
    return re.sub(r"\bperegrine_(\w+)", target, text)


for old, text in old_text.items():
    if not old.endswith("CMakeLists.txt") or old == "CMakeLists.txt" or old.startswith("examples/"):
        continue
    text = rewrite_modules(rewrite_cmake(old, text))
    text = text.replace("${CMAKE_BINARY_DIR}/tests/tensorrt/doubles", "${CMAKE_BINARY_DIR}/tests/engine/tensorrt/doubles")
    new_text[moved[old]] = text

for path, wanted in texts.CMAKE_EDITS:
    for before, after in wanted:
        if before not in new_text.get(path, ""):
            checks.append(f"{path}: not found: {before[:70]!r}")
        else:
            new_text[path] = new_text[path].replace(before, after)

for folder, template in texts.NEW_CMAKE.items():
    path = folder + "/CMakeLists.txt"
    if path in new_text:
        checks.append(f"{path} is there already")

    def listed(kind):
        return "\n".join("    " + os.path.relpath(f, folder) for f in sorted(set(dropped[folder][kind])))
    new_text[path] = template.replace("@SOURCES@", listed("SOURCES")).replace("@CUDA_SOURCES@", listed("CUDA_SOURCES"))
    dropped.pop(folder, None)
# What went to a module that there was: into its list.
for folder, kinds in dropped.items():
    path = folder + "/CMakeLists.txt"
    for kind, sources in kinds.items():
        sources = [os.path.relpath(f, folder) for f in sorted(set(sources)) if not f.endswith(".h")]
        if not sources:
            continue
        if path not in new_text:
            checks.append(f"{path}: no such list for {sources}")
            continue
        hit = re.search(r"\b" + kind + r"\b", new_text[path])
        if not hit:
            checks.append(f"{path}: no {kind} for {sources}")
            continue
        new_text[path] = new_text[path][:hit.end()] + " " + " ".join(sources) + new_text[path][hit.end():]

# ---- the root's CMakeLists, ARCHITECTURE.md, CI and bundle
for path, wanted in texts.EDITS:
    if path not in new_text:
        checks.append(f"{path}: no such file")
        continue
    for before, after in wanted:
        if isinstance(before, re.Pattern):
            new_text[path], n = before.subn(lambda _: after, new_text[path])
        else:
            n = new_text[path].count(before)
            new_text[path] = new_text[path].replace(before, after)
        if n == 0:
            what = before.pattern if isinstance(before, re.Pattern) else before
            checks.append(f"{path}: not found: {what[:90]!r}")

texts.code_edits(new_text, checks)
for path, text in texts.NEW_FILES.items():
    new_text[path] = text

for path, text in new_text.items():
    if old_text.get(old_of.get(path)) != text:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        mode = os.stat(path).st_mode if os.path.exists(path) else None
        Path(path).write_text(text, encoding="utf-8")
        if mode is not None:
            os.chmod(path, mode)

# ---- what ARCHITECTURE.md's own rule finds, and other checks
texts.check_tree(checks, old_text, git)
git("add", "-A")
subprocess.run(["git", "reset", "-q", "--", ".deps"], capture_output=True)
for line in checks:
    print("CHECK", line)
print(f"{sum(o != n for o, n in moved.items())} files moved")
