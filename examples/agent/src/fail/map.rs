//! From errors of the library to what went wrong.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustix::io::Errno;
use strongroom::vault::format::{CredentialProblem, FormatError};
use strongroom::vault::{Error as VaultError, PinProblem, RefusalKind};
use strongroom::{Error, SeedProblem, crypto};

use super::Problem;

/// True when no more files can be open at once, wherever in the chain of causes that stands.
pub(crate) fn is_out_of_files(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let number = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        if number.is_some_and(|number| {
            [Errno::MFILE, Errno::NFILE].contains(&Errno::from_raw_os_error(number))
        }) {
            return true;
        }
        next = error.source();
    }
    false
}

/// What went wrong when the library gives this error.
pub(crate) fn problem_of(error: &Error) -> Problem {
    match error {
        // The vault is as it should be: this machine is short of something.
        _ if is_out_of_files(error) => Problem::OpenFiles,
        Error::Cancelled => Problem::Cancelled,
        Error::Vault(error) => of_vault(error),
        Error::Crypto(error) => of_crypto(error),
        Error::File { source, .. } => of_file(source),
        Error::Runtime(_) => Problem::Memory,
        Error::NothingToBackUp(_) => Problem::SourceGone,
        Error::TooManyRoots => Problem::TooManyRoots,
        Error::NotAbsolute(_) => Problem::NotAbsolute,
        Error::Pattern { .. } => Problem::Pattern,
        Error::NoSuchPoint(_) => Problem::NoSuchPoint,
        Error::AmbiguousPoint(_) => Problem::AmbiguousPoint,
        Error::NoSuchPath(_) => Problem::NoSuchPath,
        Error::WrongKind { .. } => Problem::WrongKind,
        Error::TargetNotDirectory(_) => Problem::TargetNotDirectory,
        Error::Protected(_) => Problem::Protected,
        Error::ReadBack(_) => Problem::ReadBack,
        Error::Held(_) => Problem::Held,
        Error::LastPoint(_) => Problem::LastPoint,
        Error::Brake(_) => Problem::ClockBrake,
        Error::Seed(problem) => of_seed(problem),
        Error::TreeDamaged(_) => Problem::Damaged,
        Error::Fenced(_) => Problem::SourceTakenOver,
        _ => Problem::Failed,
    }
}

fn of_seed(problem: &SeedProblem) -> Problem {
    match problem {
        SeedProblem::NoDisk => Problem::NoSeedDisk,
        SeedProblem::NoLabel(_) => Problem::NoSeedLabel,
        SeedProblem::OtherVault { .. } => Problem::SeedOtherVault,
        SeedProblem::Mixed(..) | SeedProblem::Twice(_) | SeedProblem::MissingDisk { .. } => {
            Problem::SeedDisks
        }
        SeedProblem::Unfinished | SeedProblem::Outdated(_) => Problem::SeedUnfinished,
        SeedProblem::Damaged { .. } => Problem::SeedDamaged,
        SeedProblem::Imported => Problem::SeedImported,
        _ => Problem::SeedUnusable,
    }
}

/// What went wrong with a file of the source or target.
pub(crate) fn of_file(error: &io::Error) -> Problem {
    if error.raw_os_error() == Some(Errno::IO.raw_os_error()) {
        return Problem::CorruptFile;
    }
    match error.kind() {
        ErrorKind::PermissionDenied => Problem::AccessDenied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Problem::DiskFull,
        ErrorKind::ReadOnlyFilesystem => Problem::ReadOnlyDisk,
        ErrorKind::NotFound => Problem::NoSuchFile,
        _ => Problem::Failed,
    }
}

