#!/usr/bin/env python3
"""Every example that govctl's help gives does what it says: each is typed, in a world where what it speaks of is there.

An example of a new command that fails here needs its objects in set_up(), or a line in BEFORE, or, when it truly cannot
run, a line in NOT_RUN that says why."""
import json
import os
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from world import World

AGENT = "acme/prod/support/triage"
NOT_RUN = {
    "govctl up --foreground": "stays in the terminal; the functional tests start govd so",
    "govctl provider test": "asks a provider outside; the functional tests have one of their own",
    "govctl provider models": "asks a provider outside; the functional tests have one of their own",
}
# Goes on until it is interrupted, after 2 seconds here.
GOES_ON = re.compile(r"--watch|^govctl (logs|audit tail .*) -f")
# What is done first. The first row whose beginning fits counts.
BEFORE = [
    ("govctl org create", ["govctl org delete acme --confirm=acme"]),
    ("govctl org undelete", ["govctl org delete acme --confirm=acme"]),
    ("govctl org purge", ["govctl org delete acme --confirm=acme"]),
    ("govctl workspace create", ["govctl workspace delete acme/prod -y"]),
    ("govctl group create", ["govctl group delete acme/prod/support -y"]),
    ("govctl agent create", [f"govctl agent delete {AGENT} -y"]),
    ("govctl agent enable", [f"govctl agent disable {AGENT}"]),
    ("govctl unfreeze", ["govctl freeze acme/prod/support"]),
    ("govctl up", ["govctl down"]),
    ("govctl restart", ["govctl down", "govctl up --listen 127.0.0.1:0"]),
    ("govctl restore govctl.tar.gz --verify", ["govctl backup --out govctl.tar.gz"]),
    ("govctl restore", ["govctl backup --out govctl.tar.gz", "govctl down"]),
    ("govctl org import acme.tar.gz --replace", ["govctl org export acme --out acme.tar.gz", "govctl down"]),
    ("govctl org import", ["govctl org export acme --out acme.tar.gz", "govctl org delete acme --confirm=acme",
                           "govctl down"]),
    ("govctl secrets unseal", ["govctl secrets rotate-kek --passphrase --from-file passphrase.txt",
                               "govctl down", "govctl up --listen 127.0.0.1:0"]),
    ("govctl apply -f acme.plan", ["govctl plan -f acme.yaml --out acme.plan"]),
    ("govctl provider add fireworks", ["govctl provider delete fireworks -y || true"]),
    ("govctl provider add gpu", ["govctl provider delete gpu -y"]),
]
# Codes besides 0 that are an answer, too.
ANSWERS = {"govctl pricing diff": {2}, "govctl plan": {2}, "govctl diff": {2}}

LITELLM = {"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
                      "output_cost_per_token": 1e-05}}
