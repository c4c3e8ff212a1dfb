"""What the lints share: the files of a tree, and how a finding is reported."""
import argparse
import pathlib
import subprocess
import sys

SKIPPED = {"build", ".git", ".cache", "node_modules"}


def root_argument(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", type=pathlib.Path, nargs="?", default=pathlib.Path(__file__).resolve().parents[2])
    return parser.parse_args().root.resolve()


def files(root, *suffixes):
    """Paths relative to root, tracked or not yet, but not ignored ones; all of them without suffixes."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        paths = [pathlib.Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        paths = [path for path in paths if not SKIPPED & set(path.parts)]
    return sorted(path for path in set(paths)
                  if (root / path).is_file() and (not suffixes or path.suffix in suffixes))


def lines(root, path):
    return enumerate((root / path).read_text(encoding="utf-8", errors="replace").splitlines(), start=1)


def finish(name, findings, checked):
    """Prints and exits: 1 when there is a finding, or nothing was looked at."""
    for finding in findings:
        print(finding)
    if not checked:
        print(f"{name}: nothing to check, so the check itself is broken")
    elif not findings:
        print(f"{name}: {checked} checked, clean")
    sys.exit(1 if findings or not checked else 0)
