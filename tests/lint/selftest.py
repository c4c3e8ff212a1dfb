#!/usr/bin/env python3
"""Every lint fails on a tree that breaks its rule, and passes on one that keeps it."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
import results  # noqa: E402

SLASH = "/"

# lint -> (file, text that is fine, text that is not)
CASES = [
    ("includes.py", "daemon/domain/a.cpp", '#include "common/money.h"\n', '#include "daemon/store/writer.h"\n'),
    ("includes.py", "daemon/tenant/a.h", '#include "daemon/secrets/secrets.h"\n', '#include "daemon/http/sse.h"\n'),
    ("includes.py", "daemon/daemon.cpp", '#include "daemon/control/routes.h"\n', '#include "cli/client.h"\n'),
    ("includes.py", "cli/commands/a.cpp", '#include "cli/client.h"\n', '#include "daemon/store/writer.h"\n'),
    ("includes.py", "common/a.h", '#include "common/id.h"\n', '#include "daemon/domain/admit.h"\n'),
    ("includes.py", "daemon/nowhere/a.cpp", '#include "common/id.h"\n', '#include "daemon/domain/admit.h"\n'),
    ("includes.py", "daemon/http/a.cpp", "#include <boost/beast/http.hpp>\n", '#include "a.h"\n'),
    ("includes.py", "daemon/calls/a.cpp", "#include <string>\n", "#include <boost/beast/http.hpp>\n"),
    ("includes.py", "cli/output.cpp", "#include <string>\n", "#include <httplib.h>\n"),
    ("includes.py", "daemon/tenant/a.cpp", "#include <string>\n", "#include <SQLiteCpp/SQLiteCpp.h>\n"),
    ("includes.py", "daemon/domain/b.cpp", "#include <string>\n", "#  include <sqlite3.h>\n"),
    ("exact_money.py", "common/money.h", '// 0.5 of a cent\nlong a;  // "1.5"\n', "double price;\n"),
    ("exact_money.py", "daemon/domain/a.cpp", 'auto a = "0.0025";\n', "auto margin = tokens * 1.25;\n"),
    ("machine_paths.py", "a.sh", "cd /tmp/work/x\n", f"cd {SLASH}work{SLASH}main\n"),
    ("machine_paths.py", "b.md", "~/.local/state\n", f"see {SLASH}home{SLASH}jo/x\n"),
    ("machine_paths.py", "c.json", '{"openai": "4.0.0"}\n', '{"a": "https://' + 'registry' + '.example.org/"}\n'),
    ("machine_paths.py", "package-lock.json", "{}\n", '{"' + "resolved" + '": "https://example.org/a.tgz"}\n'),
    ("routes.py", "tests/functional/a.cpp", 'get("/orgs/" + slug + "/ledger")', 'put("/orgs/" + slug + "/ledger")'),
    ("routes.py", "tests/functional/a.cpp", '{{"GET", org + "/ledger"}}', '{{"POST", org + "/ledger"}}'),
    ("routes.py", "tests/functional/a.cpp", 'for (auto t : {"/a", "/orgs/x/ledger"})', 'get("/orgs/x")'),
    ("figures.py", "tests/RESULTS.md", results.HEAD, results.HEAD + "12 000 calls/s\n"),
    ("format.py", "a.cpp", "int a = 1;\n", "int   a=1 ;\n"),
]


# What stands in a tree besides, for the lints that compare two places.
BESIDE = {"routes.py": {"daemon/control/routes.cpp": 'Route{"GET", "/orgs/{org}/ledger", Needs(none), list},'}}


def run(lint, path, text):
    with tempfile.TemporaryDirectory() as directory:
        for beside, content in BESIDE.get(lint, {}).items():
            file = pathlib.Path(directory, beside)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        file = pathlib.Path(directory, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return subprocess.run([sys.executable, HERE / lint, directory], capture_output=True, text=True, check=False)


def main():
    failed = 0
    for lint, path, good, bad in CASES:
        for text, expected in ((good, 0), (bad, 1)):
            result = run(lint, path, text)
            named = path in result.stdout or any(beside in result.stdout for beside in BESIDE.get(lint, {}))
            if result.returncode != expected or named != bool(expected):
                failed += 1
                print(f"{lint} on {path} with {text!r}: exit {result.returncode} instead of {expected}\n"
                      f"{result.stdout}{result.stderr}")
    print(f"selftest: {len(CASES)} rules tried, {failed} failures")
    sys.exit(1 if failed else 0)


main()
