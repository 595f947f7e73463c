"""What the scripts that check `bitnet serve` share: a server as a child process, and counted checks."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("BITNET_CACHE", Path.home() / ".cache/bitnet"))
TINY = ROOT / "Tests/Golden/trained/tiny-bitnet"
LIMIT = 30  # seconds; what takes longer hangs

counts = {True: 0, False: 0}


def check(name, holds, found=""):
    """Counts and prints one check; `found` is shown when it fails."""
    counts[bool(holds)] += 1
    print(f"ok    {name}" if holds else f"FAIL  {name}: {str(found)[:600]}", flush=True)


def finish(begin):
    """Prints the counts and exits, with 1 if a check failed. `begin`: time.monotonic() at the start."""
    print(f"{counts[True]} passed, {counts[False]} failed in {time.monotonic() - begin:.0f} s")
    sys.exit(1 if counts[False] else 0)


def with_packages(folder, *packages):
    """Runs the script again in a virtual environment under $BITNET_CACHE that has packages of PyPI."""
    folder = CACHE / folder
    python = folder / "bin/python3"
    if Path(sys.prefix) == folder:
        return
    marker = folder / " ".join(packages)
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        marker.touch()
    os.execv(python, [str(python), *sys.argv])


def smollm2():
    """The path of SmolLM2, fetched if need be."""
    fetched = subprocess.run([ROOT / "scripts/fetch-smollm2"], stdout=subprocess.PIPE, text=True)
    if fetched.returncode != 0:
        sys.exit(f"{Path(sys.argv[0]).name}: SmolLM2 is missing (see above)")
    return Path(fetched.stdout.strip())


class Server:
    """A server, on a free port unless one is given, for a `with` statement."""

    binary = ROOT / ".build/release/bitnet"

    @classmethod
    def use(cls, binary):
        """Serves with another binary than that of `make build`."""
        cls.binary = Path(binary or cls.binary).resolve()
        if not os.access(cls.binary, os.X_OK):
            sys.exit(f"{Path(sys.argv[0]).name}: {cls.binary} is missing; build it first: make build")

    def __init__(self, model, *arguments, port=0, environment=None):
        command = [self.binary, "serve", model, "--port", port, "--cache-type", "f32", "--log-format", "json", *arguments]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.log = []
        self.url = None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r'"url":"([^"]+)"', line):
                self.url = found[1]
                break
        else:
            raise SystemExit(f"the server did not start: {''.join(self.log)}")
        self.port = int(self.url.rsplit(":", 1)[1])
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def request(self, path, body=None, method=None, headers=None, limit=LIMIT):
        """Status, headers and text of a plain request."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=limit) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def open_stream(self, body):
        """A raw connection on which a request has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        data = json.dumps(body).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        return connection

    def metric(self, name):
        text = self.request("/metrics")[2]
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def wait_for(self, condition, seconds=5):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def resident_kilobytes(self):
        """What the process holds in memory now (Linux)."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])
