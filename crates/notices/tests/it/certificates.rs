//! Authorities, and servers that they vouch for.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Files with an authority's certificate, and a certificate and key of a server that it vouches for.
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) server: PathBuf,
    pub(crate) key: PathBuf,
}

/// A new authority, and a server of that name.
pub(crate) fn certificates(dir: &Path, name: &str) -> Certificates {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    let write = |file: &str, text: String| {
        let path = dir.join(format!("{name}-{file}.pem"));
        fs::write(&path, text).unwrap();
        path
    };
    Certificates {
        authority: write("authority", authority.pem()),
        server: write("server", server.pem()),
        key: write("key", key.serialize_pem()),
    }
}
