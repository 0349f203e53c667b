"""Reads a Strongroom vault in a local folder. Numbers in comments are sections of docs/format.md."""

import json
import math
import os
import struct
import sys
import unicodedata
from datetime import datetime
from pathlib import Path

import zstandard
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt as open_chacha,
    crypto_aead_xchacha20poly1305_ietf_decrypt as open_xchacha,
)
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

FRAME = 1 << 20
CONFIG, SLOT, DATA_PACK, META_PACK, SEGMENT, MANIFEST, FENCE = range(1, 8)
LINK, REMAP, COPIED = 14, 15, 17
STEPS = 64
KINDS = {1: "file", 2: "directory", 3: "symlink", 4: "fifo", 5: "socket", 6: "char_device", 7: "block_device"}


class Damaged(Exception):
    """Bytes that do not follow the format."""


class WrongKey(Exception):
    """The passphrase opens no slot."""


def need(condition, what):
    if not condition:
        raise Damaged(what)


def derive(context, material, length=32):  # 4
    return blake3(material, derive_key_context="strongroom 2026-11 v1 " + context).digest(length=length)


def keyed(key, data):
    return blake3(data, key=key).digest()


class Reader:  # 1
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def uint(self, size):
        return int.from_bytes(self.take(size), "little")

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                need(value < 1 << 64 and (byte or not shift), "a varint that is not canonical")
                return value
        raise Damaged("a varint that is too long")

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def bytes(self):
        return self.take(self.varint())

    @property
    def done(self):
        return self.at == len(self.data)


class Header:  # 3
    def __init__(self, obj, *kinds):
        need(len(obj) >= 64 and obj[:8] == b"\x89SRV\r\n\x1a\n", "not an object of a vault")
        self.kind, major, _, incompat, self.ro, _ = struct.unpack_from("<BBHIII", obj, 8)
        self.object_id = obj[24:40]
        _, ext_len, self.body_len = struct.unpack_from("<IIQ", obj, 40)
        need(ext_len <= 4032, "an extension that is too long")
        self.raw, self.ext = obj[:64], obj[64 : 64 + ext_len]
        need(blake3(obj[:56] + self.ext).digest()[:8] == obj[56:64], "a damaged header")
        need(major == 1, f"unsupported version {major}")
        need(not incompat & ~0x87, f"unknown feature bits {incompat & ~0x87:#x}")
        need(self.kind in kinds, f"kind {self.kind} in a wrong place")
        self.body_at = 64 + ext_len
        self.body = obj[self.body_at : self.body_at + self.body_len]
        need(len(self.body) == self.body_len, "an object that is cut short")
        if self.kind not in (DATA_PACK, META_PACK):
            need(len(obj) == self.body_at + self.body_len, "bytes behind the end of an object")


def object_key(class_key, vault_id, header):  # 4.1
    return keyed(class_key, b"obj" + vault_id + header.raw[:56] + header.ext)


