#!/usr/bin/env python3
"""The table of all hints: what an Error tells the user to do, and the test that does it.

    tools/hints/hints.py            checks docs/reference/hints.md against the sources; exit 1 names each difference
    tools/hints/hints.py --write    writes the table anew; a new hint gets an empty last column, which the check refuses
    tools/hints/hints.py --self-test
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from extract import Extraction  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "reference" / "hints.md"
# What a hint that no test follows may not speak of: flags, settings, subcommands, formats to convert to.
OURS = re.compile(r"--[a-z]|`peregrine |\b[Ee]xport\b|\bONNX\b|\.onnx|\.pth?\b|\b[A-Z]+_[A-Z_]+\b|\bJPEG\b|\bPNG\b|MP4|H\.264|"
                  r"\.jpg|\.png|\.mp4|engine", re.I)
PREAMBLE = """# Hints

Every sentence that tells a user what to do, and where it is shown to work. `tools/hints/hints.py` makes this table from the sources,
and a test refuses a hint without a row. The last column names the test that meets the hint and follows it to its result, or says
`informational` where there is nothing in Peregrine to follow (a file to copy again, a disk to free).
`{}` stands for what is only known then.

| hint | error codes | followed by |
| --- | --- | --- |
"""


def sources():
    files = [p for top in ("src", "cli", "include") for p in sorted((ROOT / top).rglob("*"))
             if p.suffix in (".h", ".cpp", ".cu", ".cuh")]
    return {p: p.read_text() for p in files}


def read_table():
    """{hint: last column} of the table as it stands."""
    rows = {}
    if TABLE.exists():
        for line in TABLE.read_text().splitlines():
            cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) == 3 and cells[0] not in ("hint", "---"):
                rows[cells[0].replace("\\|", "|")] = cells[2]
    return rows


def written(found, rows):
    lines = [f"| {hint.replace('|', chr(92) + '|')} | {', '.join(sorted(codes))} | {rows.get(hint, '')} |"
             for hint, codes in sorted(found.items())]
    return PREAMBLE + "\n".join(lines) + "\n"


def joined(text):
    """Adjacent literals are one."""
    return re.sub(r'"\s*\n\s*"', "", text).replace('\\"', '"')


def tests_of_tree():
    """{name of a test: the text of its file}."""
    tests = {}
    for path in (ROOT / "tests").rglob("*_test.cpp"):
        text = joined(path.read_text())
        tests.update({f"{a}.{b}": text for a, b in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", text)})
    return tests


def words_of(hint):
    """The longest piece of a template between what is only known at run time."""
    return max(hint.split("{}"), key=len).strip()


def complaints_of_row(hint, follows, tests):
    if not follows:
        return [f"no row, or an empty one: {hint}"]
    if follows == "informational":
        return [f"names something of ours and is not followed: {hint}"] if OURS.search(hint) else []
    said = []
    for test in (t.strip(" `") for t in follows.split(",")):
        if test not in tests:
            said.append(f"no test {test}: {hint}")
        elif test.startswith("Hints") and words_of(hint) not in tests[test]:
            said.append(f"{test} does not meet it: {hint}")
    return said


def problems(found, unread, rows, tests):
    said = [f"{place}: write it as literals, or hand it on by a parameter or a constant" for place in unread]
    for hint in sorted(found):
        said += complaints_of_row(hint, rows.get(hint, ""), tests)
    return said + [f"a row without a hint: {hint}" for hint in sorted(rows.keys() - found.keys())]


def extracted(texts):
    found, unread = Extraction(texts).run()
    places = [f"{s.path.relative_to(ROOT)}:{s.text.count(chr(10), 0, at) + 1}: the hint is '{' '.join(t.split())}'"
              for s, at, t in unread]
    return found, places


def self_test():
    """The check must be able to fail: each way by which a hint reaches its Error, and each row that does not hold."""
    header = '''
      struct Request { std::string_view product; std::string_view how_to_get; };
      void load(const Request& request);
      [[noreturn]] void refuse(std::string reason, std::string hint = {});'''
    source = '''
      // throw Error("model.comment", "a", "not this one");
      constexpr const char* how = "from a constant (" "in two pieces)";
      void refuse(std::string reason, std::string hint) { throw Error("model.a", std::move(reason), std::move(hint)); }
      void f() { throw Error("model.b", format("x, {}", y), how); }
      Error g() { return {"model.c", "s", ok ? "one" : fmt::format("two {}", call(1, 2))}; }
      void h() { refuse("why"); refuse("why", "through a parameter"); load({"x", "from a member"}); }
      std::string wise(int n) { return n ? "" : "returned"; }
      void i() { const char* hint = "first"; if (x) hint = "then"; throw Error("image.i", "s", hint); }
      void j() { throw Error("image.j", "s", wise(1)); row.remedy = "put " + name + " right"; log::info("no hint"); }
      constexpr const char* code = "model.named";
      Error named() { return {code, "s", x ? how : "of a named code"}; }
      void k() { throw Error("model.k", "s" + name, unknown(thing)); }'''
    found, unread = extracted({ROOT / "src/x.h": header, ROOT / "src/x.cpp": source})
    wanted = {"from a constant (in two pieces)", "one", "two {}", "through a parameter", "from a member", "returned", "first", "then",
              "put {} right", "of a named code"}
    assert set(found) == wanted, (set(found) - wanted, wanted - set(found))
    assert found["of a named code"] == {"model.named"}
    assert found["through a parameter"] == {"model.a"} and found["two {}"] == {"model.c"}, found
    assert len(unread) == 1 and "unknown(thing)" in unread[0], unread
    tests = {"Suite.Name": "", "HintsOfX.Name": "Pass --rect."}
    hint = {"Pass --rect.": {"a.b"}}
    for rows in ({}, {"Pass --rect.": "informational"}, {"Pass --rect.": "Suite.Other"}, {"Pass --rect.": ""},
                 {"Pass --rect.": "open"}):
        assert problems(hint, [], rows, tests), rows
    assert problems({"Pass --quiet.": {"a.b"}}, [], {"Pass --quiet.": "HintsOfX.Name"}, tests)
    assert problems({}, [], {"Pass --rect.": "Suite.Name"}, tests)
    assert problems({}, unread, {}, tests)
    for follows in ("`Suite.Name`", "HintsOfX.Name", "HintsOfX.Name, Suite.Name"):
        assert not problems(hint, [], {"Pass --rect.": follows}, tests), follows


def main():
    if "--self-test" in sys.argv:
        return self_test()
    found, unread = extracted(sources())
    if "--write" in sys.argv:
        TABLE.parent.mkdir(parents=True, exist_ok=True)
        TABLE.write_text(written(found, read_table()))
    said = problems(found, unread, read_table(), tests_of_tree())
    if said:
        print("\n".join(said))
        sys.exit(f"{len(said)} hints without a row that holds: tools/hints/hints.py --write, then fill in the last column.")
    if TABLE.read_text() != written(found, read_table()):
        sys.exit("docs/reference/hints.md is not as tools/hints/hints.py --write makes it.")
    print(f"{len(found)} hints, each in the table")


if __name__ == "__main__":
    main()
