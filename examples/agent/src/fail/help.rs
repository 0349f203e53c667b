//! What to do about an error of the library.

use std::io::ErrorKind;

use strongroom::vault::format::FormatError;
use strongroom::vault::{Error as VaultError, RefusalKind};
use strongroom::{Error, SeedProblem, crypto};

/// The next step after this error.
pub(super) fn help_of(error: &Error) -> &'static str {
    match error {
        _ if super::is_out_of_files(error) => OPEN_FILES,
        Error::Cancelled => "run the same command again when you like: what was uploaded is reused",
        Error::Vault(error) => vault_help(error),
        Error::Crypto(error) => crypto_help(error),
        Error::File { source, .. } => file_help(source.kind()),
        Error::Runtime(_) => {
            "free some memory or raise the limit of threads (ulimit -u), then run it again"
        }
        Error::NothingToBackUp(_) => {
            "check how the paths are spelled and that this user may read them"
        }
        Error::TooManyRoots => {
            "name the directory that holds them, and leave out what is not wanted with --exclude"
        }
        Error::NotAbsolute(_) => "give the path from the root: /home/me/documents",
        Error::Pattern { .. } => {
            "write patterns like *.tmp, cache/ or /home/*/Downloads; quote them from the shell"
        }
        Error::NoSuchPoint(_) => {
            "run `strongroom-agent points` to see which recovery points there are"
        }
        Error::AmbiguousPoint(_) => {
            "give more characters of the id, as `strongroom-agent points` shows it"
        }
        Error::NoSuchPath(_) => {
            "run `strongroom-agent ls POINT --recursive`, or `find`, to see what there is"
        }
        Error::WrongKind { .. } => "run `strongroom-agent ls POINT PATH` to see what it is",
        Error::TargetNotDirectory(_) => {
            "give --target a directory, or a path that does not exist yet"
        }
        Error::Protected(_) => {
            "choose another target, or leave it as it is: backups depend on what is there"
        }
        Error::ReadBack(_) => {
            "check the disk and the memory of this machine, then restore to another disk"
        }
        Error::Held(_) => "release it first: `strongroom-agent hold POINT --release`",
        Error::LastPoint(_) => {
            "make a newer recovery point of the source first, or delete it softly, without --now"
        }
        Error::Brake(_) => {
            "set the clock right, or, if it is, run `strongroom-agent sweep --yes`; nothing was deleted"
        }
        Error::Seed(problem) => seed_help(problem),
        Error::TreeDamaged(_) => DAMAGE,
        Error::Fenced(_) => "wait until the other run of this source has ended, then run it again",
        _ => ASK_CHECK,
    }
}

fn seed_help(problem: &SeedProblem) -> &'static str {
    match problem {
        SeedProblem::NoDisk => "name the directory of each disk",
        SeedProblem::NoLabel(_) => {
            "name the directory in which strongroom-seed.json lies, or mount the disk"
        }
        SeedProblem::OtherVault { .. } => {
            "name the vault that the seed was made for with --vault; for a new seed, take other directories"
        }
        SeedProblem::Mixed(..) | SeedProblem::Twice(_) | SeedProblem::MissingDisk { .. } => {
            "attach all disks of one seed, and name the directory of each once"
        }
        SeedProblem::Unfinished | SeedProblem::Outdated(_) => {
            "run `strongroom-agent seed export` again where the data is, with all disks of the seed"
        }
        SeedProblem::Damaged { .. } => {
            "nothing was brought in; export again onto the same disks if they are good, else onto others"
        }
        SeedProblem::Imported => "there is nothing to do: back up as usual",
        _ => ASK_CHECK,
    }
}

const DAMAGE: &str = "run `strongroom-agent verify --read-data` to learn which points are hurt; older ones may be whole";
pub(crate) const OPEN_FILES: &str = "raise the hard limit of open files (ulimit -Hn; LimitNOFILE= in a systemd unit), then run it again";
const ASK_CHECK: &str = "run `strongroom-agent check` to see what is wrong here";
const NEW_VERSION: &str =
    "the vault was written by a newer version: install that version or a later one";

fn file_help(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "run as a user who may do that, or as root",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space there and run it again"
        }
        ErrorKind::ReadOnlyFilesystem => "mount it for writing, or choose another place",
        ErrorKind::NotFound => "check how the path is spelled",
        _ => ASK_CHECK,
    }
}

