#!/usr/bin/env python3
"""man/ and completions/ are what the tree of commands gives now, each command has a page, and pages are sound roff.

generated.py ROOT GOVCTL_DOCS GOVD"""
import pathlib
import subprocess
import sys
import tempfile

import tree

MEND = "mend with: ninja -C build/dev generated (and git add man completions)"


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes()
            for folder in ("man", "completions") for path in (root / folder).glob("*")}


def stale(root, docs, govd):
    """What stands in the tree against what is made anew beside the pages that are written by hand."""
    with tempfile.TemporaryDirectory() as fresh_root:
        fresh_root = pathlib.Path(fresh_root)
        subprocess.run([docs, root, govd, fresh_root], check=True)
        fresh = contents(fresh_root)
    here = contents(root)
    by_hand = {name for name, text in here.items() if name.startswith("man/") and b"Generated;" not in text[:100]}
    for name in sorted(fresh.keys() | here.keys() - by_hand):
        if name not in here:
            yield f"{name}: is missing"
        elif name not in fresh:
            yield f"{name}: of a command that is no more"
        elif here[name] != fresh[name]:
            yield f"{name}: not what the tree of commands gives now"


def unsound(path):
    """What mandoc and groff have against a page."""
    for command in (["mandoc", "-T", "lint", "-W", "warning", path],
                    ["groff", "-ww", "-man", "-z", "-T", "utf8", "-P-c", path]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            yield f"{path.name}: {line.strip()}"


def main():
    root, docs, govd = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    findings = list(stale(root, docs, govd))
    if findings:
        findings.append(MEND)
    pages = sorted((root / "man").glob("*"))
    for page in pages:
        findings += unsound(page)
    for name in ("govctl.1", "govd.8", "govctl-config.5", "govctl-exit-codes.7", "govctl-org.5"):
        if not (root / "man" / name).exists():
            findings.append(f"man/{name}: is missing")
    tree.finish("generated", findings, len(pages))


main()
