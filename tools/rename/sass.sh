#!/bin/bash
# sass.sh BUILD_DIR OUT: the SASS of every kernel of a build as a sorted multiset, one line a kernel: SHA-256 of its code and its number of
# instructions. Names of symbols do not enter: neither those of the kernel, nor of what it refers to, nor branch labels (renumbered by
# their order of appearance). Two builds compare with: diff OUT1 OUT2. OUT.names has the same lines with the kernels' names, to look one up.
set -e
build=$1 out=$2
cuobjdump=$(command -v cuobjdump || ls /usr/local/cuda/bin/cuobjdump)
# The objects of kernels, not the linked library: each kernel counts once, and nothing is lost by linking.
find "$build" -name '*.cu.o' | sort | while read -r object; do
  echo "== OBJECT"
  "$cuobjdump" -sass "$object" 2>/dev/null || true
done | python3 -c '
import hashlib, re, sys
kernels, name, code = [], None, []
def finish():
    if name is None: return
    labels = {}
    def label(m): return labels.setdefault(m.group(0), "L%d" % len(labels))
    text = "\n".join(code)
    text = re.sub(r"\.L_x_\d+|`\([^)]*\)", label, text)          # branch targets and symbols
    text = re.sub(r"\b_Z\w+|\$_Z\w+|\$__internal\w+", label, text)    # device functions by name
    text = re.sub(r"\b(?:fun|func)@?\w*\(_Z\w+\)", label, text)
    kernels.append((hashlib.sha256(text.encode()).hexdigest(), len(code), name))
for line in sys.stdin:
    m = re.match(r"\s*Function : (\S+)", line)
    if m or line.startswith("== OBJECT") or line.startswith("Fatbin"):
        finish()
        name, code = (m.group(1) if m else None), []
        continue
    if name is None: continue
    m = re.match(r"\s*/\*[0-9a-f]+\*/\s+(.*?);?\s*/\* 0x[0-9a-f]+ \*/", line)
    if m: code.append(re.sub(r"\s+", " ", m.group(1)))
    elif re.match(r"\s*\.headerflags|\s*\.target", line): pass
    else:
        m = re.match(r"\s*/\* (0x[0-9a-f]+) \*/", line)
        if m: pass   # second half of the encoding: follows from the text and from addresses
finish()
out = sys.argv[1]
open(out, "w").write("".join("%s %d\n" % k[:2] for k in sorted(kernels)))
open(out + ".names", "w").write("".join("%s %d %s\n" % k for k in sorted(kernels)))
print(len(kernels), "kernels,", sum(k[1] for k in kernels), "instructions")
' "$out"
