//! Damage is noted, avoided and healed: what is still at its source is stored anew, and old points get it back.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::{Credential, Role, SlotSecret};
use strongroom::vault::InitOptions;
use strongroom::vault::format::{ChunkAddress, PackId, SessionId};
use strongroom::{
    BackupOptions, BackupReport, NoMonitor, Strongroom, VerifyLevel, VerifyOptions, VerifyReport,
};

use crate::support::{passphrase, random_bytes, restore_point, snapshot};

pub(crate) type Tree = BTreeMap<PathBuf, String>;

/// A vault of small packs in memory, and a source of twelve files.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) vault: Strongroom,
    pub(crate) points: Vec<(SessionId, Tree)>,
    /// Opens the vault as its owner without the cost of a passphrase.
    owner: Credential,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 512 << 10;
        options.block_bytes = 128 << 10;
        let vault = Strongroom::init_store(Arc::clone(&store), passphrase(), &options);
        let vault = vault.expect("a new vault");
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let owner = vault.vault().add_credential(Role::Owner, "test", epoch);
        let place = Self {
            dir,
            store,
            owner: vault.wait(owner).expect("a slot"),
            vault,
            points: Vec::new(),
        };
        fs::create_dir_all(place.home().join("sub")).expect("made");
        for number in 0..12 {
            place.write(number, number);
        }
        place
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn write(&self, number: u64, seed: u64) {
        let bytes = random_bytes(seed, 120_000);
        fs::write(self.home().join(format!("sub/{number:02}")), bytes).expect("written");
    }

    pub(crate) fn back_up(&mut self) -> BackupReport {
        let options = BackupOptions::new("test", vec![self.home()]);
        let report = self.vault.backup(&options, &NoMonitor).expect("a backup");
        let point = report.recovery_point.expect("a point");
        self.points.push((point, snapshot(&self.home())));
        report
    }

    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let listed = self.vault.wait(self.vault.vault().store().list(prefix));
        let listed = listed.expect("listed").into_iter();
        let mut names: Vec<String> = listed.map(|line| line.name).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let read = self
            .vault
            .wait(self.vault.vault().store().read(name, 1 << 30));
        read.expect("there").to_vec()
    }

    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let name = object_store::path::Path::from(name);
        let put = self.store.put(&name, bytes.into());
        self.vault.wait(put).expect("written");
    }

    pub(crate) fn remove(&self, name: &str) {
        let delete = self.vault.vault().store().delete(name);
        self.vault.wait(delete).expect("deleted");
    }

    /// Flips one bit so many bytes from the end of an object.
    pub(crate) fn hurt(&self, name: &str, from_end: usize) {
        let mut bytes = self.read(name);
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        self.put(name, bytes);
    }

    /// Another handle, whose caches are empty.
    pub(crate) fn reopened(&self) -> Strongroom {
        let secret = SlotSecret::Credential(&self.owner);
        Strongroom::open_store(Arc::clone(&self.store), secret).expect("opened")
    }

    pub(crate) fn credential(&self, role: Role) -> Credential {
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let added = self.vault.vault().add_credential(role, "test", epoch);
        self.vault.wait(added).expect("a slot")
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        verify(&self.reopened())
    }

    /// Whether a point comes back as it was.
    pub(crate) fn is_whole(&self, number: usize) -> bool {
        let (point, tree) = &self.points[number];
        let out = tempfile::tempdir().expect("a directory");
        let report = restore_point(&self.reopened(), point, &out.path().join("out"));
        let found = snapshot(&out.path().join("out"));
        let is_equal = found == *tree;
        assert!(
            is_equal || report.damaged_count > 0,
            "what comes back wrong is told"
        );
        is_equal
    }

    /// The data pack with the most bytes.
    pub(crate) fn largest_pack(&self) -> String {
        let packs = self.names("d").into_iter();
        packs
            .max_by_key(|name| self.read(name).len())
            .expect("a pack")
    }
}

pub(crate) fn verify(vault: &Strongroom) -> VerifyReport {
    let mut options = VerifyOptions::default();
    options.level = VerifyLevel::Data;
    vault.verify(&options, &NoMonitor).expect("verified")
}

#[test]
fn a_damaged_block_is_named_noted_and_stored_anew() {
    let mut place = Place::new();
    place.back_up();
    place.write(3, 100);
    place.back_up();
    let pack = place.largest_pack();
    let len = place.read(&pack).len();
    place.hurt(&pack, len / 2);
    let report = place.verify();
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    let damage = &report.damaged[0];
    assert_eq!(damage.object, pack);
    assert!(damage.reason.starts_with("block "), "{}", damage.reason);
    assert!(!damage.points.is_empty());
    assert!(report.is_noted);
    assert_eq!(place.names("notice").len(), 1);
    let again = place.verify();
    assert!(!again.is_noted, "old news");
    assert_eq!(again.damaged.len(), 1, "points are still hurt");
    assert_eq!(place.names("notice").len(), 1);
    assert!(!place.is_whole(0));
    let stored = place.back_up();
    let hurt_most = 2 * (128 << 10) + 120_000;
    assert!(
        stored.unique_bytes > 0 && stored.unique_bytes <= hurt_most,
        "what the block held is stored anew, not all: {}",
        stored.unique_bytes
    );
    assert!(
        place.is_whole(2),
        "the new point keeps away from the damage"
    );
    assert_eq!(place.back_up().unique_bytes, 0, "once is enough");
}