def open_frames(key, kind, sealed):  # 4.1
    plain, count = b"", max(1, -(-len(sealed) // (FRAME + 16)))
    for index in range(count):
        frame = sealed[index * (FRAME + 16) : (index + 1) * (FRAME + 16)]
        need(len(frame) > 16 or count == 1, "an empty frame")
        number = struct.pack("<Q", index | (1 << 63 if index + 1 == count else 0))
        try:
            plain += open_chacha(frame, bytes([kind]) + number, bytes(4) + number, key)
        except CryptoError:
            raise Damaged("a frame that does not open") from None
    return plain


def moment(text):
    return math.inf if text == "for ever" else datetime.fromisoformat(text).timestamp()


def padme(length):  # 7
    if length < 2:
        return length
    e = length.bit_length() - 1
    z = e - e.bit_length()
    return length if z <= 0 else -(-length // (1 << z)) << z


class Pack:  # 7
    """Its blocks: birth pack, birth ordinal, type, codec, epoch, raw length, sealed bytes, chunks."""

    def __init__(self, vault, path, kind):
        obj = path.read_bytes()
        self.header = header = Header(obj, kind)
        self.id = header.object_id
        need(path.name == self.id.hex() and path.parent.name == self.id.hex()[:2], "a pack under another's name")
        toc_len, block_count = struct.unpack("<II", header.ext)
        key = object_key(vault.key["table of contents"], vault.id, header)
        toc = Reader(open_frames(key, kind, obj[72 : 72 + toc_len]))
        need(toc.uint(4) == block_count, "two block counts")
        chunk_count = toc.uint(4)
        self.blocks, at = [], 72 + toc_len
        for _ in range(block_count):
            birth, ordinal, kind_of, codec = toc.take(16), toc.uint(2), toc.u8(), toc.u8()
            epoch, stored, raw, chunks = toc.uint(4), toc.uint(4), toc.uint(4), toc.uint(2)
            need(toc.take(6) == bytes(6), "reserved bytes that are set")
            need((kind_of == 1) == (kind == DATA_PACK), "a block in the wrong kind of pack")
            block = (birth, ordinal, kind_of, codec, epoch, raw, obj[at : at + stored], [])
            self.blocks.append((block, chunks))
            at += stored
        for block, chunks in self.blocks:
            block[7].extend((toc.take(16), toc.uint(3)) for _ in range(chunks))
            need(sum(length for _, length in block[7]) == block[5], "chunks that do not add up")
        need(sum(chunks for _, chunks in self.blocks) == chunk_count, "two chunk counts")
        need(toc.at + -toc.at % 4096 == len(toc.data) and not any(toc.data[toc.at :]), "a table with a tail")
        need(at == 72 + header.body_len and len(obj) == padme(at), "a pack of the wrong length")
        padding = blake3(key, derive_key_context="strongroom 2026-11 v1 padding").digest(length=len(obj) - at)
        need(obj[at:] == padding, "wrong padding")
        self.blocks = [block for block, _ in self.blocks]


class Vault:
    def __init__(self, folder, passphrase):
        self.folder = Path(folder)
        obj = (self.folder / "config").read_bytes()
        header = Header(obj, CONFIG)
        text, code = header.body[:-32], header.body[-32:]
        self.config = json.loads(text)
        self.id, domain = header.object_id, bytes.fromhex(self.config["domains"][0])
        need(self.config["vault_id"] == self.id.hex(), "two vault ids")
        master = self.unlock(passphrase)
        need(keyed(derive("config", master), b"config" + header.raw[:56] + text) == code, "a changed configuration")
        self.domain, self.domain_key = domain, derive("domain", master + domain)
        names = ("table of contents", "manifest", "names", "control", "list", "gear table", "source id")
        self.key = {name: derive(name, self.domain_key) for name in names}
        self.chunk_key = [None] + [derive("chunk id " + kind, self.domain_key) for kind in ("data", "tree", "list")]
        owner, maintenance = self.config["owner_public_key"], self.config.get("maintenance_public_key")
        self.signers = {number: VerifyKey(bytes.fromhex(key)) for number, key in ((1, owner), (2, maintenance)) if key}
        # Tables by pack id; by birth name, where the block is; by address, where chunks of it were stored anew.
        self.tables, self.copies, self.remaps = {}, {}, {}
        self.damaged, self.raw = [], {}

    def unlock(self, passphrase):  # 5
        text = unicodedata.normalize("NFKC", passphrase.rstrip("\n")).encode()
        for path in sorted((self.folder / "keys").iterdir()):
            obj = path.read_bytes()
            header = Header(obj, SLOT)
            need(header.object_id.hex() == path.name, "a slot under another's name")
            kind, role, _, memory, passes, lanes = struct.unpack_from("<BBHIII", obj, 64)
            if kind != 1 or role != 1:
                continue
            need(1 << 16 <= memory <= 1 << 22 and 0 < passes <= 64 and 0 < lanes <= 16, "a cost out of bounds")
            material = hash_secret_raw(text, obj[80:96], passes, memory, lanes, 32, Type.ID) + obj[:112]
            if derive("slot commit", material) != obj[112:144]:
                continue
            bundle = open_xchacha(obj[168:], obj[:144], obj[144:168], derive("slot wrap", material))
            need(bundle[0] == 1, "an owner's slot without the master key")
            return bundle[5:37]
        raise WrongKey

    def load(self):
        for prefix, kind in (("d", DATA_PACK), ("m", META_PACK)):
            for path in sorted((self.folder / prefix / self.domain.hex()).glob("*/*")):
                try:
                    pack = Pack(self, path, kind)
                except Damaged as error:
                    self.damaged.append(f"{path.name}: {error}")
                    continue
                self.tables[pack.id] = pack.blocks
                for position, block in enumerate(pack.blocks):
                    self.copies.setdefault(block[:2], []).append((pack.id, position))
        for path in sorted((self.folder / "remap" / self.domain.hex()).glob("*")):
            try:
                self.load_remap(path)
            except Damaged as error:
                self.damaged.append(f"{path.name}: {error}")
        return self

    def signed(self, path, kind, class_key):  # 4.2
        header = Header(path.read_bytes(), kind)
        plain = open_frames(object_key(class_key, self.id, header), kind, header.body)
        signer = self.signers.get(header.ext[0]) if len(header.ext) == 65 else None
        need(signer, "an unknown signer")
        name = path.relative_to(self.folder).as_posix().encode()
        digest = blake3(plain).digest()
        message = b"strongroom signed v1\0" + self.id + bytes([kind]) + name + b"\0" + digest
        try:
            signer.verify(message, header.ext[1:])
        except CryptoError:
            raise Damaged("a wrong signature") from None
        return header, plain

    def load_remap(self, path):  # 12
        _, plain = self.signed(path, REMAP, self.key["table of contents"])
        reader, found, last = Reader(plain), [], ()
        need(reader.u8() == 1, "a remap of an unknown version")
        packs = [reader.take(16) for _ in range(reader.varint())]
        need(packs == sorted(set(packs)), "packs out of order")
        for _ in range(reader.varint()):
            old_pack, old, first, count, new_pack, new, new_first = (reader.varint() for _ in range(7))
            need(max(old_pack, new_pack) < len(packs) and count >= 1, "a run of nothing")
            need(last < (old_pack, old, first), "runs out of order")
            last = (old_pack, old, first)
            for chunk in range(count):
                found.append(((packs[old_pack], old, first + chunk), (packs[new_pack], new, new_first + chunk)))
        need(reader.done, "bytes behind a remap")
        for old_address, new_address in found:
            self.remaps.setdefault(old_address, []).append(new_address)

    def open_block(self, pack, position):  # 7
        if (pack, position) not in self.raw:
            birth, ordinal, kind, codec, epoch, raw_len, sealed, chunks = self.tables[pack][position]
            key = (
                self.key["list"] if kind == 3
                else derive({1: "data", 2: "tree"}[kind], self.domain_key + struct.pack("<I", epoch))
            )
            aad = b"block" + self.id + self.domain + b"\x01" + birth + struct.pack("<HBBI", ordinal, kind, codec, raw_len)
            try:
                payload = open_xchacha(sealed[24:], aad, sealed[:24], key)
            except CryptoError:
                raise Damaged("a block that does not open") from None
            if codec == 1:
                frame = zstandard.ZstdDecompressor(max_window_size=1 << 24).decompressobj()
                payload = frame.decompress(payload)
                need(frame.eof and not frame.unused_data, "not exactly one frame")
            need(len(payload) == raw_len, "a block of the wrong length")
            pieces, at = [], 0
            for chunk_id, length in chunks:
                pieces.append(payload[at : at + length])
                need(keyed(self.chunk_key[kind], pieces[-1])[:16] == chunk_id, "a chunk with another id")
                at += length
            self.raw[pack, position] = pieces
        return self.raw[pack, position]

    def chunk_in_block(self, pack, ordinal, number):
        """From the pack of its birth, else from where the block was moved to; None where no copy gives it."""
        copies = self.copies.get((pack, ordinal), [])
        for copy in sorted(copies, key=lambda copy: copy[0] != pack):
            try:
                pieces = self.open_block(*copy)
            except Damaged:
                continue
            if number < len(pieces):
                return pieces[number]
        return None

    def chunk(self, *address):  # 12
        at, seen = [address], set()
        for _ in range(STEPS + 1):
            for address in at:
                raw = self.chunk_in_block(*address)
                if raw is not None:
                    return raw
            seen.update(at)
            at = [new for old in at for new in self.remaps.get(old, []) if new not in seen]
        raise Damaged("a chunk that is nowhere")

    def is_gone(self, source, sid):  # 12
        folder = self.folder / "chain" / self.domain.hex() / source / sid
        is_deleted, held, previous, number = False, None, None, 0
        while (path := folder / str(number)).exists():
            try:
                header, plain = self.signed(path, LINK, self.key["control"])
                link = json.loads(plain)
                op, at, until = link["op"], link["at"], link["until"] or "for ever"
                need(link["v"] == 1 and link["sid"] == sid and link["n"] == number, "a link of another chain")
                need(link["prev"] == previous, "a link behind another one")
            except (Damaged, KeyError, ValueError):
                op = None  # it is void
            if op == "purge" and is_deleted and not held:
                return True
            if op in ("delete", "undelete"):
                is_deleted = op == "delete"
            elif op == "hold":
                held = until
            elif op == "release" and held and (header.ext[0] == 1 or moment(held) <= moment(at)):
                held = None
            previous, number = blake3(path.read_bytes()).hexdigest(), number + 1
        return False

    def copied(self, header, path):  # 12
        (first,) = struct.unpack("<I", header.ext)
        need(first <= header.body_len, "sections that do not add up")
        key = object_key(self.key["manifest"], self.id, header)
        document = json.loads(open_frames(key, COPIED, header.body[:first]))
        manifest = header.body[first:]
        need(document["v"] == 1 and document["of"] != document["sid"], "an unknown version, or a copy of itself")
        need(document["sid"] == path.name and document["source"] == path.parent.name, "a copied point under another's name")
        need(document["manifest"] == blake3(manifest).hexdigest(), "another manifest than its copier says")
        return document["of"], manifest

    def points(self):  # 12
        seen = set()
        for path in sorted((self.folder / "points" / self.domain.hex()).glob("*/*")):
            obj, sid = path.read_bytes(), path.name
            header = Header(obj, MANIFEST, FENCE, COPIED)
            if header.kind == FENCE:
                continue
            if header.kind == COPIED:
                sid, obj = self.copied(header, path)
                header = Header(obj, MANIFEST)
            source = path.parent.name
            if sid in seen or self.is_gone(source, sid) or self.is_gone(source, path.name):
                continue
            seen.add(sid)
            first, second = struct.unpack("<II", header.ext)
            need(first + second == header.body_len, "sections that do not add up")
            sections = []
            for key, sealed in (("manifest", header.body[:first]), ("names", header.body[first:])):
                plain = open_frames(object_key(self.key[key], self.id, header), MANIFEST, sealed)
                sections.append(json.loads(plain))
            structure, names = sections
            need(structure["sid"] == sid and structure["source"] == source, "a point under another's name")
            yield structure, names

    # 9: trees

    def extents(self, reader, packs, count=None):
        out = []
        while not reader.done if count is None else len(out) < count:
            head = reader.varint()
            if head & 1:
                out.append(head >> 1)
                continue
            need(head >> 1 < len(packs), "an unknown pack")
            block, first, number = reader.varint(), reader.varint(), reader.varint()
            need(number >= 1, "an empty run")
            out.append((packs[head >> 1], block, first, number))
        return out

    def piece(self, raw):
        reader = Reader(raw)
        need(reader.u8() == 1, "a piece of an unknown version")
        return reader, [reader.take(16) for _ in range(reader.varint())]

    def runs(self, extents, uses):
        for extent in extents:
            if isinstance(extent, int):
                yield None, extent
                continue
            pack, block, first, number = extent
            for chunk in range(first, first + number):
                uses[pack, block, chunk] = uses.get((pack, block, chunk), 0) + 1
                yield self.chunk(pack, block, chunk), None

    def content(self, reader, packs, uses):
        """A list of bytes and holes."""
        form = reader.u8()
        need(form <= 3, "an unknown form of content")
        if form == 0:
            return []
        if form == 1:
            return [reader.bytes()]
        extents = self.extents(reader, packs, reader.varint())
        if form == 3:
            whole = []
            for raw, _ in self.runs(extents, uses):
                whole += self.extents(*self.piece(raw))
            extents = whole
        return [raw if raw is not None else hole for raw, hole in self.runs(extents, uses)]

    def records(self, raw, uses):
        reader, packs = self.piece(raw)
        mtime = inode = 0
        while not reader.done:
            body = Reader(reader.bytes())
            record = {"kind": body.u8(), "name": body.bytes(), "mode": body.varint(), "uid": body.varint(), "gid": body.varint()}
            need(record["kind"] in KINDS, "an unknown kind of entry")
            mtime += body.zigzag()
            record["mtime"], record["mtime_nanos"] = mtime, body.varint()
            body.zigzag(), body.varint()
            inode += body.zigzag()
            record["size"] = body.varint()
            record["content"] = self.content(body, packs, uses) if record["kind"] in (1, 2) else []
            record["tags"], last = {}, 0
            while not body.done:
                tag = body.varint()
                need(tag > last, "tags out of order")
                record["tags"][tag], last = body.bytes(), tag
            yield record

    def directory(self, record, uses):
        last = b""
        for raw in record["content"]:
            for entry in self.records(raw, uses):
                name = entry["name"]
                need(last < name and len(name) < 256 and b"/" not in name and name not in (b".", b".."), "a bad name")
                last = name
                yield entry

    def root(self, names, uses):
        at = names["tree"]
        address = (bytes.fromhex(at["pack"]), at["block"], at["chunk"])
        uses[address] = uses.get(address, 0) + 1
        (root,) = self.records(self.chunk(*address), uses)
        need(root["kind"] == 2 and root["name"] == b"", "a root that is none")
        return root

    def reference_list(self, structure):  # 10
        uses = {}
        for at in structure["list"]:
            reader, first = Reader(self.chunk(bytes.fromhex(at["pack"]), at["block"], at["chunk"])), True
            need(reader.u8() == 1, "a list piece of an unknown version")
            while not reader.done:
                pack, ordinal = reader.take(16), -1
                need(not first or pack.hex() == at["first"], "a list piece that begins otherwise")
                first = False
                for _ in range(reader.varint()):
                    head = reader.varint()
                    ordinal += (head >> 1) + 1
                    bitmap = reader.bytes()
                    for chunk in range(len(bitmap) * 8):
                        if bitmap[chunk >> 3] >> (chunk & 7) & 1:
                            uses[pack, ordinal, chunk] = reader.varint() if head & 1 else 1
        return uses


def walk(vault, record, path, uses):
    """Every entry with its path, parents first."""
    yield path, record
    if record["kind"] == 2:
        for entry in vault.directory(record, uses):
            yield from walk(vault, entry, path + b"/" + entry["name"], uses)


def restore(vault, sid, target):
    for structure, names in vault.points():
        if structure["sid"] != sid:
            continue
        links, directories = {}, []
        for path, record in walk(vault, vault.root(names, {}), b"", {}):
            place, kind, tags = os.fsencode(target) + path, record["kind"], record["tags"]
            if 3 in tags and tags[3] in links:
                os.link(links[tags[3]], place)
                continue
            if kind == 1:
                with open(place, "xb") as file:
                    for part in record["content"]:
                        file.seek(part, os.SEEK_CUR) if isinstance(part, int) else file.write(part)
                    file.truncate(record["size"])
            elif kind == 2:
                os.makedirs(place, exist_ok=not path)
                directories.append((place, record))
                continue
            elif kind == 3:
                os.symlink(tags[1], place)
            elif kind == 4:
                os.mkfifo(place)
            else:
                print(f"left out: {KINDS[kind]} {path!r}", file=sys.stderr)
                continue
            if 3 in tags:
                links[tags[3]] = place
            attributes(place, record)
        for place, record in reversed(directories):
            attributes(place, record)
        return
    raise SystemExit(f"there is no point {sid}")


def attributes(place, record):
    reader = Reader(record["tags"].get(4, b""))
    while not reader.done:
        name, value = reader.bytes(), reader.bytes()
        try:
            os.setxattr(place, name, value, follow_symlinks=False)
        except OSError as error:
            print(f"attribute {name!r} of {place!r}: {error}", file=sys.stderr)
    if os.geteuid() == 0:
        os.chown(place, record["uid"], record["gid"], follow_symlinks=False)
    if record["kind"] != 3:
        os.chmod(place, record["mode"])
    nanos = record["mtime"] * 10**9 + record["mtime_nanos"]
    os.utime(place, ns=(nanos, nanos), follow_symlinks=False)


def check(vault):
    need(not vault.damaged, "; ".join(vault.damaged))
    for pack, blocks in vault.tables.items():
        for position in range(len(blocks)):
            vault.open_block(pack, position)
    for path in (vault.folder / "index" / vault.domain.hex()).glob("0/*"):  # 11
        header = Header(path.read_bytes(), SEGMENT)
        reader = Reader(open_frames(object_key(vault.key["table of contents"], vault.id, header), SEGMENT, header.body))
        need(reader.u8() == 1, "a segment of an unknown version")
        packs = []
        for _ in range(reader.varint()):
            packs.append(reader.take(16))
            reader.u8(), reader.varint(), reader.varint(), reader.varint(), reader.take(32)
            for _ in range(reader.varint()):
                name, position = (reader.take(16), reader.uint(2)), reader.uint(2)
                blocks = vault.tables.get(packs[-1])  # a segment may name packs that were swept
                need(blocks is None or blocks[position][:2] == name, "a moved block that is elsewhere")
        prefix = 0
        for _ in range(reader.varint()):
            prefix += reader.varint()
            pack, block, chunk = packs[reader.varint()], reader.varint(), reader.varint()
            if pack in vault.tables:
                chunk_id, _ = vault.tables[pack][block][7][chunk]
                need(chunk_id[:8] == prefix.to_bytes(8, "big"), "an index entry that points elsewhere")
        need(reader.done, "bytes behind a segment")
    for structure, names in vault.points():
        uses = {}
        for _, record in walk(vault, vault.root(names, uses), b"", uses):
            if record["kind"] == 1:
                size = sum(part if isinstance(part, int) else len(part) for part in record["content"])
                need(size == record["size"], "a file of the wrong size")
        need(uses == vault.reference_list(structure), "a reference list that counts differently from the tree")


def main(args):
    folder, passphrase_file, command, *rest = args
    try:
        vault = Vault(folder, Path(passphrase_file).read_text(encoding="utf-8")).load()
        if command == "points":
            for structure, names in vault.points():
                count = structure["stats"]["files_count"]
                print(json.dumps({"sid": structure["sid"], "source": names["source"], "files_count": count}))
        elif command == "restore":
            restore(vault, *rest)
        elif command == "check":
            check(vault)
        else:
            raise SystemExit(f"unknown command {command}")
    except WrongKey:
        print("wrong passphrase", file=sys.stderr)
        return 5
    except Damaged as error:
        print(f"damaged: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