fn vault_help(error: &VaultError) -> &'static str {
    match error {
        VaultError::Store { .. } if error.refusal().is_some() => error
            .refusal()
            .map_or(ASK_CHECK, |it| refusal_help(it.kind)),
        VaultError::Store { .. } => match error.io_kind() {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                "free some space where the vault is, then run it again: what was uploaded is reused"
            }
            Some(ErrorKind::PermissionDenied) => "run as a user who may write where the vault is",
            Some(ErrorKind::ReadOnlyFilesystem) => "mount the place of the vault for writing",
            _ => {
                "check that the place of the vault is mounted and can be reached, then run it again"
            }
        },
        VaultError::Superseded { .. } => {
            "run it again while all places of the vault can be reached; if a failover was cut, or a place was being added, \
             finish it first with the same `strongroom-agent vault failover` or `vault place add`"
        }
        VaultError::PlaceAway { .. } => {
            "bring that place back, then run it again: what was uploaded is reused; \
             restores work from any place: name another with --vault"
        }
        VaultError::TimedOut { .. } => {
            "check the connection to the vault's place, then run it again"
        }
        VaultError::Missing { .. } => DAMAGE,
        VaultError::Object { source, .. } | VaultError::Format(source) => match source {
            FormatError::UnsupportedVersion { .. }
            | FormatError::UnknownFeature { .. }
            | FormatError::UnknownLayout { .. } => NEW_VERSION,
            FormatError::Crypto(error) => crypto_help(error),
            _ => DAMAGE,
        },
        VaultError::NoVault { .. } => {
            "check --vault and that its place is mounted; `strongroom-agent vault init` makes a new vault"
        }
        VaultError::OtherVault { .. } => {
            "name an empty place, or one that was made by `strongroom-agent copy` of this very vault"
        }
        VaultError::VaultExists => {
            "use it as it is: `strongroom-agent vault attach`; or choose another place"
        }
        VaultError::WrongKey => {
            "give the passphrase with --passphrase-file; a generated one stands in the recovery kit"
        }
        VaultError::ReadOnly { .. } => {
            "restore from it as you like; to write, install the newer version that made it, or a later one"
        }
        VaultError::NotPermitted(_) => "give the owner's passphrase with --passphrase-file",
        VaultError::StoreRefused { .. } => {
            "choose a place that keeps what it is given and never overwrites, such as a local disk or S3 itself"
        }
        VaultError::Location { .. } => {
            "give a path like /mnt/disk/vault, or s3://bucket/path, az://container/path or gs://bucket/path"
        }
        VaultError::LastOwner => "add another passphrase first: `strongroom-agent vault key add`",
        VaultError::Crypto(error) => crypto_help(error),
        _ => ASK_CHECK,
    }
}

/// What to do about what a cloud says, and where that is set.
fn refusal_help(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Busy | RefusalKind::Conflict => {
            "wait until the store is in order, then run it again: what was uploaded is reused"
        }
        RefusalKind::Expired => {
            "renew the credential (AWS_SESSION_TOKEN, AZURE_STORAGE_SAS_TOKEN or where it comes from), then run it \
             again: what was uploaded is reused"
        }
        RefusalKind::Credential => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for Azure AZURE_STORAGE_ACCOUNT_NAME and \
             AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; for Google GOOGLE_APPLICATION_CREDENTIALS"
        }
        RefusalKind::NoCredential => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for Azure AZURE_STORAGE_ACCOUNT_KEY or \
             AZURE_STORAGE_SAS_TOKEN; for Google GOOGLE_APPLICATION_CREDENTIALS"
        }
        RefusalKind::Denied => {
            "let this credential list, read and create objects there: it needs no more to back up and restore"
        }
        RefusalKind::NoBucket => {
            "check how the bucket or container of --vault is spelled and make it first; it lies where AWS_ENDPOINT_URL, \
             AWS_REGION or AZURE_STORAGE_ACCOUNT_NAME say"
        }
        RefusalKind::Region => "set AWS_REGION to the region of the bucket",
        RefusalKind::Clock => {
            "set the clock of this machine: the store refuses what is signed at another time"
        }
        RefusalKind::Full => {
            "free some space where the vault is, then run it again: what was uploaded is reused"
        }
        RefusalKind::Unsupported => {
            "choose a store that has conditional writes (If-None-Match), such as S3 itself"
        }
        _ => ASK_CHECK,
    }
}

fn crypto_help(error: &crypto::Error) -> &'static str {
    match error {
        crypto::Error::WrongKey => "give the passphrase with --passphrase-file",
        crypto::Error::NotPermitted(_) => "give the owner's passphrase with --passphrase-file",
        crypto::Error::PassphraseTooShort { .. } => {
            "use a longer one: four or five random words are good"
        }
        crypto::Error::NotACredential(_) => {
            "make a new credential: `strongroom-agent vault attach`"
        }
        crypto::Error::OpenFailed | crypto::Error::Malformed(_) | crypto::Error::BadSignature => {
            DAMAGE
        }
        _ => ASK_CHECK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_is_a_next_step() {
        let errors = [
            Error::Cancelled,
            Error::Vault(VaultError::WrongKey),
            Error::Vault(VaultError::Format(FormatError::BadMagic)),
            Error::Crypto(crypto::Error::Entropy),
            Error::NoSuchPath(b"x".to_vec()),
        ];
        for error in errors {
            assert!(help_of(&error).len() > 20, "{error}");
        }
    }
}
