#!/usr/bin/env python3
"""The tree names no path of anybody's machine and no package registry's host: it must build and test anywhere."""
import re

import tree

# Written so that this file does not find itself.
RULES = [
    (re.compile(r"(?<![\w.$}/-])/(w[o]rk|r[o]ot|h[o]me/(?!me/)[^/ ]+|U[s]ers)/"), "a path of one machine"),
    (re.compile(r"\bregist[r]y\.[a-z0-9-]+\.[a-z]{2,}|\b[a-z0-9-]+-npm\.p[k]g\.|\.jf[r]og\.io"), "a package registry's host"),
    (re.compile(r'"resolv[e]d"\s*:\s*"https?:'), "a lock file that names where its packages came from"),
]


def main():
    root = tree.root_argument(__doc__)
    findings, checked = [], 0
    for path in tree.files(root):
        checked += 1
        for number, line in tree.lines(root, path):
            for rule, what in RULES:
                if rule.search(line):
                    findings.append(f"{path}:{number}: {what}: {line.strip()[:120]}")
    tree.finish("machine_paths", findings, checked)


main()
