#!/usr/bin/env python3
"""Compiles the C++ examples of a Markdown document, syntax only.

    compile_examples.py [--fails] COMPILER INCLUDE DOCUMENT
    --fails: every example is given a name that does not exist, and none may compile: the check can fail.

An example's #include lines stand first; the rest may be declarations or statements of a function."""
import re
import subprocess
import sys


def program(example):
    includes = [line for line in example.splitlines() if line.startswith("#include")]
    statements = [line for line in example.splitlines() if not line.startswith("#include")]
    return "\n".join([*includes, "void example() {", *statements, "}", ""])


def errors_of(text, compiler, include):
    """What the compiler says of the text; empty where it takes it."""
    run = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-I", include, "-x", "c++", "-"],
                         input=text, text=True, capture_output=True, check=False)
    return run.stderr if run.returncode else ""


def main(arguments):
    to_fail = arguments[:1] == ["--fails"]
    compiler, include, document = arguments[to_fail:]
    with open(document, encoding="utf-8") as file:
        examples = re.findall(r"^```cpp\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
    if not examples:
        sys.exit(f"{document} has no C++ example.")
    for number, example in enumerate(examples, 1):
        broken = "peregrine::NoSuchType broken;\n" if to_fail else ""
        errors = errors_of(program(example + broken), compiler, include)
        if to_fail and not errors:
            sys.exit(f"Example {number} compiles with a type that does not exist.")
        if errors and not to_fail:
            sys.exit(f"Example {number} of {document} does not compile:\n{errors}")
    print(f"{len(examples)} examples checked")


main(sys.argv[1:])
