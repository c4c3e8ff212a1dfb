#!/usr/bin/env python3
"""The allowed arrows between the rooms, and the libraries that only some units may see."""
import re

import tree

# room -> the rooms it may include, besides itself and common. The table of the architecture, nothing else.
MAY_INCLUDE = {
    "domain": set(),
    "secrets": {"domain"},
    "telemetry": {"domain"},
    "store": {"domain", "telemetry"},
    "http": {"telemetry"},
    "providers": {"domain"},
    "tenant": {"domain", "store", "secrets", "telemetry"},
    "identity": {"domain", "store", "secrets"},
    "calls": {"domain", "tenant", "providers", "http", "telemetry"},
    "gateway": {"calls", "tenant", "http", "telemetry"},
    "control": {"calls", "tenant", "identity", "store", "http", "telemetry"},
}
# The wiring knows everybody.
WIRING = re.compile(r"daemon/[^/]+\.(cpp|h)$")

# (what the include looks like, where it may stand, why)
LIBRARIES = [
    (re.compile(r"<boost/beast"), re.compile(r"daemon/http/|tests/unit/http/"),
     "Beast is seen by the http room alone"),
    (re.compile(r"<httplib\.h>"), re.compile(r"cli/(client|gateway)\.(cpp|h)$|tests/"),
     "httplib is cli/client's and cli/gateway's alone"),
    (re.compile(r"<(sqlite3\.h|SQLiteCpp)"), re.compile(r"daemon/store/|tests/"), "SQLite is the store's alone"),
    (re.compile(r"<boost/asio"), re.compile(r"(?!daemon/(domain|providers|store|secrets)/|common/|cli/)"),
     "no sockets or event loop in this room"),
    (re.compile(r"<openssl/(?!evp\.h)"), re.compile(r"(?!common/|daemon/domain/|cli/)"), "TLS is the http room's"),
    (re.compile(r"<nlohmann/"), re.compile(r"(?!daemon/domain/)"), "the domain knows no JSON"),
]

INCLUDE = re.compile(r'\s*#\s*include\s+(["<][^">]+[">])')


def allowed(path, target):
    """Why `path` may not include `target`, or None. Both are relative to the root."""
    top, _, rest = target.partition("/")
    if path.parts[0] == "tests" and not rest:
        return None  # a fixture beside its tests
    if top not in ("common", "daemon", "cli", "tests"):
        return f'"{target}" is not from the root of the tree'
    name = path.as_posix()
    if name.startswith("tests/") or top == "common":
        return None
    if top == "tests":
        return "the product includes no test"
    here = path.parts[0]
    if here == "common":
        return "common includes common only"
    if here == "cli":
        return None if top == "cli" else "cli includes common only"
    if top == "cli":
        return "the daemon does not include the terminal"
    if WIRING.match(name):
        return None
    room, wanted = path.parts[1], rest.split("/")[0]
    if room not in MAY_INCLUDE:
        return f"room {room} is not in the table of tests/lint/includes.py"
    if wanted == room or wanted in MAY_INCLUDE[room]:
        return None
    return f"{room} may include {', '.join(sorted(MAY_INCLUDE[room])) or 'no other room'}"


def circles():
    """The table itself must not go round."""
    found, done = [], set()

    def walk(room, trail):
        if room in trail:
            found.append("circle in the table: " + " -> ".join([*trail[trail.index(room):], room]))
        elif room not in done:
            for other in sorted(MAY_INCLUDE[room]):
                walk(other, [*trail, room])
            done.add(room)

    for room in MAY_INCLUDE:
        walk(room, [])
    return found


def main():
    root = tree.root_argument(__doc__)
    findings, checked = circles(), 0
    for path in tree.files(root, ".cpp", ".h"):
        checked += 1
        for number, line in tree.lines(root, path):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            if target.startswith('"'):
                why = allowed(path, target.strip('"'))
                if why:
                    findings.append(f"{path}:{number}: includes {target}: {why}")
            for library, place, why in LIBRARIES:
                if library.match(target) and not place.match(path.as_posix()):
                    findings.append(f"{path}:{number}: includes {target}: {why}")
    tree.finish("includes", findings, checked)


main()