fn of_vault(error: &VaultError) -> Problem {
    match error {
        VaultError::Store { .. } => match (error.refusal(), error.io_kind()) {
            (Some(refusal), _) => of_refusal(refusal.kind),
            // The place works and permits it; there is just no room.
            (_, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) => Problem::VaultFull,
            (_, Some(ErrorKind::PermissionDenied)) => Problem::VaultAccessDenied,
            (_, Some(ErrorKind::ReadOnlyFilesystem)) => Problem::VaultReadOnlyDisk,
            _ => Problem::VaultAway,
        },
        VaultError::TimedOut { .. } => Problem::VaultSlow,
        VaultError::PlaceAway { .. } => Problem::PlaceAway,
        VaultError::Superseded { .. } => Problem::GenerationSuperseded,
        VaultError::NoVault { .. } => Problem::NoVault,
        VaultError::OtherVault { .. } => Problem::OtherVault,
        VaultError::NotPermitted(_) => Problem::NotPermitted,
        VaultError::ReadOnly { .. } => Problem::VaultReadOnly,
        VaultError::StoreRefused { .. } => Problem::StoreUnfit,
        VaultError::Missing { .. } => Problem::Damaged,
        VaultError::Object { source, .. } | VaultError::Format(source) => of_format(source),
        VaultError::WrongKey => Problem::WrongPassphrase,
        VaultError::VaultExists => Problem::VaultExists,
        VaultError::SoftDeleteDays(_) => Problem::Usage,
        VaultError::Location { .. } => Problem::VaultLocation,
        VaultError::LastOwner => Problem::LastOwner,
        VaultError::Crypto(error) => of_crypto(error),
        VaultError::VaultCredential(problem) => of_credential(problem),
        VaultError::Pin(problem) => of_pin(*problem),
        _ => Problem::Failed,
    }
}

fn of_refusal(kind: RefusalKind) -> Problem {
    match kind {
        RefusalKind::Busy | RefusalKind::Conflict => Problem::StoreBusy,
        RefusalKind::Expired => Problem::StoreCredentialExpired,
        RefusalKind::Credential => Problem::StoreCredentialWrong,
        RefusalKind::NoCredential => Problem::StoreCredentialMissing,
        RefusalKind::Denied => Problem::StoreAccessDenied,
        RefusalKind::NoBucket => Problem::NoBucket,
        RefusalKind::Region => Problem::StoreRegion,
        RefusalKind::Clock => Problem::ClockSkew,
        RefusalKind::Full => Problem::VaultFull,
        RefusalKind::Unsupported => Problem::StoreUnsupported,
        RefusalKind::Proxy => Problem::ProxyDenied,
        RefusalKind::ProxyBlocked => Problem::ProxyAway,
        _ => Problem::VaultAway,
    }
}

fn of_credential(problem: &CredentialProblem) -> Problem {
    match problem {
        CredentialProblem::Incomplete => Problem::CredentialIncomplete,
        CredentialProblem::Edited => Problem::CredentialEdited,
        CredentialProblem::UnknownVersion => Problem::CredentialNewer,
        CredentialProblem::NotYetValid { .. } => Problem::CredentialNotYetValid,
        CredentialProblem::Expired { .. } => Problem::CredentialExpired,
        CredentialProblem::OtherVault { .. } => Problem::CredentialOtherVault,
        CredentialProblem::Foreign => Problem::CredentialForeign,
        CredentialProblem::Superseded { .. } => Problem::CredentialSuperseded,
        CredentialProblem::Withdrawn { .. } => Problem::CredentialWithdrawn,
        CredentialProblem::NotIssued { .. } => Problem::CredentialNotIssued,
        _ => Problem::CredentialNone,
    }
}

fn of_pin(problem: PinProblem) -> Problem {
    match problem {
        PinProblem::Needed(_) => Problem::PinNeeded,
        PinProblem::Expired => Problem::PinExpired,
        PinProblem::Used => Problem::PinUsed,
        _ => Problem::PinWrong,
    }
}

fn of_format(error: &FormatError) -> Problem {
    match error {
        FormatError::UnsupportedVersion { .. }
        | FormatError::UnknownFeature { .. }
        | FormatError::UnknownLayout { .. } => Problem::VaultNewer,
        FormatError::Compression(_) => Problem::Failed,
        FormatError::Crypto(error) => of_crypto(error),
        _ => Problem::Damaged,
    }
}

