#!/usr/bin/env python3
"""Renames files and identifiers by the vocabulary (words.py). Run in the root of a checkout after move.py; stages everything.
Comments and code are renamed, strings only where an entry says so: JSON keys, error codes and enforcement sentences stay.
CHECK lines: a new name that a file had already, an entry that finds nothing, a file that is not there."""
import collections, fnmatch, os, re, subprocess, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import words

CODE = (".h", ".cpp", ".cu", ".cuh")
checks = []
git = lambda *a: subprocess.run(["git", *a], check=True, capture_output=True, text=True).stdout
files = git("ls-files").split("\n")[:-1]
text = {}
for f in files:
    if f.startswith("bench/results/") or os.path.islink(f) or not os.path.isfile(f):
        continue
    try:
        text[f] = Path(f).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        pass
before = dict(text)

SEGMENT = re.compile(r'(?P<raw>R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<include>^[ \t]*#[ \t]*include[^\n]*)'
                     r'|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\')', re.S | re.M)


def segments(source):
    """[(kind, text)]: code, comment, string, include."""
    out, at = [], 0
    for m in SEGMENT.finditer(source):
        if m.start() > at:
            out.append(["code", source[at:m.start()]])
        kind = m.lastgroup if m.lastgroup != "d" else "raw"
        kind = "raw" if m.group("raw") else "comment" if m.group("comment") else "include" if m.group("include") else "string"
        out.append([kind, m.group(0)])
        at = m.end()
    out.append(["code", source[at:]])
    return out


def in_scope(path, scope):
    return not scope or any(path.startswith(s) if not any(c in s for c in "*?") else fnmatch.fnmatchcase(path, s) for s in scope)


# ---- identifiers
WORD = re.compile(r"[A-Za-z_]\w*")
sources = [f for f in text if f.endswith(CODE)]
parts, tokens, scoped, introduced = {}, {}, {}, set()
LETTER = {"code": "c", "comment": "k", "string": "s", "raw": "s", "include": "-"}


def load(f):
    if f not in parts:
        parts[f] = segments(text[f])
        tokens[f] = set(WORD.findall(" ".join(s for k, s in parts[f] if k == "code")))


index = collections.defaultdict(set)  # word -> files that hold it, or held it
for f in sources:
    for w in set(WORD.findall(text[f])):
        index[w].add(f)

for entry in words.RENAMES:
    old, new, scope = entry[0], entry[1], entry[2] if len(entry) > 2 else ()
    kinds = entry[3] if len(entry) > 3 else "ck"
    scope = (scope,) if isinstance(scope, str) else scope
    if scope not in scoped:
        scoped[scope] = [f for f in sources if in_scope(f, scope)]
    plain = re.fullmatch(r"\w+", old) is not None
    pattern = re.compile(r"(?<!\w)" + old + r"(?!\w)" if plain else old, re.M)
    hits, clash = 0, []
    for f in scoped[scope]:
        if plain and f not in index[old]:
            continue
        if not plain and f not in parts and not pattern.search(text[f]):
            continue
        load(f)
        n = code = 0
        for piece in parts[f]:
            if LETTER[piece[0]] in kinds and (not plain or old in piece[1]):
                piece[1], k = pattern.subn(new, piece[1])
                n += k
                code += k if piece[0] == "code" else 0
        hits += n
        if n and plain:
            for w in WORD.findall(new):
                index[w].add(f)
        elif n:
            for w in set(WORD.findall(" ".join(s for _, s in parts[f]))):
                index[w].add(f)
        if code and plain:
            if new in tokens[f] and "!" not in kinds and new not in introduced:
                clash.append(f)
            tokens[f].discard(old)
            tokens[f].add(new)
        elif code:
            tokens[f] = set(WORD.findall(" ".join(s for k, s in parts[f] if k == "code")))
    introduced.update(WORD.findall(new) if isinstance(new, str) else ())
    if not hits and "?" not in kinds:
        checks.append(f"{old} -> {new}: not found")
    if clash:
        checks.append(f"{old} -> {new}: {new} was there already in {' '.join(os.path.basename(c) for c in clash[:5])}")
