//! Who may enrol: tokens that are good once.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, OsEntropy};

use super::authority::create_private;
use crate::{AgentId, Error, Identity, Result};

/// Why a token is not taken. Whoever sent it is told that it is not, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// It was never issued, is used, revoked, or a newer one was issued.
    #[error("no such token")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The store of tokens does not work now.
    #[error("tokens cannot be looked up")]
    Unavailable,
}

/// Where tokens are looked up.
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// Uses a token up, and tells who it was for. Of two who redeem one at the same time, one succeeds.
    ///
    /// # Errors
    /// Why not.
    fn redeem(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, TokenProblem>;
}

/// A token as it is handed out, once.
#[derive(Clone)]
pub struct NewToken {
    /// The secret.
    pub secret: String,
    /// When it becomes worthless.
    pub expires_at: DateTime<Utc>,
}

/// Without the secret.
impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Tokens in a directory: a file for each, named by the agent and by the token's hash. The secret is not kept.
#[derive(Debug, Clone)]
pub struct FileTokens {
    dir: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    identity: Identity,
    expires_at: DateTime<Utc>,
}

impl FileTokens {
    /// The tokens of a state directory.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(state_dir: &Path) -> Result<Self> {
        let dir = state_dir.join("tokens");
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir);
        made.map_err(Error::file(&dir))?;
        Ok(Self { dir })
    }

    /// Makes a token for somebody. Earlier ones for the same agent are worthless from now on.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn issue(&self, identity: &Identity, expires_at: DateTime<Utc>) -> Result<NewToken> {
        identity.check()?;
        self.revoke(&identity.agent)?;
        let mut random = [0; 32];
        OsEntropy
            .fill(&mut random)
            .map_err(|error| Error::Content {
                path: self.dir.display().to_string(),
                reason: error.to_string(),
            })?;
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.dir.join(format!("{}.json", hash_of(&secret)));
        let stored = Stored {
            identity: identity.clone(),
            expires_at,
        };
        let content = serde_json::to_vec(&stored).map_err(|error| Error::Content {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        create_private(&path, &content).map_err(Error::file(&path))?;
        Ok(NewToken { secret, expires_at })
    }

    /// Makes all tokens of an agent worthless.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn revoke(&self, agent: &AgentId) -> Result<()> {
        for entry in fs::read_dir(&self.dir).map_err(Error::file(&self.dir))? {
            let path = entry.map_err(Error::file(&self.dir))?.path();
            let is_theirs = read(&path).is_some_and(|stored| stored.identity.agent == *agent);
            if is_theirs {
                remove(&path).map_err(Error::file(&path))?;
            }
        }
        Ok(())
    }
}

impl TokenStore for FileTokens {
    fn redeem(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, TokenProblem> {
        let path = self.dir.join(format!("{}.json", hash_of(token)));
        let stored = read(&path).ok_or(TokenProblem::Unknown)?;
        // Whoever removes it has it.
        match fs::remove_file(&path) {
            Ok(()) if stored.expires_at > now => Ok(stored.identity),
            Ok(()) => Err(TokenProblem::Expired),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(TokenProblem::Unknown),
            Err(_) => Err(TokenProblem::Unavailable),
        }
    }
}

/// A token has 256 random bits: its hash can be looked up like any name, and tells nothing.
fn hash_of(secret: &str) -> blake3::Hash {
    blake3::hash(secret.as_bytes())
}

fn read(path: &Path) -> Option<Stored> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_token_is_good_once_and_only_the_newest() {
        let dir = tempfile::tempdir().expect("a directory");
        let tokens = FileTokens::open(dir.path()).expect("opened");
        let identity: Identity = "strongroom-identity:1:agent:Vault:0011223344556677:pc"
            .parse()
            .expect("valid");
        let other: Identity = "strongroom-identity:1:agent:Vault:0011223344556677:other"
            .parse()
            .expect("valid");
        let now = DateTime::UNIX_EPOCH;
        let until = now + TimeDelta::days(10);
        let first = tokens.issue(&identity, until).expect("issued");
        let second = tokens.issue(&identity, until).expect("issued");
        let others = tokens.issue(&other, until).expect("issued");
        assert_eq!(
            tokens.redeem(&first.secret, now),
            Err(TokenProblem::Unknown),
            "superseded"
        );
        assert_eq!(tokens.redeem(&second.secret, now), Ok(identity.clone()));
        assert_eq!(
            tokens.redeem(&second.secret, now),
            Err(TokenProblem::Unknown),
            "used"
        );
        assert_eq!(tokens.redeem(&others.secret, now), Ok(other));
        let late = tokens.issue(&identity, until).expect("issued");
        assert_eq!(
            tokens.redeem(&late.secret, until),
            Err(TokenProblem::Expired)
        );
        let revoked = tokens.issue(&identity, until).expect("issued");
        tokens.revoke(&identity.agent).expect("revoked");
        assert_eq!(
            tokens.redeem(&revoked.secret, now),
            Err(TokenProblem::Unknown)
        );
        for forged in ["", "../authority", "0", &revoked.secret.replace('0', "1")] {
            assert_eq!(
                tokens.redeem(forged, now),
                Err(TokenProblem::Unknown),
                "{forged}"
            );
        }
    }
}