MODELS_DEV = {name: {"id": name, "models": {model: {"id": model, "cost": {"input": 3, "output": 15},
                                                    "limit": {"context": 200000, "output": 8192}}}}
              for name, model in (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4o"))}


def set_up(world):
    """An org with all that the examples speak of, and the ids that stand for theirs."""
    world.works("govctl", "up", "--wait", "-q", "--listen", "127.0.0.1:0")
    for command in ("org create Acme", "workspace create acme/prod", "group create acme/prod/support",
                    f"agent create {AGENT}", "ledger purchase acme 1000000", "alias set acme fast openai/gpt-4o-mini",
                    "policy set acme/prod --rpm 600", "budget set acme/prod --period monthly --limit 100000",
                    "provider add gpu --kind openai --base-url http://127.0.0.1:8000/v1 --needs-credential off",
                    "pricing set openai gpt-4-turbo --input 0.01 --output 0.03"):
        world.works("govctl", *command.split())
    for name in ("openai.key", "new.key"):
        (world.home / name).write_text("sk-of-an-example\n")
    (world.home / "passphrase.txt").write_text("six words that nobody else knows\n")
    (world.home / "question.txt").write_text("Hello\n")
    (world.home / "agent.py").write_text("print('done')\n")
    (world.home / "bin").mkdir()
    for name in ("claude", "codex", "aider"):
        (world.home / "bin" / name).write_text("#!/bin/sh\necho done\n")
        (world.home / "bin" / name).chmod(0o700)
    world.works("govctl", "export", "acme", "-f", "acme.yaml")
    world.works("govctl", "export", "--platform", "-f", "platform.yaml")
    (world.home / "model_prices_and_context_window.json").write_text(json.dumps(LITELLM))
    (world.home / "api.json").write_text(json.dumps(MODELS_DEV))
    for folder in (".local/share/bash-completion/completions", ".zsh/completions", ".config/fish/completions"):
        (world.home / folder).mkdir(parents=True)
    world.works("govctl", "credential", "add", "acme", "openai", "--from-file", "openai.key")
    secret = json.loads(world.works("govctl", "key", "create", AGENT, "--name", "first", "-o", "json"))["key"]
    gateway = world.works("govctl", "status", "--jq", ".gateway.url")
    call = urllib.request.Request(gateway + "/v1/chat/completions", method="POST",
                                  headers={"Authorization": "Bearer " + secret, "Content-Type": "application/json"},
                                  data=json.dumps({"model": "mock-model", "max_tokens": 20,
                                                   "messages": [{"role": "user", "content": "Hello"}]}).encode())
    with urllib.request.urlopen(call, timeout=20) as answer:
        request_id = answer.headers["x-request-id"]
    ids = {"key": world.works("govctl", "key", "list", AGENT, "-q"),
           "credential": world.works("govctl", "credential", "list", "acme", "-q"), "request": request_id}
    world.works("govctl", "down", "-q")
    return ids


def adapted(line, ids):
    """The example with ids that are there; a port that is free."""
    line = re.sub(r"req_[0-9a-f-]{36}", ids["request"], line)
    kind = "credential" if line.startswith("govctl credential") else "key"
    line = re.sub(r"\b(?<!req_)[0-9a-f]{8}-[0-9a-f-]{27}\b", ids[kind], line)
    if "unseal --stdin" in line:
        line += " < passphrase.txt"
    line = line.replace("-m gpt-4o-mini", "-m mock-model")  # no provider outside is asked
    return line.replace("127.0.0.1:5000", "127.0.0.1:0").replace("/var/backups/", "")


def first_of(table, line, otherwise):
    return next((value for begin, value in table if line.startswith(begin)), otherwise)


def examples(world):
    """Each command's, from its help, as a user finds them."""
    def words(*line):
        return [each.split("\t")[0] for each in world.works("govctl", "__complete", *line).splitlines()]

    for noun in words(""):
        verbs = words(noun, "") if "\nCommands:\n" in world.works("govctl", "help", noun) else [""]
        for verb in verbs:
            page = world.works("govctl", "help", *filter(None, (noun, verb)))
            block = page.split("\n\n")[0].splitlines()
            assert block[0] == "Examples:", page
            yield from (line.strip() for line in block[1:])


def tried(govctl, template, ids, example):
    """What was wrong with it, or None."""
    with World(govctl, like=template) as world:
        world.env["OPENAI_API_KEY"] = "sk-of-an-example"
        world.env["PATH"] = f"{world.home}/bin:{world.env['PATH']}"
        world.works("govctl", "up", "--wait", "-q", "--listen", "127.0.0.1:0")
        for command in first_of(BEFORE, example, []):
            code, output = world.types(command, "y\n")
            if code != 0:
                return f"{example}: before it, {command!r} ended with {code}: {output}"
        line = adapted(example, ids)
        goes_on = GOES_ON.search(line)
        try:
            code, output = world.types(f"timeout --preserve-status -s INT 2 {line}" if goes_on else line, "y\n")
        except subprocess.TimeoutExpired:
            return f"{example}: does not end"
        if goes_on and code == 130:
            return None
        if code not in {0} | first_of(ANSWERS.items(), example, set()):
            return f"{example}: ended with {code}: {output.strip()}"
    return None


def main():
    govctl = sys.argv[1]
    os.umask(0o077)
    with World(govctl) as template:
        ids = set_up(template)
        lines = list(dict.fromkeys(examples(template)))
        run = [line for line in lines if first_of(NOT_RUN.items(), line, None) is None]
        with ThreadPoolExecutor(2) as pool:
            findings = [found for found in pool.map(lambda line: tried(govctl, template, ids, line), run) if found]
    findings += [f"NOT_RUN: {line!r} is no example" for line in NOT_RUN
                 if not any(each.startswith(line) for each in lines)]
    for finding in findings:
        print(finding)
    print(f"examples: {len(run)} of {len(lines)} run, {len(findings)} findings")
    return 1 if findings or len(run) < 50 else 0


sys.exit(main())
