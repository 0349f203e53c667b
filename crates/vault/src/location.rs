//! Where a vault may stand.

mod assemble;
#[cfg(any(feature = "s3", feature = "azure", feature = "gcp"))]
mod cloud;
mod disks;
#[cfg(feature = "cloud")]
#[cfg_attr(
    not(any(feature = "s3", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "a client for servers alone")
)]
mod http;
#[cfg_attr(
    not(any(feature = "s3", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "a client for servers alone")
)]
mod settings;

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::store::Single;
use crate::{Error, Result};
pub use assemble::{VaultUrl, create_store, open_store};
pub use disks::open_disks;
pub use settings::StoreSettings;

/// A URL, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Location<'a> {
    Memory,
    Directory(&'a str),
    /// Of a server, as it was given.
    Gateway(&'a str),
    Cloud {
        cloud: Cloud,
        bucket: &'a str,
        /// Without a slash at either end; may be empty.
        prefix: &'a str,
    },
}

/// Whose store it is, or rather which protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloud {
    S3,
    Azure,
    Gcp,
}

/// Opens `strongroom://host:port/vault`, the vault of a server, for whoever knows how to reach it.
pub trait OpenGateway: Send + Sync + std::fmt::Debug {
    /// Opens it without asking it anything. The error is the reason, for people.
    ///
    /// # Errors
    /// When the URL is not understood, or the server of another one is known.
    fn open(&self, url: &str, settings: &StoreSettings) -> Result<Arc<dyn ObjectStore>, String>;
}

/// Opens the place that a URL names: a path, `file:///path` or `memory:`, and with the features `s3`, `azure` and
/// `gcp` also `s3://bucket/prefix`, `az://container/prefix` and `gs://bucket/prefix`, with the settings that the
/// environment has for them. `strongroom://host:port/vault` needs [`StoreSettings::with_gateway`].
/// With `create`, a directory that does not exist is made, readable by its owner only.
/// Writes to a local vault are synced to disk before they count.
///
/// Any other store can be given to [`Vault`](crate::Vault) ready made.
///
/// # Errors
/// [`Error::Location`] when the URL is not understood or a setting is missing, [`Error::NoVault`] when the directory
/// does not exist. Whether a bucket exists shows only when it is used.
pub fn open_url(url: &str, create: bool) -> Result<Arc<dyn ObjectStore>> {
    open_url_with(url, create, &StoreSettings::from_env())
}

/// As [`open_url`], with settings of the caller's instead of those of the environment.
///
/// # Errors
/// As [`open_url`].
pub fn open_url_with(
    url: &str,
    create: bool,
    settings: &StoreSettings,
) -> Result<Arc<dyn ObjectStore>> {
    Ok(Arc::clone(open_place(url, create, settings)?.inner()))
}

/// As [`open_url_with`], with what is known of how it is reached.
fn open_place(url: &str, create: bool, settings: &StoreSettings) -> Result<Single> {
    let refuse = |reason: String| Error::Location {
        url: url.to_owned(),
        reason,
    };
    match parse(url).map_err(refuse)? {
        Location::Memory => Ok(Single::new(Arc::new(InMemory::new()))),
        Location::Directory(path) => open_directory(Path::new(path), create).map(Single::new),
        Location::Gateway(url) => {
            let gateway = settings
                .gateway()
                .ok_or_else(|| refuse("this program is not enrolled with any server".to_owned()))?;
            let opened = gateway.open(url, settings);
            opened.map(Single::on_line).map_err(refuse)
        }
        Location::Cloud {
            cloud,
            bucket,
            prefix,
        } => {
            let opened = open_cloud(cloud, bucket, prefix, settings);
            opened.map(Single::on_line).map_err(refuse)
        }
    }
}

