//! All that can go wrong, each with a name that does not change, its exit code, what it means and what to do about it.
//! `docs/errors.md` is made from this table.

use super::Code;

/// One kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in documents: lower-case words joined by hyphens.
    pub(crate) id: &'static str,
    pub(crate) code: Code,
    /// What it means.
    pub(crate) cause: &'static str,
    /// The next step.
    pub(crate) help: &'static str,
}

macro_rules! problems {
    ($($name:ident $id:literal $code:ident $cause:literal $help:literal)*) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Problem { $($name),* }

        impl Problem {
            /// All of them, in the order of the page.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(crate) fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry { id: $id, code: Code::$code, cause: $cause, help: $help }),*
                }
            }
        }
    };
}

problems! {
    Failed "failed" Failed
        "something else failed; message and causes tell what"
        "run `strongroom-agent check` to see what is wrong here"
    Usage "usage" Usage
        "flags, names or paths that the command was given cannot be used"
        "`--help` tells more"
    Cancelled "cancelled" Cancelled
        "somebody has stopped the command"
        "run the same command again when you like: what was uploaded is reused"
    Warnings "warnings" Warnings
        "the command is done, but some entries were skipped; the result names them"
        "look at the skipped entries and their reasons"

    NoVaultConfigured "no-vault-configured" Usage
        "no flag, variable or file says where the vault is"
        "name it with --vault URL or STRONGROOM_VAULT, or run `strongroom-agent backup PATH` to make one here"
    NoVault "no-vault" Vault
        "there is no vault at the place: it is misspelled, or not mounted"
        "check --vault and that its place is mounted; `strongroom-agent vault init` makes a new vault"
    VaultExchanged "vault-exchanged" Vault
        "another vault stands where this machine's was: something else is mounted there"
        "mount the right place; if the change is meant, remove vault.json from the state directory and run \
         `strongroom-agent vault attach --vault URL`"
    VaultExists "vault-exists" Usage
        "a vault stands at the place already"
        "use it as it is: `strongroom-agent vault attach`; or choose another place"
    OtherVault "other-vault" Vault
        "another vault stands where a copy of this one is looked for"
        "name an empty place, or one that was made by `strongroom-agent copy` of this very vault"
    VaultLocation "vault-location" Usage
        "the URL of the vault is not understood"
        "give a path like /mnt/disk/vault, or s3://bucket/path, az://container/path or gs://bucket/path"
    VaultAway "vault-away" Vault
        "the place of the vault cannot be reached"
        "check that the place of the vault is mounted and can be reached, then run it again"
    VaultSlow "vault-slow" Vault
        "the place of the vault does not answer in time"
        "check the connection to the vault's place, then run it again"
    VaultFull "vault-full" Failed
        "there is no room left where the vault is"
        "free some space where the vault is, then run it again: what was uploaded is reused"
    VaultAccessDenied "vault-access-denied" Vault
        "this user may not read or write where the vault is"
        "run as a user who may write where the vault is"
    VaultReadOnlyDisk "vault-read-only-disk" Vault
        "the file system of the vault is mounted read-only"
        "mount the place of the vault for writing"
    VaultReadOnly "vault-read-only" Vault
        "the vault has a feature of a newer program: it can be read only"
        "restore from it as you like; to write, install the newer version that made it, or a later one"
    VaultNewer "vault-newer" Vault
        "the vault was written by a newer program"
        "the vault was written by a newer version: install that version or a later one"
    StoreUnfit "store-unfit" Vault
        "the store overwrites, or loses what it has acknowledged: no vault is safe there"
        "choose a place that keeps what it is given and never overwrites, such as a local disk or S3 itself"
    PlaceAway "place-away" Vault
        "a place of a mirrored vault is needed and away"
        "bring that place back, then run it again: what was uploaded is reused; \
         restores work from any place: name another with --vault"
    GenerationSuperseded "generation-superseded" Vault
        "another place of the vault decides now: this run belongs to the time before"
        "run it again while all places of the vault can be reached; if a failover was cut, or a place was being added, \
         finish it first with the same `strongroom-agent vault failover` or `vault place add`"

    ProxyDenied "proxy-denied" Vault
        "the proxy wants a user and a password, and does not accept the ones that it was given"
        "check user and password of the proxy: --proxy http://user@host:port with --proxy-password-file FILE or \
         STRONGROOM_PROXY_PASSWORD"
    ProxyAway "proxy-away" Vault
        "the proxy cannot be reached, or does not let this machine through to the vault's place"
        "check host, port, user and password of --proxy, and that the proxy permits the vault's place; \
         `strongroom-agent check` tries with and without it"
    StoreBusy "store-busy" Vault
        "the store has too much to do, or is out of order for a while"
        "wait until the store is in order, then run it again: what was uploaded is reused"
    StoreCredentialExpired "store-credential-expired" Vault
        "the credential of the cloud was good and is no longer"
        "renew the credential (AWS_SESSION_TOKEN, AZURE_STORAGE_SAS_TOKEN or where it comes from), then run it \
         again: what was uploaded is reused"
    StoreCredentialWrong "store-credential-wrong" Vault
        "the cloud does not know the credential"
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for Azure AZURE_STORAGE_ACCOUNT_NAME and \
         AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; for Google GOOGLE_APPLICATION_CREDENTIALS"
    StoreCredentialMissing "store-credential-missing" Vault
        "no credential of the cloud is set"
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for Azure AZURE_STORAGE_ACCOUNT_KEY or \
         AZURE_STORAGE_SAS_TOKEN; for Google GOOGLE_APPLICATION_CREDENTIALS"
    StoreAccessDenied "store-access-denied" Vault
        "the credential of the cloud does not permit it"
        "let this credential list, read and create objects there: it needs no more to back up and restore"
    NoBucket "no-bucket" Vault
        "the bucket or container does not exist"
        "check how the bucket or container of --vault is spelled and make it first; it lies where AWS_ENDPOINT_URL, \
         AWS_REGION or AZURE_STORAGE_ACCOUNT_NAME say"
    StoreRegion "store-region" Vault
        "the bucket is in another region"
        "set AWS_REGION to the region of the bucket"
    ClockSkew "clock-skew" Vault
        "the clock of this machine is wrong: the store does not accept what is signed at another time"
        "set the clock of this machine: the store refuses what is signed at another time"
    StoreUnsupported "store-unsupported" Vault
        "the store lacks an operation that a vault needs"
        "choose a store that has conditional writes (If-None-Match), such as S3 itself"

    CredentialUnreadable "credential-unreadable" Usage
        "the file of --credentials cannot be read"
        "give --credentials a file that this user may read"
    CredentialNone "credential-none" Usage
        "the file is no vault credential"
        "give --credentials the file that `strongroom-agent vault credential issue` has written"
    CredentialIncomplete "credential-incomplete" Usage
        "the vault credential is cut short: it was not copied as a whole"
        "copy the whole file again, its last line is the signature; or get a new one"
    CredentialEdited "credential-edited" Usage
        "the vault credential is not as it was signed: edited, or damaged on its way"
        "copy the file again as it is, without opening and saving it; or get a new one"
    CredentialNewer "credential-newer" Usage
        "the vault credential was made by a newer program"
        "install the version that has made it, or a later one"
    CredentialNotYetValid "credential-not-yet-valid" Vault
        "by the clock here, the vault credential was issued in the future: one of the two clocks is wrong"
        "set the clock of this machine (timedatectl set-ntp true), or that of the machine that has issued it"
    CredentialExpired "credential-expired" Vault
        "the time of the vault credential is over, or the clock here is ahead"
        "get the newest one: `strongroom-agent vault credential issue`; if it is new, set the clock of this machine"
    CredentialOtherVault "credential-other-vault" Vault
        "the vault credential is for another vault than the one at the place, or than that of this machine"
        "get the newest vault credential of this very vault; to change vaults, register with --switch"
    CredentialForeign "credential-foreign" Vault
        "nobody who may sign for the vault has signed the vault credential"
        "get one from the owner of this vault, and ask where this one came from"
    CredentialSuperseded "credential-superseded" Vault
        "a newer vault credential was issued: only the newest counts"
        "use the newest file, or get a new one: `strongroom-agent vault credential issue`"
    CredentialWithdrawn "credential-withdrawn" Vault
        "the owner has withdrawn all vault credentials up to this one"
        "ask the owner for a new one"
    CredentialNotIssued "credential-not-issued" Vault
        "the vault does not know of this vault credential: it is a second copy, or was set back"
        "name the place where it was issued with --vault, or issue one at this place"

    WrongPassphrase "wrong-passphrase" Key
        "the passphrase or credential opens no key slot of the vault"
        "give the passphrase with --passphrase-file; a generated one stands in the recovery kit"
    PassphraseNeeded "passphrase-needed" Key
        "no passphrase is given, and the machine has no credential that does without"
        "give it with --passphrase-file FILE or --passphrase-command CMD; \
         `strongroom-agent vault attach` makes a credential for this machine"
    LocalCredentialDamaged "local-credential-damaged" Key
        "the credential in the state directory cannot be read"
        "make a new credential: `strongroom-agent vault attach`"
    LocalCredentialRemoved "local-credential-removed" Key
        "the vault does not know this machine's credential: somebody has removed its key slot"
        "give it with --passphrase-file FILE or --passphrase-command CMD; \
         `strongroom-agent vault attach` makes a credential for this machine"
    PassphraseUnusable "passphrase-unusable" Usage
        "the new passphrase is too short or no text"
        "use a longer one: four or five random words are good"
    PassphraseSource "passphrase-source" Usage
        "the file or command of the passphrase cannot be read or run"
        "give --passphrase-file a file that this user may read, or a --passphrase-command that prints it and ends with 0"
    NotPermitted "not-permitted" Vault
        "the key that the vault was opened with does not permit it"
        "give the owner's passphrase with --passphrase-file"
    PinNeeded "pin-needed" Vault
        "the owner has turned on that this asks for a security PIN"
        "make one where its secret is kept, with `strongroom-agent vault security make-pin`, and give it with --pin"
    PinWrong "pin-wrong" Vault
        "the security PIN was mistyped, made for another operation, or with another secret"
        "make one for this very operation: `strongroom-agent vault security make-pin --operation NAME`"
    PinExpired "pin-expired" Vault
        "the security PIN was made more than five minutes ago, or one of the two clocks is wrong"
        "make a new one and give it within five minutes; set the clocks of both machines"
    PinUsed "pin-used" Vault
        "the security PIN has been used: each is good once"
        "make a new one: `strongroom-agent vault security make-pin`"
    PinSecret "pin-secret" Usage
        "the file is no secret of security PINs"
        "give --secret-file the file that `strongroom-agent vault security pin-on` has written"
    LastOwner "last-owner" Usage
        "the last passphrase of the vault's owner must stay"
        "add another passphrase first: `strongroom-agent vault key add`"

    Damaged "damaged" Damage
        "something in the vault is damaged or missing"
        "run `strongroom-agent verify --read-data` to learn which points are hurt; older ones may be whole"
    ReadBack "read-back" Damage
        "a restored file reads back differently from what was written: the disk or the memory is bad"
        "check the disk and the memory of this machine, then restore to another disk"

    ConfigurationFile "configuration-file" Usage
        "the configuration file cannot be read, or has a wrong line"
        "mend the file; `docs/guide` and the message name what may stand there"
    StateUnusable "state-unusable" Usage
        "a file of the state or cache directory cannot be used"
        "mend this, or choose another place with --state-dir"
    StateAccessDenied "state-access-denied" Usage
        "this user may not read or write the state or cache directory"
        "run as the user who owns it, or choose another place with --state-dir"
    StateFull "state-full" Usage
        "the disk of the state or cache directory is full"
        "free some space there and run the command again"
    StateDamaged "state-damaged" Usage
        "a file of the state directory does not parse: it was damaged or moved from elsewhere"
        "remove the file that the message names; nothing in the vault depends on it"
    CatalogUnusable "catalog-unusable" Failed
        "jobs and alerts cannot be written down"
        "look at the state directory: whether it is writable, and whether its disk is full"
    OpenFiles "open-files" Failed
        "this process may not open more files"
        "raise the hard limit of open files (ulimit -Hn; LimitNOFILE= in a systemd unit), then run it again"
    Memory "threads" Failed
        "no thread can be started: memory or the limit of threads is used up"
        "free some memory or raise the limit of threads (ulimit -u), then run it again"

    JobRuns "job-runs" Busy
        "another job of the same source is running"
        "wait until it has ended, then run it again"
    SourceTakenOver "source-taken-over" Busy
        "another run of the same source has taken over while this one was at work"
        "wait until the other run of this source has ended, then run it again"
    DaemonRuns "daemon-runs" Busy
        "a daemon runs with this state directory already"
        "use that one, or stop it first"
    NoDaemon "no-daemon" Failed
        "no daemon runs"
        "start it: `strongroom-agent daemon`"
    DaemonRefuses "daemon-refuses" Failed
        "the daemon does not do what it was asked to"
        "look at what the daemon says"
    CatalogBusy "catalog-busy" Busy
        "another process writes down jobs and alerts at this moment"
        "try again in a moment"
    NoSuchJob "no-such-job" Usage
        "there is no such job or alert"
        "run `strongroom-agent jobs` or `alerts --all` to see which there are"
    CatalogNewer "catalog-newer" Failed
        "the catalog was written by a newer program"
        "update this program"
    NothingToDo "nothing-to-do" Failed
        "the job or alert is over already"
        "there is nothing to do any more"

    SourceGone "source-gone" Failed
        "none of the paths can be reached: they are misspelled, not mounted, or not permitted"
        "check how the paths are spelled and that this user may read them"
    TooManyRoots "too-many-roots" Usage
        "more paths are named than a recovery point can hold"
        "name the directory that holds them, and leave out what is not wanted with --exclude"
    NotAbsolute "not-absolute" Usage
        "a path does not begin at the root"
        "give the path from the root: /home/me/documents"
    Pattern "pattern" Usage
        "a pattern cannot be understood"
        "write patterns like *.tmp, cache/ or /home/*/Downloads; quote them from the shell"
    AccessDenied "access-denied" Failed
        "this user may not read or write a file"
        "run as a user who may do that, or as root"
    DiskFull "disk-full" Failed
        "a disk of this machine is full"
        "free some space there and run it again"
    ReadOnlyDisk "read-only-disk" Failed
        "a file system is mounted read-only"
        "mount it for writing, or choose another place"
    NoSuchFile "no-such-file" Failed
        "a file is not there"
        "check how the path is spelled"
    CorruptFile "corrupt-file" Failed
        "a disk of this machine cannot give back what it holds"
        "check the file system and the disk (dmesg, fsck, smartctl), then run it again"
    HookFailed "hook-failed" Failed
        "a command before or after the backup failed, or took too long"
        "run the command by hand; it is named in [hooks] of the policy"

    NoSuchPoint "no-such-point" Failed
        "no recovery point is called so"
        "run `strongroom-agent points` to see which recovery points there are"
    AmbiguousPoint "ambiguous-point" Usage
        "more than one recovery point is meant"
        "give more characters of the id, as `strongroom-agent points` shows it"
    NoSuchPath "no-such-path" Failed
        "the recovery point does not hold the path"
        "run `strongroom-agent ls POINT --recursive`, or `find`, to see what there is"
    WrongKind "wrong-kind" Failed
        "the path is a directory where a file is needed, or the reverse"
        "run `strongroom-agent ls POINT PATH` to see what it is"
    TargetNotDirectory "target-not-directory" Usage
        "the target of a restore is no directory"
        "give --target a directory, or a path that does not exist yet"
    Protected "protected" Usage
        "the target is or holds the vault in use, or the state of this machine"
        "choose another target, or leave it as it is: backups depend on what is there"
    Held "held" Failed
        "the recovery point is held"
        "release it first: `strongroom-agent hold POINT --release`"
    LastPoint "last-point" Failed
        "the recovery point is the last of its source that can be restored"
        "make a newer recovery point of the source first, or delete it softly, without --now"
    ClockBrake "clock-brake" Failed
        "nothing is deleted for ever by a clock that does not seem right"
        "set the clock right, or, if it is, run `strongroom-agent sweep --yes`; nothing was deleted"
    ExpiryBrake "expiry-brake" Failed
        "much would expire at once, or by a clock that does not seem right"
        "look at `strongroom-agent expire --dry-run`; if it is meant, run this again with --yes"
    NoPolicy "no-policy" Usage
        "this machine has no policy"
        "write one and run `strongroom-agent policy set FILE`"
    PolicyWrong "policy-wrong" Usage
        "the policy breaks rules; the message names the first, with its line"
        "mend the policy and try `strongroom-agent policy check FILE`"

    MountDirectory "mount-directory" Usage
        "the directory to mount at is not there"
        "make it first: mkdir DIR"
    MountNotEmpty "mount-not-empty" Usage
        "the directory to mount at holds something"
        "name an empty directory: what it holds would be hidden"
    MountDead "mount-dead" Failed
        "a mount whose program has died stands there"
        "take the dead mount away with `fusermount3 -uz DIR`, or `umount --lazy DIR` as root, then try again"
    NoFuse "no-fuse" Failed
        "the system has no FUSE, or does not permit it"
        "load the module (modprobe fuse); in a container, give it /dev/fuse and the right to mount; or use restore"
    NoFuseHelper "no-fuse-helper" Failed
        "the program that mounts for ordinary users is not installed"
        "install it (Debian: apt install fuse3), or run as root"
    MountFailed "mount-failed" Failed
        "the kernel does not mount"
        "see the cause; files come back without a mount, too: restore"

    NoSeedDisk "no-seed-disk" Usage
        "no disk of a seed is named"
        "name the directory of each disk"
    NoSeedLabel "no-seed-label" Usage
        "the directory is no disk of a seed"
        "name the directory in which strongroom-seed.json lies, or mount the disk"
    SeedOtherVault "seed-other-vault" Usage
        "the seed was made for another vault"
        "name the vault that the seed was made for with --vault; for a new seed, take other directories"
    SeedDisks "seed-disks" Usage
        "disks of several seeds are mixed, one is named twice, or one is missing"
        "attach all disks of one seed, and name the directory of each once"
    SeedUnfinished "seed-unfinished" Usage
        "the export of the seed has not ended, or newer points have been made since"
        "run `strongroom-agent seed export` again where the data is, with all disks of the seed"
    SeedDamaged "seed-damaged" Damage
        "a disk of the seed is damaged"
        "nothing was brought in; export again onto the same disks if they are good, else onto others"
    SeedImported "seed-imported" Failed
        "the seed was brought in already"
        "there is nothing to do: back up as usual"
    SeedUnusable "seed-unusable" Usage
        "the disks are no seed for this vault"
        "run `strongroom-agent check` to see what is wrong here"
}

