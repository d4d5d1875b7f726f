"""What bench/run-figures and bench/run-ten-million share: programs, one fresh node, its metrics."""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READY_SECONDS_MAX = 600


def fail(text):
    sys.exit(f"{Path(sys.argv[0]).name}: {text}")


def find_program(build, name, optional=False):
    found = [p for p in sorted(Path(build).rglob(name)) if p.is_file() and os.access(p, os.X_OK)]
    if not found and not optional:
        fail(f"no program {name} below {build}; build it first: cmake --build {build} --target {name}")
    return str(found[0]) if found else None


class Program:
    """A started program that prints 'ready rest=HOST:PORT ...', or only its port. `seconds` is the time that took."""

    def __init__(self, command, log):
        self.log = log
        begin = time.monotonic()
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        os.set_blocking(self.process.stdout.fileno(), False)
        said = b""
        while not (match := re.search(rb"^(?:ready rest=(\S+):)?(\d+)(?: [^\n]*)?\n", said, re.MULTILINE)):
            if self.process.poll() is not None or time.monotonic() - begin > READY_SECONDS_MAX:
                self.stop()
                tail = Path(log).read_text(errors="replace")[-2000:]
                fail(f"{command[0]} did not become ready; the end of its log:\n{tail}")
            said += self.process.stdout.read() or b""
            time.sleep(0.001)
        self.seconds = time.monotonic() - begin
        self.host, self.port = (match.group(1) or b"127.0.0.1").decode(), int(match.group(2))
        self.url = f"http://{self.host}:{self.port}"

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Node(Program):
    """momd as a one-node broker in `directory`/data, which is kept from start to start."""

    def __init__(self, momd, directory):
        data = Path(directory, "data")
        data.mkdir(parents=True, exist_ok=True)
        super().__init__([momd, "--node-id", "1", "--data-dir", str(data), "--rest-listen", "127.0.0.1:0",
                          "--grpc-listen", "127.0.0.1:0"], str(Path(directory, "momd.log")))

    def metric(self, name):
        """Sum over all label sets of a metric, or None when there is none of that name."""
        status, text = request(self, "GET", "/metrics")
        values = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
        return sum(float(v) for v in values) if status == 200 and values else None

    def memory_bytes(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024


def request(node, method, path, body=None, token=None):
    """(status, text) of one request over a connection of its own."""
    connection = http.client.HTTPConnection(node.host, node.port, timeout=60)
    headers = {"Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text


def expect(node, wanted, method, path, body=None, token=None):
    status, text = request(node, method, path, body, token)
    if status != wanted:
        fail(f"{method} {path} answered {status}, expected {wanted}: {text[:500]}")
    return json.loads(text) if text else None


def register(node, directory):
    """Returns (name, file that holds the password, token) of a new user."""
    name, password = f"figures-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    file = Path(directory, "password")
    file.touch(mode=0o600)
    file.write_text(password)
    expect(node, 201, "POST", "/v1/users", {"name": name, "password": password})
    return name, str(file), connect(node, name, password)


def connect(node, name, password):
    return expect(node, 201, "POST", "/v1/sessions", {"name": name, "password": password})["token"]


def run_bench(bench, arguments):
    """Runs mom-bench and returns its report; a failed check ends the run."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [bench, *[str(a) for a in arguments], "--json", file.name]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            fail(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
        return json.load(open(file.name, encoding="utf-8"))


def machine():
    """What the figures were measured on, without naming the machine."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {"processors": os.cpu_count(), "model": model.group(1) if model else "unknown",
            "memory_gib": round(int(memory.group(1)) / 2**20, 1), "kernel": os.uname().release}
