#!/usr/bin/env python3
"""Every C++ file is as clang-format writes it."""
import collections
import subprocess

import tree


def main():
    root = tree.root_argument(__doc__)
    findings, paths, places = [], tree.files(root, ".cpp", ".h"), collections.defaultdict(list)
    for at in range(0, len(paths), 50):
        run = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *paths[at:at + 50]], cwd=root,
                             capture_output=True, text=True, check=False)
        for line in run.stderr.splitlines():
            if ": error:" in line:
                name, number = line.split(":")[:2]
                places[name].append(number)
        if run.returncode and not places:
            findings.append(run.stderr.strip() or f"clang-format-19 ended with {run.returncode}")
    findings += [f"{name}:{numbers[0]}: not as clang-format writes it, in {len(set(numbers))} lines"
                 for name, numbers in places.items()]
    if findings:
        findings.append("mend with: clang-format-19 -i FILE…")
    tree.finish("format", findings, len(paths))


main()
