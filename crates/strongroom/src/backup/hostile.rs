//! Trees that no backup makes, as somebody with the keys could: reading them comes to an end, writes nothing beyond what
//! they say, and is damage.

use strongroom_crypto::Passphrase;
use strongroom_vault::InitOptions;
use strongroom_vault::format::SessionId;

use super::packer::BlockWriter;
use super::*;
use crate::NoMonitor;
use crate::fs::{Kind, Meta, Time};
use crate::options::{OnConflict, RestoreOptions, RestoreTarget, VerifyOptions};
use crate::tree::content::push_chunk;
use crate::tree::{Content, Extent, Extras, PieceWriter, Record};

fn record(name: &[u8], kind: Kind, size: u64, content: Content) -> Record {
    let meta = Meta {
        kind,
        mode: 0o700,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mtime: Time::default(),
        ctime: Time::default(),
        btime: None,
        ino: 1,
        dev: 0,
        nlink: 0,
        size,
        blocks: 0,
        rdev: (0, 0),
    };
    Record {
        name: name.to_vec(),
        meta,
        content,
        extras: Extras::default(),
    }
}

fn chunk(at: ChunkAddress) -> Content {
    let mut extents = Vec::new();
    push_chunk(&mut extents, at);
    Content::Extents(extents)
}

fn piece(record: &Record) -> Vec<u8> {
    let mut writer = PieceWriter::default();
    assert!(writer.push(record).is_none());
    writer.finish().expect("a piece")
}

/// A point whose root holds the one record that `make` makes of the address of the root's own piece and that of a chunk
/// of 3000 bytes.
fn forge(make: impl Fn(ChunkAddress, ChunkAddress) -> Record) -> (Strongroom, SessionId) {
    let passphrase = Passphrase::new("correct horse battery staple").expect("long enough");
    let engine = Strongroom::init("memory:", &passphrase, &InitOptions::for_tests()).expect("new");
    let domain = engine.vault().domain().expect("a domain");
    let source = SourceId::from_bytes(domain.source_id("hostile"));
    let (machine, now) = (MachineId::from_bytes([1; 16]), engine.now());
    let begun = engine.wait(Session::begin(engine.vault(), source, machine, now));
    let session = Arc::new(begun.expect("a session"));
    let directory = engine
        .wait(PackDirectory::list(engine.vault()))
        .expect("listed");
    let known = Arc::new(Known::new(engine.clone(), directory));
    let packer = Packer::new(
        engine.clone(),
        Some(Arc::clone(&session)),
        known,
        &NoMonitor,
    );
    let mut data = BlockWriter::new(&packer, BlockType::Data).expect("a writer");
    let id = engine
        .hasher(BlockType::Data)
        .expect("a hasher")
        .id(&[7; 3000]);
    let (content_at, _) = data.store(id, &[7; 3000]).expect("stored");
    data.flush().expect("sealed");
    let mut trees = BlockWriter::new(&packer, BlockType::Tree).expect("a writer");
    let hasher = engine.hasher(BlockType::Tree).expect("a hasher");
    let (first, _) = trees.store(hasher.id(b"first"), b"first").expect("stored");
    let own = ChunkAddress {
        chunk: first.chunk + 1,
        ..first
    };
    let dir = piece(&make(own, content_at));
    assert_eq!(trees.store(hasher.id(&dir), &dir).expect("stored").0, own);
    let root = piece(&record(b"", Kind::Directory, 0, chunk(own)));
    let (root_at, _) = trees.store(hasher.id(&root), &root).expect("stored");
    trees.flush().expect("sealed");
    packer.flush().expect("durable");
    let structure = Structure {
        source,
        sid: session.id(),
        seq: 1,
        pin: session.epoch(),
        machine,
        started_at: now,
        taken_at: now,
        state: "complete".to_owned(),
        ..Structure::for_vault(engine.vault().id(), engine.vault().domain_id())
    };
    let names = Names {
        roots: vec![PathText::from_bytes(b"/")],
        ..Names::with_tree(root_at)
    };
    engine
        .wait(session.commit(structure, names))
        .expect("committed");
    (engine, session.id())
}

/// Restores, lists, prints and verifies; all of them tell of damage, and no file comes out.
fn assert_damaged(make: impl Fn(ChunkAddress, ChunkAddress) -> Record) {
    let (engine, point) = forge(make);
    for on_conflict in [OnConflict::Copy, OnConflict::Overwrite] {
        let out = tempfile::tempdir().expect("a directory");
        std::fs::write(out.path().join("file"), [1; 100_000]).expect("written");
        let mut options = RestoreOptions::new(RestoreTarget::Directory(out.path().to_owned()));
        options.on_conflict = on_conflict;
        let restored = engine
            .restore(&point, &options, &NoMonitor)
            .expect("it ends");
        assert_eq!((restored.damaged_count, restored.files_count), (1, 0));
        let file = std::fs::read(out.path().join("file")).expect("there");
        assert_eq!(file, [1; 100_000]);
    }
    let mut printed = Vec::new();
    let outcome = engine.cat(&point, b"/file", &mut printed);
    assert!(outcome.is_err() && printed.is_empty());
    let verified = engine
        .verify(&VerifyOptions::default(), &NoMonitor)
        .expect("it ends");
    assert!(!verified.damaged.is_empty());
}

#[test]
fn a_directory_that_holds_itself_has_an_end() {
    let make = |own, _| record(b"deeper", Kind::Directory, 0, chunk(own));
    assert_damaged(make);
    let (engine, point) = forge(make);
    let listed = engine.list(&point, None, true, &mut |_| Ok(()));
    assert!(listed.is_err_and(|error| error.is_corruption()));
    let (other, _) = forge(|_, at| record(b"file", Kind::File, 3000, chunk(at)));
    drop(other);
    let found = engine.find(&[point], "*", &mut |_, _| Ok(()));
    assert!(found.is_err_and(|error| error.is_corruption()));
}

#[test]
fn content_that_is_longer_than_its_file_is_not_written() {
    // In place, aside, and inline.
    assert_damaged(|_, at| record(b"file", Kind::File, 2999, chunk(at)));
    assert_damaged(|_, _| record(b"file", Kind::File, 1, Content::Inline(vec![0; 2])));
    let endless = |_, _| {
        let holes = vec![Extent::Hole(1 << 62); 8];
        record(b"file", Kind::File, 1 << 20, Content::Extents(holes))
    };
    assert_damaged(endless);
}

#[test]
fn empty_pieces_are_not_passed_over_for_ever() {
    let holes = |_, _| {
        let holes = vec![Extent::Hole(0); 8];
        record(b"file", Kind::File, 0, Content::Extents(holes))
    };
    assert_damaged(holes);
}