fn of_crypto(error: &crypto::Error) -> Problem {
    match error {
        crypto::Error::WrongKey => Problem::WrongPassphrase,
        crypto::Error::NotACredential(_) => Problem::LocalCredentialDamaged,
        crypto::Error::NotPermitted(_) => Problem::NotPermitted,
        crypto::Error::PassphraseTooShort { .. } => Problem::PassphraseUnusable,
        crypto::Error::OpenFailed | crypto::Error::Malformed(_) | crypto::Error::BadSignature => {
            Problem::Damaged
        }
        _ => Problem::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    fn code_of(error: &Error) -> Code {
        problem_of(error).entry().code
    }

    fn of_vault(error: VaultError) -> Code {
        code_of(&Error::Vault(error))
    }

    #[test]
    fn secrets() {
        assert_eq!(of_vault(VaultError::WrongKey), Code::Key);
        assert_eq!(code_of(&Error::Crypto(crypto::Error::WrongKey)), Code::Key);
        assert_eq!(
            code_of(&Error::Crypto(crypto::Error::NotACredential("x"))),
            Code::Key
        );
        let short = crypto::Error::PassphraseTooShort {
            found: 3,
            needed: 16,
        };
        assert_eq!(code_of(&Error::Crypto(short)), Code::Usage);
    }

    #[test]
    fn vaults() {
        let at = || "/v".to_owned();
        assert_eq!(of_vault(VaultError::NoVault { place: at() }), Code::Vault);
        assert_eq!(of_vault(VaultError::NotPermitted("an owner")), Code::Vault);
        assert_eq!(
            of_vault(VaultError::StoreRefused { reason: at() }),
            Code::Vault
        );
        assert_eq!(
            of_vault(VaultError::TimedOut {
                action: "read",
                object: at()
            }),
            Code::Vault
        );
        assert_eq!(of_vault(VaultError::VaultExists), Code::Usage);
        assert_eq!(
            of_vault(VaultError::Location {
                url: at(),
                reason: at()
            }),
            Code::Usage
        );
        let version = FormatError::UnsupportedVersion { found: 9 };
        assert_eq!(
            of_vault(VaultError::Object {
                object: at(),
                source: version
            }),
            Code::Vault
        );
    }

    #[test]
    fn damage() {
        let object = || "config".to_owned();
        assert_eq!(
            of_vault(VaultError::Missing { object: object() }),
            Code::Damage
        );
        let source = FormatError::HeaderDamaged;
        assert_eq!(
            of_vault(VaultError::Object {
                object: object(),
                source
            }),
            Code::Damage
        );
        let source = FormatError::Crypto(crypto::Error::OpenFailed);
        assert_eq!(
            of_vault(VaultError::Object {
                object: object(),
                source
            }),
            Code::Damage
        );
        assert_eq!(code_of(&Error::TreeDamaged("x")), Code::Damage);
    }

    #[test]
    fn files() {
        let of = |error: io::Error| of_file(&error);
        let number = |number: Errno| of(io::Error::from_raw_os_error(number.raw_os_error()));
        assert_eq!(number(Errno::IO), Problem::CorruptFile);
        assert_eq!(number(Errno::ACCESS), Problem::AccessDenied);
        assert_eq!(number(Errno::NOSPC), Problem::DiskFull);
        assert_eq!(number(Errno::DQUOT), Problem::DiskFull);
        assert_eq!(number(Errno::ROFS), Problem::ReadOnlyDisk);
        assert_eq!(number(Errno::NOENT), Problem::NoSuchFile);
    }

    #[test]
    fn the_rest() {
        assert_eq!(code_of(&Error::Cancelled), Code::Cancelled);
        assert_eq!(of_vault(VaultError::LastOwner), Code::Usage);
        assert_eq!(code_of(&Error::NothingToBackUp(Vec::new())), Code::Failed);
        assert_eq!(code_of(&Error::NoSuchPoint("x".to_owned())), Code::Failed);
        assert_eq!(code_of(&Error::AmbiguousPoint("x".to_owned())), Code::Usage);
        assert_eq!(code_of(&Error::NotAbsolute("x".into())), Code::Usage);
        let full = io::Error::from(ErrorKind::StorageFull);
        assert_eq!(
            code_of(&Error::File {
                action: "write",
                path: "/x".into(),
                source: full
            }),
            Code::Failed
        );
    }
}
