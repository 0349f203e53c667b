//! TLS as a server of ours wants it: one authority is trusted, for one name, and no other.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::wire::SERVER_NAME;
use crate::{Error, Result};

/// With a certificate and its key, both PEM, or without to enrol.
pub(super) fn config(authority_pem: &str, own: Option<(&str, &str)>) -> Result<ClientConfig> {
    let authority =
        CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(Error::certificate)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(Error::certificate)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = Pinned {
        inner: inner.build().map_err(Error::certificate)?,
        name: ServerName::try_from(SERVER_NAME).map_err(Error::certificate)?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::certificate)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
                .map_err(Error::certificate)?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(Error::certificate)?;
            builder
                .with_client_auth_cert(vec![certificate], key)
                .map_err(Error::certificate)?
        }
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Checks everything as usual, but for the name: the server may move to any address, and nobody else has this name.
#[derive(Debug)]
struct Pinned {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
