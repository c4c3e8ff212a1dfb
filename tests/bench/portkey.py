"""Portkey's AI gateway from npm, as a rival: installed once into build/portkey, passing on to the same upstream."""
import pathlib
import shutil
import subprocess

from scene import accepts, free_port, wait_for

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "1.15.2"
HOME = HERE.parents[1] / "build/portkey"
PROGRAM = HOME / "node_modules/@portkey-ai/gateway/build/start-server.js"


def installed():
    """Empty, or why it is not there."""
    stamp = HOME / "version"
    if PROGRAM.exists() and stamp.exists() and stamp.read_text() == VERSION:
        return ""
    if not shutil.which("npm"):
        return "npm is not installed"
    HOME.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["npm", "install", "--prefix", HOME, "--no-audit", "--no-fund", "--ignore-scripts",
                          f"@portkey-ai/gateway@{VERSION}"], capture_output=True, text=True, check=False)
    if run.returncode:
        return "npm cannot install @portkey-ai/gateway: " + next((line for line in run.stderr.splitlines() if line), "no reason")
    stamp.write_text(VERSION)
    return ""


def start(scene):
    """The URL of one that runs until the scene closes."""
    port = free_port()
    log = scene.directory / "portkey.log"
    with open(log, "wb") as out:
        process = scene.start("node", "--require", HERE / "loopback.cjs", PROGRAM, f"--port={port}", "--headless", stdout=out)
    wait_for("Portkey's gateway", lambda: accepts(port), process, log, 60)
    return f"http://127.0.0.1:{port}/v1"


def headers(upstream):
    return {"x-portkey-provider": "openai", "x-portkey-custom-host": upstream}
