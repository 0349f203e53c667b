#!/usr/bin/env python3
"""Sequential reading of a mounted recovery point, beside a restore of the same files by the same program.

    benches/mount.py AGENT [ROUNDS]        as root (it drops the page cache), with /dev/fuse

Makes two sources: 3 files of 64 MiB that do not compress, and 20 000 files of up to 8 KiB. In turn, each with cold
caches: restores the source to a new directory; mounts the point and reads all of it with `tar`. Prints the rates and
their ratio; that of a mount does not count mounting.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def large(directory):
    for number in range(3):
        with open(f"{directory}/{number}", "wb") as file:
            file.write(os.urandom(64 << 20))


def small(directory):
    dice = random.Random(1)
    for number in range(20_000):
        below = f"{directory}/{number % 100}"
        os.makedirs(below, exist_ok=True)
        with open(f"{below}/{number}", "wb") as file:
            file.write(dice.randbytes(dice.randrange(8192)))


def cold():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def restore(agent, source, base):
    target = f"{base}/out"
    shutil.rmtree(target, ignore_errors=True)
    cold()
    started = time.monotonic()
    subprocess.run([agent, "restore", "latest", "--source", source, "--target", target, "-q"], check=True)
    return time.monotonic() - started


def read(agent, source, base):
    point = f"{base}/mnt"
    cold()
    mount = subprocess.Popen([agent, "mount", "all", point, "-q"])
    while not os.path.ismount(point):
        time.sleep(0.01)
    started = time.monotonic()
    command = f"tar -C {point}/{source}/latest -cf - . | cat >/dev/null"
    subprocess.run(command, shell=True, check=True)
    passed = time.monotonic() - started
    mount.terminate()
    mount.wait()
    return passed


def main():
    agent, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    base = tempfile.mkdtemp()
    os.environ.update(HOME=base, STRONGROOM_STATE_DIR=f"{base}/state")
    with open(f"{base}/passphrase", "w") as file:
        file.write("correct horse battery staple")
    run = lambda *args: subprocess.run([agent, *args, "-q"], check=True)
    run("vault", "init", "--vault", f"{base}/vault", "--passphrase-file", f"{base}/passphrase")
    os.mkdir(f"{base}/mnt")
    for source, make in (("large", large), ("small", small)):
        os.mkdir(f"{base}/{source}")
        make(f"{base}/{source}")
        run("backup", f"{base}/{source}")
        times = [(restore(agent, source, base), read(agent, source, base)) for _ in range(rounds)]
        restored, mounted = (statistics.median(column) for column in zip(*times))
        print(f"{source}: restore {restored:.2f} s, mounted {mounted:.2f} s, speed ratio {restored / mounted:.2f}")
    shutil.rmtree(base)


main()
