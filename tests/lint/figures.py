#!/usr/bin/env python3
"""tests/RESULTS.md is what tests/results.py prints from tests/results.jsonl: no figure in it is typed by hand."""
import pathlib
import sys

import tree

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from results import Book  # noqa: E402


def main():
    book = Book(tree.root_argument(__doc__))
    findings = [] if book.fresh() else ["tests/RESULTS.md is not what tests/results.jsonl says: tests/results.py write prints it"]
    tree.finish("figures", findings, 1)


main()
