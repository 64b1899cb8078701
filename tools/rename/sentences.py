#!/usr/bin/env python3
"""sentences.py [--strings]: sentences of the private dialect -> the field's words. Run after rename.py; stages everything.
Phrases are replaced in comments and documents everywhere; with --strings also in messages, help texts and the tests' expectations of them
(strings that hold a blank; JSON keys hold none, enforcement sentences are listed and left). EXACT: whole sentences of single files, before
phrases; one that is not found is reported, not fatal. Both forms see a comment over several lines as one."""
import os, re, subprocess, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from exact_sentences import EXACT

STRINGS = "--strings" in sys.argv
CODE = (".h", ".cpp", ".cu", ".cuh")
# In their order; \b at both ends is added.
PHRASES = [
    # deployment
    (r"put into service with", "deployed with"), (r"[Pp]ut into service unverified", "deployed unverified"), (r"puts engines into service", "deploys engines"),
    (r"Put them into service\?", "Deploy them?"), (r"put engines of one kind into service", "deploy engines of one kind"), (r"put engines into service", "deploy engines"),
    (r"Puts engines into service", "Deploys engines"), (r"Put another one into service first", "Deploy another one first"), (r"Put a detector into service", "Deploy a detector"),
    (r"puts an earlier generation into service again", "deploys an earlier generation again"), (r"Puts exactly these into service", "Deploys exactly these"),
    (r"puts (them|it|these) into service", r"deploys \1"), (r"put (them|it|these) into service", r"deploy \1"), (r"the engines go into service", "the engines are deployed"),
    (r"go into service", "are deployed"), (r"goes into service", "is deployed"), (r"came into service", "was deployed"), (r"models into service as engines", "models deployed as engines"),
    (r"were put into service so", "were deployed so"), (r"(was|were|is|are|been) put into service", r"\1 deployed"), (r"put into service", "deployed"), (r"puts into service", "deploys"),
    (r"putting into service", "deploying"), (r"engines in service", "deployed engines"), (r"engine in service", "deployed engine"), (r"Nothing in service", "Nothing is deployed"), (r"nothing in service", "nothing is deployed"),
    (r"as in service", "as in production"), (r"occur in service", "occur in production"), (r"stays in service", "stays deployed"), (r"(is|are|was|were|be|been) in service", r"\1 deployed"),
    (r"not in service", "not deployed"), (r"in service", "deployed"),
    (r"(?<![/.`])generations(?![/`])", "deployments"), (r"(?<![/.`])generation(?![/`]|, role)", "deployment"), (r"all roles at once", "all tasks at once"), (r"roles", "task slots"), (r"the role \{\}", "the task slot {}"),
    (r"an engine a role", "an engine a task slot"), (r"one engine a role", "one engine a task slot"),
    # validation
    (r"[Hh]olds an engine against", "Validates an engine against"), (r"holds (them|it|these|each|this) against", r"validates \1 against"), (r"hold (them|it|these|each|this) against", r"validate \1 against"),
    (r"held against", "validated against"), (r"holding (\w+) against", r"validating \1 against"),
    (r"departs from", "deviates from"), (r"depart from", "deviate from"), (r"departed from", "deviated from"), (r"may depart", "may deviate"), (r"that departs", "that deviates"),
    (r"departed", "deviated"), (r"departs", "deviates"),
    # programmatic dependent launch
    (r"may be let in early", "may start early (programmatic dependent launch)"), (r"is let in early", "starts early (programmatic dependent launch)"), (r"are let in early", "start early (programmatic dependent launch)"),
    (r"asks? to be let in early", "uses programmatic dependent launch"), (r"ask to be let in, too", "use programmatic dependent launch, too"), (r"asks to be let in", "uses programmatic dependent launch"),
    (r"ask to be let in", "use programmatic dependent launch"), (r"lets its successor in as soon as it runs itself", "triggers its dependent launch as soon as it runs"),
    (r"lets them in at once", "triggers their launch at once"), (r"lets it in at once", "triggers its launch at once"), (r"lets nobody in", "triggers no dependent launch"), (r"let nobody in", "trigger no dependent launch"),
    (r"a kernel that is let in", "a dependent launch"), (r"is let in", "is launched early"), (r"let in", "launched early"),
    (r"[Kk]ernels that come unasked", "Kernels with implicit dependent launch"), (r"come unasked", "use dependent launch implicitly"),
    # tactics
    (r"made ready", "instantiated"), (r"makes a variant ready", "instantiates a tactic"), (r"makes every step ready", "instantiates the tactic of every step"), (r"out of the race", "disqualified"),
    (r"in the race", "measured"), (r"kernel family", "kernel provider"), (r"[Kk]ernel families", "kernel providers"),
    # the rest
    (r"serves instead of", "runs instead of"), (r"no kernel serves", "no kernel supports"), (r"sealed JSON", "JSON in a checksum envelope"), (r"JSON, sealed with its own digest", "JSON in an envelope with its own digest"),
    (r"this machine serves", "this machine runs"), (r"before it serves", "before it is deployed"), (r"from before witnesses were heard", "from before independent programs were compared"),
    (r"sight", "sample image"), (r"sights", "sample images"), (r"built-in scenes", "built-in sample images"), (r"matrix products", "GEMMs"), (r"matrix product", "GEMM"),
    (r"[Tt]he transfer ledger", "The transfer log"), (r"transfer ledger", "transfer log"), (r"[Tt]he placement guard", "The GPU-only policy"), (r"placement guard", "GPU-only policy"),
    (r"whom to cut out", "which regions to crop"), (r"with its ring", "with its halo"), (r"with a ring", "with a halo"), (r"ring of pixels", "halo of pixels"),
]
COMMENT_ONLY = [  # in messages these words meet tests, scripts and users' greps one by one
    (r"(?<![-_/.\w])pictures(?![-_/\w])", "images"), (r"(?<![-_/.\w])picture(?![-_/\w])", "image"), (r"(?<![-_/.\w])Pictures(?![-_/\w])", "Images"), (r"(?<![-_/.\w])Picture(?![-_/\w])", "Image"),
    (r"\ba image\b", "an image"), (r"\bA image\b", "An image"),
]
LEFT_ALONE = ("GPU enforcement violation", "FP16 violation", "FORCE_GPU_ONLY", "GPU-only operation failed")
def key(o):
    """A literal piece of an expression, in lower case, so that most texts need not be searched."""
    return max(re.findall(r"[a-z]{3,}", re.sub(r"\([^)]*\)|\[[^]]*\].?|\\\w|\w\?", " ", o)) or [""], key=len)


