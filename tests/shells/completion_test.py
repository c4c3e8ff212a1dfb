#!/usr/bin/env python3
"""Tab in bash, zsh and fish: commands, options, values and live names; silence when the daemon is down."""
import os
import socket
import sys
import time

from world import Shell, World

AGENT = "acme/prod/support/triage"
# What is typed, and what one tab makes of it where only one thing can follow.
COMPLETED = [
    ("govctl vers", "govctl version "),
    ("govctl agent cre", "govctl agent create "),
    ("govctl budget set acme --peri", "govctl budget set acme --period "),
    ("govctl budget set acme --period mon", "govctl budget set acme --period monthly "),
    ("govctl org list -o ya", "govctl org list -o yaml "),
    ("govctl org list --format=ya", "govctl org list --format=yaml "),
    ("govctl -o json org li", "govctl -o json org list "),
    ("govctl org get ac", "govctl org get acme "),
    ("govctl agent get ac", "govctl agent get acme/"),
    ("govctl agent get acme/p", "govctl agent get acme/prod/"),
    ("govctl agent get acme/prod/", "govctl agent get acme/prod/support/"),
    ("govctl agent get acme/prod/support/", f"govctl agent get {AGENT} "),
    ("govctl agent create acme/p", "govctl agent create acme/prod/"),
    ("govctl alias get acme fa", "govctl alias get acme fast "),
    ("govctl provider test anthro", "govctl provider test anthropic "),
    ("govctl pricing get mock mock-mo", "govctl pricing get mock mock-model "),
    ("govctl pricing get local llama3:8", "govctl pricing get local llama3:8b "),
    ("govctl policy set acme --allow-models gpt-4o,mock-mo", "govctl policy set acme --allow-models gpt-4o,mock-model "),
    ("govctl help exit", "govctl help exit-codes "),
    ("govctl pricing import pric", "govctl pricing import prices.json "),
    ("govctl up --state-dir som", "govctl up --state-dir somewhere/"),
]
ODD = "odd $(touch pwned); it's"
DEAD = ["govctl org get ac", "govctl agent get acme/", "govctl key revoke "]


def bash(world):
    return Shell(world, ["bash", "--norc", "--noprofile", "-i"],
                 "bind 'set bell-style none' 2>/dev/null; PS1='> '; source <(govctl completion bash)\n"
                 "bind -x '\"\\C-g\": printf \"LINE:<%s>\\n\" \"$READLINE_LINE\"'")


def zsh(world):
    return Shell(world, ["zsh", "-f", "-i"],
                 "unsetopt zle_bracketed_paste prompt_cr beep; PS1='> '; autoload -U compinit; compinit -u -D\n"
                 "source <(govctl completion zsh)\n"
                 "dump() { print -r -- \"LINE:<$BUFFER>\" }; zle -N dump; bindkey '^G' dump; bindkey '^U' kill-whole-line")


def loaded_zsh(world):
    """As a distribution installs it: a file on fpath that is loaded at the first tab."""
    folder = world.home / "functions"
    folder.mkdir()
    (folder / "_govctl").write_text(world.works("govctl", "completion", "zsh") + "\n")
    return Shell(world, ["zsh", "-f", "-i"],
                 f"unsetopt zle_bracketed_paste prompt_cr beep; PS1='> '; fpath=({folder} $fpath)\n"
                 "autoload -U compinit; compinit -u -D\n"
                 "dump() { print -r -- \"LINE:<$BUFFER>\" }; zle -N dump; bindkey '^G' dump; bindkey '^U' kill-whole-line")


def fish_completes(world, typed):
    """fish says what it would offer; one offer is what one tab would insert."""
    done = world.run("fish", "--no-config", "-c", 'govctl completion fish | source; complete -C "$argv[1]"', typed)
    assert done.stderr == "", done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def set_up(world):
    world.works("govctl", "up", "--wait", "-q", "--listen", "127.0.0.1:0")
    for command in ("org create acme", "org create beta", "workspace create acme/prod", "workspace create acme/dev",
                    "group create acme/prod/support", f"agent create {AGENT}", f"key create {AGENT} --name laptop",
                    f"key create {AGENT} --name ci", "alias set acme fast openai/gpt-4o-mini",
                    "provider add local --kind openai --base-url http://127.0.0.1:9/v1 --needs-credential off",
                    "pricing set local llama3:8b --input 0.1 --output 0.1"):
        world.works("govctl", *command.split())
    world.works("govctl", "pricing", "set", "local", ODD, "--input", "0.1", "--output", "0.1")
    (world.home / "prices.json").touch()
    (world.home / "somewhere").mkdir()