#[test]
fn only_who_may_sign_notes_anything() {
    let mut place = Place::new();
    place.back_up();
    let pack = place.largest_pack();
    place.hurt(&pack, 70_000);
    let credential = place.credential(Role::Agent);
    let secret = SlotSecret::Credential(&credential);
    let agent = Strongroom::open_store(Arc::clone(&place.store), secret).expect("opened");
    let report = verify(&agent);
    assert_eq!((report.damaged.len(), report.is_noted), (1, false));
    assert_eq!(place.names("notice"), Vec::<String>::new());
    // A notice that it writes itself is void: nobody stores anything anew for it.
    assert!(verify(&place.reopened()).is_noted);
    let genuine = place.names("notice").remove(0);
    let bytes = place.read(&genuine);
    place.remove(&genuine);
    let (front, _) = genuine.rsplit_once('/').expect("a path");
    place.put(&format!("{front}/{}", "ab".repeat(16)), bytes);
    assert_eq!(place.back_up().unique_bytes, 0);
}

/// Signed objects under names that nobody has signed them for, as any agent could put there: they are void, and stop
/// neither backups nor sweeps.
#[test]
fn what_nobody_may_sign_stops_nobody() {
    let mut place = Place::new();
    place.back_up();
    for number in 0..12 {
        place.write(number, 700 + number);
    }
    place.back_up();
    let options = strongroom::vault::SweepOptions::default();
    place
        .vault
        .delete_now(&place.points[0].0, "")
        .expect("purged");
    place.vault.sweep(&options).expect("a sweep");
    let at = |block| ChunkAddress {
        pack: PackId::from_bytes([1; 16]),
        block,
        chunk: 0,
    };
    let moved = [(at(0), at(1))];
    let remap = place.vault.vault().remap(&moved);
    place.vault.wait(remap).expect("a remap");
    let mark = place
        .names("gc")
        .into_iter()
        .find(|name| name.ends_with(".mark"));
    let remap = place.names("remap").remove(0);
    let mark = mark.expect("a mark");
    let (front, _) = remap.rsplit_once('/').expect("a path");
    place.put(&format!("{front}/{}", "ab".repeat(16)), place.read(&remap));
    let (front, _) = mark.rsplit_once('/').expect("a path");
    place.put(&format!("{front}/0000000009.mark"), place.read(&mark));
    place.write(1, 990);
    place.back_up();
    assert!(place.is_whole(1) && place.is_whole(2));
    place.reopened().sweep(&options).expect("a sweep");
}

#[test]
fn a_maintenance_host_finds_damage_without_reading_content() {
    let mut place = Place::new();
    place.back_up();
    let credential = place.credential(Role::Maintenance);
    let secret = SlotSecret::Credential(&credential);
    let host = || Strongroom::open_store(Arc::clone(&place.store), secret).expect("opened");
    let mut options = VerifyOptions::default();
    options.level = VerifyLevel::Hashes;
    let report = host().verify(&options, &NoMonitor).expect("verified");
    assert_eq!((report.damaged.len(), report.points_count), (0, 1));
    assert!(report.verified_bytes > 1_000_000);
    let pack = place.largest_pack();
    place.hurt(&pack, 70_000);
    let report = host().verify(&options, &NoMonitor).expect("verified");
    assert_eq!(report.damaged[0].object, pack);
    // Which bytes are wrong it cannot tell, and an index can lie: nobody is made to store anything anew.
    assert!(!report.is_noted);
    options.level = VerifyLevel::Data;
    assert!(host().verify(&options, &NoMonitor).is_err());
}

#[test]
fn what_was_read_lately_is_left_and_the_oldest_is_first() {
    let mut place = Place::new();
    place.back_up();
    let mut options = VerifyOptions::default();
    options.level = VerifyLevel::Data;
    options.budget = Some(strongroom::VerifyBudget::Bytes(700_000));
    let first = place.vault.verify(&options, &NoMonitor).expect("verified");
    assert!(!first.verified.is_empty() && first.packs_left_count > 0);
    options.verified.clone_from(&first.verified);
    let second = place.vault.verify(&options, &NoMonitor).expect("verified");
    assert!(
        second
            .verified
            .keys()
            .all(|pack| !first.verified.contains_key(pack))
    );
    options.budget = None;
    options.max_age = Some(std::time::Duration::from_secs(3600));
    options.verified.extend(second.verified);
    let third = place.vault.verify(&options, &NoMonitor).expect("verified");
    assert_eq!(third.packs_left_count, options.verified.len() as u64);
    options.budget = Some(strongroom::VerifyBudget::Time(std::time::Duration::ZERO));
    options.verified.clear();
    let none = place.vault.verify(&options, &NoMonitor).expect("verified");
    assert_eq!(
        (none.verified_bytes, none.packs_left_count),
        (0, none.packs_count)
    );
}

#[test]
fn an_index_that_lies_about_a_pack_hides_nothing() {
    let mut place = Place::new();
    place.back_up();
    // A segment that gives a pack another length, as any holder of the domain's keys could write.
    use strongroom::vault::format::{ObjectName, Segment, SegmentPack};
    let vault = place.vault.vault();
    let listed = place
        .vault
        .wait(strongroom::vault::PackDirectory::list(vault));
    let entry = listed.expect("listed").packs().next().expect("one").clone();
    let lie = Segment {
        packs: vec![SegmentPack {
            pack_id: entry.pack_id,
            kind: entry.kind,
            object_bytes: entry.object_bytes + 1,
            toc_len: 1,
            block_count: 1,
            blake3: [0; 32],
            moved: Vec::new(),
            writer: None,
        }],
        entries: Vec::new(),
    };
    let key = vault.domain().expect("an owner's").toc();
    let object = lie
        .seal(key, vault.id(), &**vault.entropy())
        .expect("sealed");
    let name = ObjectName::Segment {
        domain: *vault.domain_id(),
        session: SessionId::new(0, [0; 10]),
        number: 0,
    };
    place.put(&name.to_string(), object);
    assert_eq!(place.back_up().unique_bytes, 0);
    assert!(place.verify().damaged.is_empty());
}
