#!/usr/bin/env python3
"""Peak memory of the agent over very many files.

    cargo build --release -p strongroom-agent
    benches/memory.py [--files 1000000] [--limit-mib 150] [--scratch DIR]

Makes a tree of small files, an embedded vault with a local credential, and measures the peak resident set of a
first backup, a second one, `ls --recursive`, `verify` and `restore`, each in its own process. The vault is made
beforehand: deriving a key from a passphrase takes 256 MiB on purpose, and daily runs do not do it. Ends with status 1
when a limit is broken or the restored tree is not the same.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def make_tree(top, files_count):
    per_directory = 1000
    for number in range(files_count):
        directory = top / f"d{number // per_directory:04}"
        if number % per_directory == 0:
            directory.mkdir(parents=True)
        with open(directory / f"f{number % per_directory:03}", "wb") as out:
            # Every tenth file is too long to lie in its record and becomes a chunk of its own.
            out.write(b"content of file %d\n" % number * (60 if number % 10 == 0 else 1))


def measured(command):
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {child.returncode}")
    return usage.ru_maxrss / 1024, time.monotonic() - started


def same(left, right):
    difference = subprocess.run(["diff", "--recursive", "--brief", left, right], capture_output=True, text=True)
    print(difference.stdout[:2000], end="")
    return difference.returncode == 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=1_000_000)
    options.add_argument("--limit-mib", type=float, default=150)
    options.add_argument("--scratch", type=pathlib.Path, default=None)
    options.add_argument("--agent", type=pathlib.Path, default=ROOT / "target/release/strongroom-agent")
    chosen = options.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-memory-", dir=chosen.scratch))
    try:
        ok = run(chosen, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(0 if ok else 1)


def run(chosen, scratch):
    tree, target = scratch / "tree", scratch / "restored"
    make_tree(tree, chosen.files)
    agent = [chosen.agent, "--state-dir", scratch / "state", "--no-progress", "--json"]
    (scratch / "empty").mkdir()
    measured(agent + ["backup", "--source", "nothing", scratch / "empty"])
    source = ["--source", "tree"]
    steps = [
        ("first backup", ["backup", *source, tree]),
        ("second backup", ["backup", *source, tree]),
        ("ls --recursive", ["ls", "--recursive", "latest"]),
        ("verify", ["verify"]),
        ("restore", ["restore", "latest", "--target", target]),
    ]
    print(f"{chosen.files} files, limit {chosen.limit_mib:.0f} MiB")
    ok = True
    for name, arguments in steps:
        peak_mib, seconds = measured(agent + arguments)
        verdict = "" if peak_mib <= chosen.limit_mib else "  over the limit"
        ok &= not verdict
        print(f"{name:<16} {peak_mib:7.1f} MiB {seconds:7.1f} s{verdict}", flush=True)
    return same(tree, target / "tree") and ok


if __name__ == "__main__":
    main()