impl Problem {
    /// What stands for an exit code where nothing more is known.
    pub(super) fn general(code: Code) -> Self {
        match code {
            Code::Done | Code::Failed => Self::Failed,
            Code::Usage => Self::Usage,
            Code::Warnings => Self::Warnings,
            Code::Damage => Self::Damaged,
            Code::Key => Self::WrongPassphrase,
            Code::Vault => Self::VaultAway,
            Code::Busy => Self::JobRuns,
            Code::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write;

    use super::*;

    const HEAD: &str = "# Errors

Every failure of `strongroom-agent` has a code that does not change. With `--json` it stands in `error.id` beside the
number of the exit code, `error.code`; for people it is the last line, `code:`. This page is made from the program
(`examples/agent/src/fail/catalogue.rs`); a test compares them.

| code | exit | what it means | what to do |
|---|---|---|---|
";

    fn page() -> String {
        let mut page = HEAD.to_owned();
        for problem in Problem::ALL {
            let Entry {
                id,
                code,
                cause,
                help,
            } = problem.entry();
            writeln!(page, "| `{id}` | {} | {cause} | {help} |", code as u8).unwrap();
        }
        page
    }

    fn path() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md")
    }

    #[test]
    fn the_page_is_as_the_program_is() {
        let written = std::fs::read_to_string(path()).unwrap();
        assert!(
            written == page(),
            "run `cargo test -p strongroom-agent make_errors_page -- --ignored`"
        );
    }

    /// Writes the page. Run after a change of the table.
    #[test]
    #[ignore = "writes docs/errors.md"]
    fn make_errors_page() {
        std::fs::write(path(), page()).unwrap();
    }

    #[test]
    fn names_are_unique_and_texts_are_whole() {
        let mut ids = HashSet::new();
        for problem in Problem::ALL {
            let entry = problem.entry();
            assert!(ids.insert(entry.id), "{}", entry.id);
            let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(entry.id.chars().all(is_name), "{}", entry.id);
            assert!(
                entry.cause.len() > 10 && entry.help.len() > 10,
                "{}",
                entry.id
            );
            assert!(!entry.cause.contains('|') && !entry.help.contains('|'));
        }
    }
}
