#!/usr/bin/env python3
"""Money is never floating point: no double or float where amounts are worked out, stored or carried."""
import re

import tree

PLACES = re.compile(r"common/|daemon/(domain|store|tenant|calls|providers)/")
FLOATING = re.compile(r"\b(double|float|std::(stod|stof|strtod|atof))\b|(?<![\w.])\d+\.\d+[fF]?\b")
VECTORS = "daemon/providers/embeddings.cpp"  # what an embedding is made of
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')


def code(line):
    """The line without its strings and its comment."""
    return LITERAL.sub('""', line).split("//")[0]


def main():
    root = tree.root_argument(__doc__)
    findings, checked = [], 0
    for path in tree.files(root, ".cpp", ".h"):
        if not PLACES.match(path.as_posix()) or path.as_posix() == VECTORS:
            continue
        checked += 1
        for number, line in tree.lines(root, path):
            match = FLOATING.search(code(line))
            if match:
                findings.append(f"{path}:{number}: floating point ({match.group(0)}) beside money")
    tree.finish("exact_money", findings, checked)


main()
