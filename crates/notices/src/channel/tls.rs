//! Whom to trust: the authorities of the system, or those of one file and no others.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::{Error, Result};

const WHAT: &str = "file of certificates";

/// The text of a file of certificates.
pub(super) fn read_pem(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| file(path, source))
}

/// Settings of TLS for HTTP.
pub(super) fn config(place: &str, ca_file: Option<&Path>) -> Result<ClientConfig> {
    let unusable = |error: rustls::Error| Error::Untrusted {
        place: place.to_owned(),
        source: error.into(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let Some(path) = ca_file else {
        let verified = builder.with_platform_verifier().map_err(unusable)?;
        return Ok(verified.with_no_client_auth());
    };
    let pem = read_pem(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| file(path, io::Error::other(error)))?;
        let added = roots.add(certificate);
        added.map_err(|error| file(path, io::Error::other(error)))?;
    }
    if roots.is_empty() {
        return Err(file(
            path,
            io::Error::other("there is no certificate in it"),
        ));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

pub(super) fn file(path: &Path, source: io::Error) -> Error {
    Error::File {
        what: WHAT,
        path: path.to_owned(),
        source,
    }
}

/// True when a certificate stands somewhere in the chain of causes.
pub(super) fn is_about_trust(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return matches!(error, rustls::Error::InvalidCertificate(_));
        }
        // An error of I/O gives the causes of what it wraps, but not what it wraps.
        let wrapped = error.downcast_ref::<io::Error>();
        next = match wrapped.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
