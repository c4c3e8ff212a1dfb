#!/usr/bin/env python3
"""Every route of the control API's table is called by a functional test, with its method."""
import re

import tree

ROUTE = re.compile(r'Route\{\s*"([A-Z]+)",\s*"(/[^"]*)"')
METHOD = re.compile(r'"(GET|POST|PUT|PATCH|DELETE)",\s*|\b(get)\(')
LISTED = re.compile(r'[{,]\s*"(/[^"]*)"(?=\s*[,}])')
AFTER_METHOD = re.compile(r'"[A-Z]+",$')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def targets(text):
    """(method, target) of each call in a test's source; what is not a literal, and {} of a format, becomes *."""
    for match in METHOD.finditer(text):
        at, depth = match.end(), 0
        target, other = "", False
        while at < len(text):
            literal = LITERAL.match(text, at)
            if literal:
                target += ("*" if other else "") + re.sub(r"\{[^}]*\}", "*", literal.group(1))
                at, other = literal.end(), False
                continue
            character = text[at]
            if character in "([{":
                depth += 1
                other = False  # what stood before is a function's name
            elif character in ")]}":
                if depth == 0:
                    break
                depth -= 1
            elif character in ",;" and depth == 0:
                break
            elif character.isalnum():
                other = True
            at += 1
        yield match.group(1) or "GET", (target + ("*" if other else "")).split("?")[0]
    for target in LISTED.finditer(text):  # a path in a list that a loop goes through
        if not AFTER_METHOD.search(text, max(0, target.start() - 12), target.start() + 1):
            yield "GET", target.group(1).split("?")[0]


def expression(pattern):
    return re.sub(r"\\\{[^}]*\}", "[^/]+", re.escape(pattern)) + r"\*?$"


def calls(target, pattern, literals):
    """Whether the test's target is one of this route's paths."""
    if target.startswith("*"):  # a variable holds the beginning: the route's end, from a literal segment on, must match
        segments = pattern.split("/")[1:]
        return any(not segments[at].startswith("{") and
                   re.match(expression("/" + "/".join(segments[at:])), target[1:]) for at in range(1, len(segments)))
    # A literal that another route has in a parameter's place is the other's: /policies/effective.
    return re.match(expression(pattern), target) and (target == pattern or target not in literals)


def main():
    root = tree.root_argument(__doc__)
    routes = ROUTE.findall((root / "daemon/control/routes.cpp").read_text())
    called = set()
    for path in tree.files(root, ".cpp", ".h"):
        if path.as_posix().startswith("tests/functional/"):
            called.update(targets((root / path).read_text()))
    literals = {pattern for _, pattern in routes if "{" not in pattern}
    findings = [f"daemon/control/routes.cpp: no functional test calls {method} {pattern}"
                for method, pattern in routes
                if not any(other == method and calls(target, pattern, literals) for other, target in called)]
    tree.finish("routes", findings, len(routes))


main()