def until_it_is(wanted, look):
    """What `look` gives, asked again for a minute: on a busy machine the daemon may be too late for a tab."""
    deadline = time.monotonic() + 60
    while (got := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return got


def run_line(shell, typed):
    """What the line prints that a tab completes and Enter runs."""
    shell.send(typed + "\t --jq .model\n")
    shell.send("printf 'DONE%s\\n' :\n")
    return shell.until("DONE:")


def check(findings, where, what, got, wanted):
    if got != wanted:
        findings.append(f"{where}: {what!r} gives {got!r}, not {wanted!r}")


def main():
    govctl, findings = sys.argv[1], []
    os.umask(0o077)
    with World(govctl) as world:
        set_up(world)
        keys = world.works("govctl", "key", "list", AGENT, "-q").split()
        shells = {"bash": bash(world), "zsh": zsh(world), "zsh, loaded from fpath": loaded_zsh(world)}
        for name, shell in shells.items():
            for typed, wanted in COMPLETED:
                got = until_it_is(wanted, lambda: shell.completed(typed))
                check(findings, name, typed, got, wanted)
            offered = shell.listed("govctl agent ")
            for word in ("create", "disable", "enable"):
                if word not in offered:
                    findings.append(f"{name}: 'govctl agent ' does not offer {word}: {offered!r}")
            quoted = until_it_is(True, lambda: ODD in run_line(shell, "govctl pricing get local od"))
            check(findings, name, "a name that the shell would act on, completed and run", quoted, True)
            missing = until_it_is([], lambda: [key for key in keys if key not in shell.listed("govctl key revoke ")])
            check(findings, name, "govctl key revoke , without some keys", missing, [])
        for typed, wanted in COMPLETED:
            offers = [wanted.split(" ")[-1] or wanted.split(" ")[-2]]
            got = until_it_is(offers, lambda: fish_completes(world, typed))
            check(findings, "fish", typed, got, offers)
        for typed, wanted in (("govctl key revoke ", sorted(keys)), ("govctl policy list acme/", ["acme/dev", "acme/prod"])):
            check(findings, "fish", typed, until_it_is(wanted, lambda: sorted(fish_completes(world, typed))), wanted)

        check(findings, "a shell", "ran a name", (world.home / "pwned").exists(), False)
        world.works("govctl", "down", "-q")
        for typed in DEAD:
            for name, shell in shells.items():
                check(findings, name + ", no daemon", typed, shell.completed(typed), typed)
            check(findings, "fish, no daemon", typed, fish_completes(world, typed), [])
            done = world.run("govctl", "__complete", *typed.split(" ")[1:])
            check(findings, "no daemon", typed, (done.returncode, done.stdout, done.stderr), (0, "", ""))
        with socket.socket(socket.AF_UNIX) as mute:  # takes connections, answers none
            mute.bind(str(world.home / "mute"))
            mute.listen()
            done = world.run("timeout", "30", "govctl", "__complete", "--socket", "mute", "org", "get", "")
            check(findings, "a daemon that hangs", "org get", (done.returncode, done.stdout, done.stderr), (0, "", ""))
        for name, shell in shells.items():
            check(findings, name + ", no daemon", "govctl vers", shell.completed("govctl vers"), "govctl version ")
            shell.close()
        check(findings, "no daemon", "govctl status", world.run("govctl", "status").returncode, 69)

    for finding in findings:
        print(finding)
    print(f"completion: {len(COMPLETED)} lines in bash, zsh and fish, {len(findings)} findings")
    return 1 if findings else 0


sys.exit(main())