for f, p in parts.items():
    text[f] = "".join(s for _, s in p)

# ---- the documents' code: words that are gone from all code
there = set()
for f in sources:
    there.update(WORD.findall(text[f]))
gone = {e[0]: e[1] for e in words.RENAMES if isinstance(e[1], str) and re.fullmatch(r"\w+", e[0]) and re.fullmatch(r"\w+", e[1])
        and len(e[0]) > 4 and re.search("[A-Z_]", e[0]) and e[0] not in there}
GONE = re.compile(r"\b(" + "|".join(sorted(map(re.escape, gone), key=len, reverse=True)) + r")\b")
NAMED = re.compile(r"\b\w*Picture\w*\b")
for f in list(text):
    if f.endswith(".md") and f != "CHANGELOG.md" and not f.startswith("docs/benchmarks/results"):
        pieces = re.split(r"(`[^`\n]+`|```.*?```)", text[f], flags=re.S)
        text[f] = "".join(NAMED.sub(words.image_of, GONE.sub(lambda m: gone[m.group(1)], p)) if i % 2 else p for i, p in enumerate(pieces))
    elif f.endswith((".mk", ".sh", "CMakeLists.txt")) and "Picture" in text[f]:  # names of tests
        text[f] = NAMED.sub(words.image_of, text[f])

# ---- files
moved = {}
for pattern, to in words.FILES:
    found = [f for f in files if fnmatch.fnmatchcase(f, pattern)]
    if not found:
        checks.append(f"{pattern}: no such file")
    for f in found:
        moved[f] = to if "*" not in pattern else to + os.path.basename(f)
names = {os.path.basename(o): os.path.basename(n) for o, n in moved.items()}
count = collections.Counter(os.path.basename(f) for f in files)
paths = {}
for o, n in moved.items():
    for root in ("", "src/", "tests/", "cli/", "docs/"):
        if o.startswith(root):
            paths[o[len(root):]] = n[len(root):]
by_length = sorted(paths, key=len, reverse=True)
PATHS = re.compile(r"(?<![\w./-])(?:" + "|".join(map(re.escape, by_length)) + r")(?![\w])") if paths else None
for f in list(text):
    t = text[f]
    if f.endswith("CMakeLists.txt"):
        here = os.path.dirname(f)
        for o, n in moved.items():
            if here and o.startswith(here + "/"):
                t = re.sub(r"(?<![\w./-])" + re.escape(o[len(here) + 1:]) + r"(?!\w)", os.path.relpath(n, here), t)
    elif PATHS:
        t = PATHS.sub(lambda m: paths[m.group(0)], t)
        if f.endswith(CODE) and names:  # pairs.h in a comment, "device_run.h" beside a test
            unique = [b for b in names if count[b] == 1]
            t = re.sub(r"(?<![\w./-])(?:" + "|".join(map(re.escape, sorted(unique, key=len, reverse=True))) + r")(?!\w)",
                       lambda m: names[m.group(0)], t)
    text[f] = t
for path, edits in words.TEXT_EDITS:
    found = [f for f in text if fnmatch.fnmatchcase(f, path)]
    if not found:
        checks.append(f"{path}: no such file")
    for f in found:
        for o, n in edits:
            changed, k = re.subn(o, n, text[f], flags=re.S | re.M)
            if not k and "*" not in path:
                checks.append(f"{f}: not found: {o[:80]}")
            text[f] = changed
for o, n in moved.items():
    os.makedirs(os.path.dirname(n), exist_ok=True)
    os.rename(o, n)
for folder in sorted({os.path.dirname(o) for o in moved}, key=len, reverse=True):
    if os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)
for f, t in text.items():
    at = moved.get(f, f)
    if before[f] != t:
        mode = os.stat(at).st_mode
        Path(at).write_text(t, encoding="utf-8")
        os.chmod(at, mode)
git("add", "-A")
subprocess.run(["git", "reset", "-q", "--", ".deps"], capture_output=True)
for line in checks:
    print("CHECK", line)
print(f"{len(moved)} files renamed, {sum(before[f] != t for f, t in text.items())} files changed")
