#!/usr/bin/env python3
"""First backups of directories, side by side with other programs.

    cargo build --release -p strongroom-agent
    benches/first_backup.py [--rounds 3] [--tools strongroom,restic,rustic,borg] [--scratch DIR] DIRECTORY...
    benches/first_backup.py --small-files 200000 DIR      make such a directory first

Every program makes a new encrypted repository on the same disk with its default settings (borg: zstd,3) and backs the
directory up into it. The programs take turns, and a round begins with the next one, so that none has the best place;
before each backup the disk is synced and, as root, the page cache dropped. Time runs until everything is on the disk.
Prints a table of medians; ratios are to the best of the others, below 1 is better than all of them. Programs that are
not on the PATH are left out.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORDS = "the of request buffer index node value error return config server client packet window length".split()


def commands(tool, agent, repository, source):
    """What makes a repository, what backs up, and the environment of both."""
    return {
        "strongroom": ([agent, "vault", "init"], [agent, "--no-progress", "backup", source],
                       {"STRONGROOM_VAULT": repository, "STRONGROOM_STATE_DIR": f"{repository}-state",
                        "STRONGROOM_PASSPHRASE_FILE": f"{repository}-passphrase"}),
        "restic": (["restic", "init"], ["restic", "backup", "--quiet", source],
                   {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": "pw", "RESTIC_CACHE_DIR": f"{repository}-state"}),
        "rustic": (["rustic", "init"], ["rustic", "backup", source],
                   {"RUSTIC_REPOSITORY": repository, "RUSTIC_PASSWORD": "pw", "RUSTIC_CACHE_DIR": f"{repository}-state",
                    "RUSTIC_NO_PROGRESS": "true"}),
        "borg": (["borg", "init", "--encryption", "repokey"], ["borg", "create", "--compression", "zstd,3", "::first", source],
                 {"BORG_REPO": repository, "BORG_PASSPHRASE": "pw", "BORG_BASE_DIR": f"{repository}-state"}),
    }[tool]


def drop_caches():
    os.sync()
    if os.geteuid() == 0:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def run(command, environ):
    started = time.monotonic()
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {child.returncode}\n{errors.decode(errors='replace')}")
    os.sync()
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def first_backup(tool, agent, source, scratch):
    place = pathlib.Path(tempfile.mkdtemp(prefix=f"first-backup-{tool}-", dir=scratch))
    repository = str(place / "repository")
    pathlib.Path(f"{repository}-passphrase").write_text("correct horse battery staple\n")
    init, backup, variables = commands(tool, agent, repository, str(source))
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8", **variables}
    try:
        run(init, environ)
        drop_caches()
        seconds, processor, memory = run(backup, environ)
        size = sum(path.lstat().st_size for path in pathlib.Path(repository).rglob("*") if path.is_file())
        return {"time to disk, s": seconds, "processor, s": processor, "peak memory, MiB": memory,
                "repository, MB": size / 1e6}
    finally:
        shutil.rmtree(place)


def make_small_files(top, count):
    chosen = random.Random(7)
    for number in range(count):
        directory = top / f"{number // 500:04}"
        directory.mkdir(parents=True, exist_ok=True)
        size = int(100 * 40.96 ** chosen.random())
        text = b" ".join(f"{chosen.choice(WORDS)}{chosen.randrange(999)}".encode() for _ in range(size // 7 + 1))
        (directory / f"{number:06}.txt").write_bytes(text[:size])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tools", default="strongroom,restic,rustic,borg")
    options.add_argument("--scratch", default=None)
    options.add_argument("--small-files", type=int, default=0)
    options.add_argument("--agent", default=str(ROOT / "target/release/strongroom-agent"))
    options.add_argument("directories", nargs="+", type=pathlib.Path)
    chosen = options.parse_args()
    if chosen.small_files:
        return make_small_files(chosen.directories[0], chosen.small_files)
    tools = [tool for tool in chosen.tools.split(",") if tool == "strongroom" or shutil.which(tool)]
    for directory in chosen.directories:
        found = {tool: [] for tool in tools}
        for turn in range(chosen.rounds):
            for tool in tools[turn % len(tools):] + tools[:turn % len(tools)]:
                found[tool].append(first_backup(tool, chosen.agent, directory.resolve(), chosen.scratch))
        print(f"\n{directory}, medians of {chosen.rounds}\n\n| | " + " | ".join(tools) + " |\n|---|" + "---:|" * len(tools))
        for row in next(iter(found.values()))[0]:
            medians = {tool: statistics.median(sample[row] for sample in found[tool]) for tool in tools}
            others = [value for tool, value in medians.items() if tool != "strongroom"]
            cells = [f"{value:.1f}" + (f" ({value / min(others):.2f}×)" if others else "") for value in medians.values()]
            print(f"| {row} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
