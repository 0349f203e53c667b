#!/usr/bin/env python3
"""How well the throttle of a policy is kept: measured rate over set rate, upload and restore, S3 and a folder.

    .ci/servers && cargo build -p strongroom-agent
    benches/throttle.py [--places S3,folder] [--rates "512 Kbps,8 Mbps,40 Mbps"] [--secs 30] [--agent target/debug/strongroom-agent]

For S3 the agent talks to moto through a proxy of this script, which counts what crosses the line in each direction, headers
and all: the rate of `--secs` seconds after the first five, and the fullest of them. Then Ctrl-C is sent, and the time until
the agent has ended is taken. For a folder, where whole objects are paced, it is stored bytes over time of a whole backup,
and restored bytes over time of a whole restore, as the agent tells them; they begin with the second's worth that may go at
once.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNITS = {"Kbps": 125, "Mbps": 125_000, "KBps": 1_000, "MBps": 1_000_000}
SETTLE_SECS = 5


class Proxy:
    """Passes connections on and counts bytes: `up` to the server, `down` from it."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.up = self.down = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            for way, source, target in (("up", client, server), ("down", server, client)):
                # What our kernel would hold for the agent has not crossed the line; too little of it would stall.
                source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
                target.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
                threading.Thread(target=self.relay, args=(way, source, target), daemon=True).start()

    def relay(self, way, source, target):
        try:
            while piece := source.recv(16 << 10):
                setattr(self, way, getattr(self, way) + len(piece))
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def start_s3():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    python = ROOT / "target/ci/venv/bin/python"
    server = subprocess.Popen([python, ROOT / "tests/servers/src/s3.py", str(port)], stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except OSError:
            time.sleep(0.1)
    sys.exit("the S3 server does not start: run .ci/servers")


class Machine:
    """An agent with a new vault, a policy, and a file to back up."""

    def __init__(self, agent, place, url, variables, content_bytes):
        self.agent, self.place = agent, place
        self.home, self.out = place / "home", place / "out"
        self.home.mkdir()
        (self.home / "random").write_bytes(os.urandom(content_bytes))
        (place / "passphrase").write_text("correct horse battery staple\n")
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(place), "STRONGROOM_VAULT": url,
                        "STRONGROOM_STATE_DIR": str(place / "state"),
                        "STRONGROOM_PASSPHRASE_FILE": str(place / "passphrase"), **variables}
        self.run("vault", "init")

    def start(self, *arguments):
        return subprocess.Popen([self.agent, "--quiet", *arguments], env=self.environ)

    def run(self, *arguments):
        if (code := self.start(*arguments).wait()) != 0:
            sys.exit(f"{' '.join(arguments)}: exit {code}")

    def report(self, *arguments):
        done = subprocess.run([self.agent, "--json", *arguments], env=self.environ, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def throttle(self, rate):
        policy = self.place / "policy.toml"
        throttle = f'[throttle]\nwork_hours = "00:00-24:00"\nwork_rate = "{rate}"\nother_rate = "{rate}"\n' if rate else ""
        policy.write_text('time_zone = "UTC"\n' + throttle)
        self.run("policy", "set", str(policy))

    def restore(self):
        return ["restore", "latest", "--target", str(self.out)]


def watch(running, count, secs):
    """Mean and fullest second of a running command, bytes a second, and how long it takes to stop it."""
    time.sleep(SETTLE_SECS)
    seen, began = [count()], time.monotonic()
    for second in range(1, secs + 1):
        time.sleep(max(0.0, began + second - time.monotonic()))
        seen.append(count())
    if running.poll() is not None:
        sys.exit("it ended before the measurement did")
    elapsed = time.monotonic() - began
    asked = time.monotonic()
    running.send_signal(signal.SIGINT)
    if (code := running.wait()) != 130:
        sys.exit(f"exit {code} after Ctrl-C")
    fullest = max(after - before for before, after in zip(seen, seen[1:]))
    return (seen[-1] - seen[0]) / elapsed, fullest, time.monotonic() - asked


def bytes_per_sec(rate):
    number, unit = rate.split()
    return float(number) * UNITS[unit]


def line(place, direction, rate, measured, fullest="", stopped=""):
    share = measured / bytes_per_sec(rate)
    print(f"| {place} | {direction} | {rate} | {share:.3f} | {fullest} | {stopped} |", flush=True)


def over_s3(agent, rate, secs, scratch):
    server, port = start_s3()
    try:
        proxy = Proxy(port)
        bucket = f"http://127.0.0.1:{port}/bucket"
        urllib.request.urlopen(urllib.request.Request(bucket, method="PUT")).close()
        variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
                     "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}", "AWS_ALLOW_HTTP": "true"}
        content_bytes = int(bytes_per_sec(rate) * (secs + SETTLE_SECS + 8))
        machine = Machine(agent, scratch, "s3://bucket/vault", variables, content_bytes)
        for direction, arguments, count in (("upload", ["backup", str(machine.home)], lambda: proxy.up),
                                            ("restore", machine.restore(), lambda: proxy.down)):
            if direction == "restore":
                machine.throttle(None)
                machine.run("backup", str(machine.home))
            machine.throttle(rate)
            mean, fullest, stopped = watch(machine.start(*arguments), count, secs)
            line("S3", direction, rate, mean, f"{fullest / bytes_per_sec(rate):.2f}", f"{stopped:.1f}")
    finally:
        server.terminate()
        server.wait()


def in_folder(agent, rate, secs, scratch):
    content_bytes = int(bytes_per_sec(rate) * secs)
    machine = Machine(agent, scratch, str(scratch / "vault"), {}, content_bytes)
    machine.throttle(rate)
    report = machine.report("backup", str(machine.home))
    line("folder", "upload", rate, report["stored_bytes"] / report["elapsed_secs"])
    report = machine.report(*machine.restore())
    line("folder", "restore", rate, report["written_bytes"] / report["elapsed_secs"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", default="S3,folder")
    parser.add_argument("--rates", default="512 Kbps,8 Mbps,40 Mbps")
    parser.add_argument("--secs", type=int, default=30)
    parser.add_argument("--agent", default=str(ROOT / "target/debug/strongroom-agent"))
    parser.add_argument("--scratch", default=None)
    chosen = parser.parse_args()
    print("| place | direction | set rate | measured ÷ set | fullest second ÷ set | stopped after, s |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    for rate in chosen.rates.split(","):
        for place in chosen.places.split(","):
            measure = {"S3": over_s3, "folder": in_folder}[place]
            with tempfile.TemporaryDirectory(prefix="throttle-", dir=chosen.scratch) as scratch:
                measure(chosen.agent, rate, chosen.secs, pathlib.Path(scratch))
    print(f"load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