/// Whether two URLs are spellings of one place.
#[must_use]
pub fn is_same_place(a: &str, b: &str) -> bool {
    match (parse(a), parse(b)) {
        // Components leave out doubled slashes and the one at the end.
        (Ok(Location::Directory(a)), Ok(Location::Directory(b))) => {
            let absolute = |path| std::path::absolute(path).ok();
            absolute(a)
                .zip(absolute(b))
                .is_some_and(|(a, b)| a.components().eq(b.components()))
        }
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

fn parse(url: &str) -> Result<Location<'_>, String> {
    if url == "memory:" {
        return Ok(Location::Memory);
    }
    let (cloud, rest) = match url.split_once("://") {
        None if url.is_empty() => return Err("it is empty".to_owned()),
        None => return Ok(Location::Directory(url)),
        Some(("file", path)) if path.starts_with('/') => return Ok(Location::Directory(path)),
        Some(("file", _)) => {
            return Err("a file URL has three slashes: file:///path".to_owned());
        }
        Some(("strongroom", "")) => return Err("a server is needed behind the slashes".to_owned()),
        Some(("strongroom", _)) => return Ok(Location::Gateway(url.trim_end_matches('/'))),
        Some(("s3", rest)) => (Cloud::S3, rest),
        Some(("az", rest)) => (Cloud::Azure, rest),
        Some(("gs", rest)) => (Cloud::Gcp, rest),
        Some((scheme, _)) => return Err(format!("this build has no support for {scheme}://")),
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if bucket.is_empty() || !bucket.bytes().all(is_name) {
        return Err(
            "a bucket or container is needed behind the slashes, without user or port".to_owned(),
        );
    }
    if rest.contains(['?', '#']) {
        return Err("settings come from variables, not from the URL".to_owned());
    }
    if prefix.split('/').any(|part| matches!(part, "." | "..")) || prefix.contains("//") {
        return Err("the path behind the bucket has an empty part or dots".to_owned());
    }
    if prefix.starts_with('/') {
        return Err("the path behind the bucket begins with two slashes".to_owned());
    }
    Ok(Location::Cloud {
        cloud,
        bucket,
        prefix,
    })
}

#[cfg(any(feature = "s3", feature = "azure", feature = "gcp"))]
use cloud::open as open_cloud;

#[cfg(not(any(feature = "s3", feature = "azure", feature = "gcp")))]
fn open_cloud(
    _cloud: Cloud,
    _bucket: &str,
    _prefix: &str,
    _settings: &StoreSettings,
) -> Result<Arc<dyn ObjectStore>, String> {
    Err("this build has no support for clouds".to_owned())
}

fn open_directory(path: &Path, create: bool) -> Result<Arc<dyn ObjectStore>> {
    let place = || path.display().to_string();
    let fail = |action: &'static str, error: std::io::Error| {
        let source = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(error),
        };
        Error::Store {
            action,
            object: place(),
            source,
        }
    };
    if create {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path);
        made.map_err(|error| fail("make the directory", error))?;
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err(Error::Location {
                url: place(),
                reason: "it is not a directory".to_owned(),
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoVault { place: place() });
        }
        Err(error) => return Err(fail("open", error)),
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(|source| Error::Store {
        action: "open",
        object: place(),
        source,
    })?;
    Ok(Arc::new(store.with_fsync(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let cloud = |cloud, bucket, prefix| {
            Ok(Location::Cloud {
                cloud,
                bucket,
                prefix,
            })
        };
        assert_eq!(parse("memory:"), Ok(Location::Memory));
        assert_eq!(parse("/a/b"), Ok(Location::Directory("/a/b")));
        assert_eq!(parse("file:///a"), Ok(Location::Directory("/a")));
        assert_eq!(parse("s3://b"), cloud(Cloud::S3, "b", ""));
        assert_eq!(parse("s3://b/"), cloud(Cloud::S3, "b", ""));
        assert_eq!(parse("az://c.d/x/y/"), cloud(Cloud::Azure, "c.d", "x/y"));
        assert_eq!(parse("gs://b_1/x"), cloud(Cloud::Gcp, "b_1", "x"));
        let gateway = "strongroom://h:1/v";
        assert_eq!(parse("strongroom://h:1/v/"), Ok(Location::Gateway(gateway)));
        let unknown = open_url_with(gateway, false, &StoreSettings::new());
        assert!(matches!(unknown, Err(Error::Location { .. })));
        for wrong in [
            "",
            "file://a",
            "s3://",
            "s3:///x",
            "s3://b/x?y",
            "s3://user@b",
            "az://h:1/x",
            "gs://b//x",
            "s3://b/a//b",
            "s3://b/../x",
            "ftp://x",
            "strongroom://",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
