#!/usr/bin/env python3
"""Puts the checks of tests/architecture and the glossary in place, with lists that follow from words.py and from the tree as it is.
Run after rename.py; stages everything."""
import collections, os, re, shutil, subprocess, sys
from pathlib import Path
here = Path(__file__).parent
sys.path.insert(0, str(here))
import words
CODE = (".h", ".cpp", ".cu", ".cuh")
for f in (here / "files").rglob("*"):
    if f.is_file() and "line_length" not in f.name:
        to = f.relative_to(here / "files")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f, to)
sources = [f for f in subprocess.run(["git", "ls-files", "src", "include", "cli"], capture_output=True, text=True).stdout.split("\n")
           if f.endswith(CODE) and os.path.isfile(f)]
text = {f: Path(f).read_text(encoding="utf-8") for f in sources}
seen = collections.Counter(w for t in text.values() for w in set(re.findall(r"\w+", t)))
# Retired: plain words that are gone from src, include and cli altogether.
retired = {}
for e in words.RENAMES:
    old, new = e[0], e[1]
    if re.fullmatch(r"[A-Za-z_]\w+", old) and isinstance(new, str) and len(old) > 4 and not seen[old] and (re.search(r"[A-Z_]", old)):
        retired[old] = new
Path("tests/architecture/retired_identifiers.txt").write_text(
    "# Identifiers that were renamed: \"old: new\".\n" + "".join(f"{o}: {n}\n" for o, n in sorted(retired.items())))
now = {os.path.basename(f) for f in sources}
Path("tests/architecture/retired_files.txt").write_text("# File names that were renamed: \"old: new\".\n" + "".join(
    f"{os.path.basename(o)}: {os.path.basename(n)}\n" for o, n in sorted(words.FILES)
    if o.startswith("src/") and os.path.basename(o) not in now and "*" not in o))
phrases = Path("tests/architecture/retired_phrases.txt")
flow = {f: re.sub(r"\s*\n\s*(///?<?\s*)?", " ", t) for f, t in text.items()}
keep, dropped = [], []
for line in phrases.read_text().split("\n"):
    phrase = line.split(": ")[0]
    used = [f for f in flow if not line.startswith("#") and line and phrase in flow[f]]
    (dropped if used else keep).append(line if not used else (phrase, len(used), used[:3]))
phrases.write_text("\n".join(keep))
for d in dropped:
    print("CHECK phrase still there, not yet in the list:", *d)
# Homonyms: those that are there, with their reason from homonyms_reasons.txt.
TYPES = re.compile(r"^(?:struct|class|enum class|union) (?:\w+\([^)]*\) )?(\w+)(?: final)?(?: :[^;{]*)? \{", re.M)
places = collections.defaultdict(list)
for f, t in text.items():
    if f.startswith("src/"):
        for n in set(TYPES.findall(t)):
            places[n].append(f)
reasons = {}
if (here / "homonyms_reasons.txt").exists():
    reasons = dict(l.split(": ", 1) for l in (here / "homonyms_reasons.txt").read_text().split("\n") if ": " in l)
lines = ["# Type names that are defined more than once in src, with the reason: \"Name: reason\".\n"]
for n, fs in sorted(places.items()):
    if len(fs) > 1:
        lines.append(f"{n}: {reasons.get(n, 'local to its files: ' + ', '.join(sorted(os.path.basename(f) for f in fs)))}\n")
Path("tests/architecture/homonyms.txt").write_text("".join(lines))
cm = Path("tests/architecture/CMakeLists.txt")
t = cm.read_text()
if "tree_test.cpp" not in t:
    cm.write_text(t.replace("peregrine_test(architecture SOURCES ", "peregrine_test(architecture SOURCES tree_test.cpp vocabulary_test.cpp ", 1))
print(f"{len(retired)} retired identifiers, {len(lines) - 1} homonyms")
subprocess.run(["git", "add", "-A"], check=True)
subprocess.run(["git", "reset", "-q", "--", ".deps"], capture_output=True)