phrases = [(key(o), re.compile(r"(?<!\w)" + o.replace(" ", r"(?:\s+(?://[/!]?<?\s*)?)") + r"(?!\w)"), n) for o, n in PHRASES]
comment_only = [(re.compile(o), n) for o, n in COMMENT_ONLY]
SEGMENT = re.compile(r'(?P<raw>R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)")|(?P<comment>(?://[^\n]*(?:\n[ \t]*(?=//))?)+|/\*.*?\*/)'
                     r'|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\')', re.S)


def capital(m, new):
    out = m.expand(new)
    return out[0].upper() + out[1:] if m.group(0)[0].isupper() else out[0].lower() + out[1:] if out[1:2].islower() and m.group(0)[0].islower() else out


def say(text, more=()):
    low = text.lower()
    for k, o, n in active:
        if k not in low:
            continue
        text = o.sub(lambda m: capital(m, n), text)  # a phrase over a line's end joins the lines; format.sh breaks them anew
    for o, n in more:
        text = o.sub(n, text)
    return text


def in_code(source):
    global active
    whole = source.lower()
    active = [p for p in phrases if p[0] in whole]
    if not active and "icture" not in source:
        return source
    def piece(m):
        s = m.group(0)
        if m.group("comment"):
            return say(s, comment_only)
        if STRINGS and (m.group("string") or m.group("raw")) and " " in s and not any(x in s for x in LEFT_ALONE):
            return say(s, comment_only)
        return s
    return SEGMENT.sub(piece, source)


active = phrases
changed = 0
missing = 0
for path, pairs in EXACT.items():
    if not os.path.isfile(path):
        print("CHECK no such file:", path)
        continue
    text = Path(path).read_text(encoding="utf-8")
    before = text
    for old, new in pairs:
        flow = re.compile(r"\s*(?:///?<?\s*)?".join(map(re.escape, [])) or r"[ \n/]+".join(map(re.escape, old.split())))
        hit = flow.search(text)
        if not hit:
            missing += 1
            print(f"CHECK {path}: not found: {old[:90]}")
            continue
        # The comment's own indent and slashes, lines of at most 110 columns.
        start = text.rfind("\n", 0, hit.start()) + 1
        lead = re.match(r"[ \t]*///? ?|[ \t]*", text[start:]).group(0)
        first = len(text[start:hit.start()])
        words, lines, width = new.split(), [""], first
        for w in words:
            if lines[-1] and width + 1 + len(w) > 110:
                lines.append("")
                width = len(lead)
            width += len(w) + (1 if lines[-1] else 0)
            lines[-1] += (" " if lines[-1] else "") + w
        text = text[:hit.start()] + ("\n" + lead).join(lines) + text[hit.end():]
    if text != before:
        Path(path).write_text(text, encoding="utf-8")
        changed += 1
for f in subprocess.run(["git", "ls-files", "src", "include", "cli", "tests", "bench", "docs", "examples", "tools/ci", "tools/demo", "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"],
                        capture_output=True, text=True).stdout.split("\n")[:-1]:
    if f.startswith("bench/results/") or "/data/" in f or os.path.islink(f) or not os.path.isfile(f) or f.startswith("tests/architecture/retired") or f.endswith("glossary.md"):
        continue
    if not f.endswith(CODE + (".md", ".sh", ".py", ".txt")):
        continue
    try:
        old = Path(f).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        continue
    active = phrases
    if f.endswith(CODE):
        new = in_code(old)
    elif f.endswith("reference/hints.md"):  # its first column is the messages' own text
        new = old if not STRINGS else "\n".join("|".join(say(c, comment_only) if i == 1 else c for i, c in enumerate(l.split("|"))) if l.startswith("|") else l for l in old.split("\n"))
    elif f.endswith(".md"):
        parts = re.split(r"(`[^`\n]*`|\]\([^)]*\)|```.*?```)", old, flags=re.S)
        new = "".join(p if i % 2 else say(p, comment_only) for i, p in enumerate(parts))
    elif STRINGS and (f.endswith(".sh") or f.endswith("CMakeLists.txt")):
        new = say(old)
    else:
        new = old
    if new != old:
        mode = os.stat(f).st_mode
        Path(f).write_text(new, encoding="utf-8")
        os.chmod(f, mode)
        changed += 1
print(f"{changed} files changed, {missing} sentences not found")
subprocess.run(["git", "add", "-A"], check=True)
subprocess.run(["git", "reset", "-q", "--", ".deps"], capture_output=True)
