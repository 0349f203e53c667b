"""Restores every released vault with the second reader and compares it with what stood in it."""

import json
import os
import stat
import tempfile
import unittest
from pathlib import Path

from blake3 import blake3

import strongroom_reader as reader

VAULTS = Path(__file__).parent.parent / "vaults"


def seen(root):
    """Path → what matters of it, as in expected.json."""
    entries = {}
    for folder, names, files in os.walk(os.fsencode(root)):
        for name in names + files:
            path = os.path.join(folder, name)
            meta = os.lstat(path)
            entry = {"mode": f"{stat.S_IMODE(meta.st_mode):o}", "mtime_ns": str(meta.st_mtime_ns)}
            if stat.S_ISREG(meta.st_mode):
                with open(path, "rb") as file:
                    entry |= {"kind": "file", "blake3": blake3(file.read()).hexdigest()}
            elif stat.S_ISLNK(meta.st_mode):
                entry |= {"kind": "symlink", "target": os.fsdecode(os.readlink(path))}
                del entry["mode"]
            else:
                entry["kind"] = "directory" if stat.S_ISDIR(meta.st_mode) else "fifo"
            entries[os.path.relpath(path, os.fsencode(root)).hex()] = entry
    return entries


class ReleasedVaults(unittest.TestCase):
    def test_restore_and_check(self):
        folders = sorted(folder for folder in VAULTS.iterdir() if folder.is_dir())
        self.assertTrue(folders)
        for folder in folders:
            passphrase = (folder / "passphrase").read_text(encoding="utf-8")
            vault = reader.Vault(folder / "vault", passphrase).load()
            reader.check(vault)
            expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
            for point in expected["points"]:
                with self.subTest(vault=folder.name, point=point["sid"]), tempfile.TemporaryDirectory() as target:
                    reader.restore(vault, point["sid"], target)
                    inside = Path(target + point["root"])
                    self.assertEqual(seen(inside), point["entries"])
            with self.assertRaises(reader.WrongKey):
                reader.Vault(folder / "vault", "not the passphrase of it")

    def test_damage_is_found(self):
        folder = VAULTS / "v0.1"
        passphrase = (folder / "passphrase").read_text(encoding="utf-8")
        for pack in sorted((folder / "vault").glob("[dm]/*/*/*")):
            original = pack.read_bytes()
            header = bytearray(original)
            header[len(original) // 2] ^= 1
            with tempfile.TemporaryDirectory() as copy:
                place = Path(copy) / pack.relative_to(folder / "vault")
                for source in (folder / "vault").rglob("*"):
                    if source.is_file():
                        target = Path(copy) / source.relative_to(folder / "vault")
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(bytes(header) if target == place else source.read_bytes())
                with self.assertRaises(reader.Damaged):
                    reader.check(reader.Vault(copy, passphrase).load())


if __name__ == "__main__":
    unittest.main()
