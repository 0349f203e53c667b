//! From errors of the library to exit codes.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustix::io::Errno;
use strongroom::vault::format::FormatError;
use strongroom::vault::{Error as VaultError, RefusalKind};
use strongroom::{Error, SeedProblem, crypto};

use super::Code;

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

/// The exit code that an error of the library ends with.
pub(crate) fn code_of(error: &Error) -> Code {
    match error {
        // The vault is as it should be: this machine is short of something.
        _ if is_out_of_files(error) => Code::Failed,
        Error::Cancelled => Code::Cancelled,
        Error::Vault(error) => vault_code(error),
        Error::Crypto(error) => crypto_code(error),
        Error::TreeDamaged(_) | Error::Seed(SeedProblem::Damaged { .. }) => Code::Damage,
        Error::Seed(SeedProblem::Imported) => Code::Failed,
        Error::Seed(_) => Code::Usage,
        Error::Fenced(_) => Code::Busy,
        Error::NotAbsolute(_)
        | Error::Pattern { .. }
        | Error::AmbiguousPoint(_)
        | Error::Protected(_)
        | Error::TooManyRoots
        | Error::TargetNotDirectory(_) => Code::Usage,
        Error::ReadBack(_) => Code::Damage,
        _ => Code::Failed,
    }
}

fn vault_code(error: &VaultError) -> Code {
    match error {
        // The place works and permits it; there is just no room.
        VaultError::Store { .. }
            if error.refusal().map(|it| it.kind) == Some(RefusalKind::Full) =>
        {
            Code::Failed
        }
        VaultError::Store { .. } => match error.io_kind() {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Code::Failed,
            _ => Code::Vault,
        },
        VaultError::TimedOut { .. }
        | VaultError::PlaceAway { .. }
        | VaultError::Superseded { .. }
        | VaultError::NoVault { .. }
        | VaultError::OtherVault { .. }
        | VaultError::NotPermitted(_)
        | VaultError::ReadOnly { .. }
        | VaultError::StoreRefused { .. } => Code::Vault,
        VaultError::Missing { .. } => Code::Damage,
        VaultError::Object { source, .. } | VaultError::Format(source) => format_code(source),
        VaultError::WrongKey => Code::Key,
        VaultError::VaultExists
        | VaultError::SoftDeleteDays(_)
        | VaultError::Location { .. }
        | VaultError::LastOwner => Code::Usage,
        VaultError::Crypto(error) => crypto_code(error),
        _ => Code::Failed,
    }
}

fn format_code(error: &FormatError) -> Code {
    match error {
        FormatError::UnsupportedVersion { .. }
        | FormatError::UnknownFeature { .. }
        | FormatError::UnknownLayout { .. } => Code::Vault,
        FormatError::Compression(_) => Code::Failed,
        FormatError::Crypto(error) => crypto_code(error),
        _ => Code::Damage,
    }
}

fn crypto_code(error: &crypto::Error) -> Code {
    match error {
        crypto::Error::WrongKey | crypto::Error::NotACredential(_) => Code::Key,
        crypto::Error::NotPermitted(_) => Code::Vault,
        crypto::Error::PassphraseTooShort { .. } => Code::Usage,
        crypto::Error::OpenFailed | crypto::Error::Malformed(_) | crypto::Error::BadSignature => {
            Code::Damage
        }
        _ => Code::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
