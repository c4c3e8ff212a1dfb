#!/usr/bin/env python3
"""clang-tidy on the files that changed since BASE (default: where the branch left origin's, else the last 20 commits),
newest changes first and at most --most of them; all files with --full. The compile commands are BUILD's."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import tree

NOISE = re.compile(r"^(\d+ warnings? (and \d+ errors? )?(generated|treated)|Suppressed |Use -header-filter|Error while processing)")


def git(root, *words):
    run = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""


def base_of(root, named):
    """The commit to compare with, or "" when all files count as changed."""
    if named:
        base = git(root, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
        if not base:
            sys.exit(f"tidy: BASE {named} names no commit here")
        return base
    for upstream in ("origin/HEAD", "origin/main"):
        base = git(root, "merge-base", "HEAD", upstream)
        if base and base != git(root, "rev-parse", "HEAD"):
            return base
    return git(root, "rev-parse", "--verify", "--quiet", "HEAD~20")


def changed(root, base):
    """Changed C++ files: those not committed yet, then by their last commit, newest first."""
    if not base:
        named = [*git(root, "ls-files", "-mo", "--exclude-standard").splitlines(),
                 *git(root, "log", "--format=", "--name-only").splitlines(),
                 *(path.as_posix() for path in tree.files(root))]
    else:
        named = [*git(root, "ls-files", "-mo", "--exclude-standard").splitlines(),
                 *git(root, "log", "--format=", "--name-only", f"{base}..HEAD").splitlines()]
    return [name for name in dict.fromkeys(named) if name.endswith((".cpp", ".h")) and (root / name).is_file()]


def sources(root, build):
    """What the build compiles, be it by a file that only includes it: for such a one clang-tidy takes its neighbour's
    command."""
    files = {pathlib.Path(command["file"]) for command in json.loads((build / "compile_commands.json").read_text())}
    made = {file for file in files if file.is_relative_to(build)}
    joined = {pathlib.Path(name) for file in made if file.exists()
              for name in re.findall(r'^#include "(/.*\.cpp)"$', file.read_text(), re.MULTILINE)}
    return {file.relative_to(root).as_posix() for file in (files - made) | joined
            if file.is_relative_to(root) and file.exists()}


def units_for(root, names, compiled):
    """The compiled units that show these files: the .cpp itself; for a header its own .cpp, else one that includes it."""
    units = []
    for name in names:
        if name.endswith(".cpp"):
            units.append(name)
            continue
        own = name[:-2] + ".cpp"
        if own in compiled:
            units.append(own)
            continue
        include = f'#include "{name}"'
        units += [unit for unit in sorted(compiled) if include in (root / unit).read_text(errors="replace")][:1]
    return [unit for unit in dict.fromkeys(units) if unit in compiled]


def check(root, build, unit):
    run = subprocess.run(["clang-tidy-19", "-p", build, "--quiet", unit], cwd=root, capture_output=True, text=True,
                         check=False)
    return [line for line in (run.stdout + run.stderr).splitlines() if line and not NOISE.match(line)] \
        if run.returncode else []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--most", type=int, default=24)
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    compiled = sources(root, arguments.build.resolve())
    if not compiled:
        sys.exit("tidy: no compile commands, so the check itself is broken")
    if arguments.full:
        units, left = sorted(compiled), []
    else:
        units = units_for(root, changed(root, base_of(root, os.environ.get("BASE", ""))), compiled)
        units, left = units[:arguments.most], units[arguments.most:]

    findings = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for found in pool.map(lambda unit: check(root, arguments.build, unit), units):
            findings += found
    print("\n".join(findings))
    print(f"tidy: {len(units)} files checked" + (f", {len(left)} more changed ones left to --full" if left else ""))
    sys.exit(1 if findings else 0)


main()
