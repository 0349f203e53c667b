//! The server's own authority: one key that makes the certificates of agents and of the gateway itself.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use strongroom_crypto::{Entropy, OsEntropy};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::settings::Clock;
use crate::wire::{IssuedCertificate, SERVER_NAME};
use crate::{Error, Identity, Result};

const CERTIFICATE_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority.key";
/// The authority is for as long as its agents are.
const AUTHORITY_DAYS: i64 = 50 * 365;
/// Clocks of agents may be behind.
const SKEW: TimeDelta = TimeDelta::hours(1);

/// Makes certificates.
#[derive(Debug)]
pub struct Authority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Who holds a certificate, as the handshake has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who it is.
    pub identity: Identity,
    /// The certificate's serial number, lower-case hexadecimal.
    pub serial: String,
    /// When it becomes worthless.
    pub expires_at: DateTime<Utc>,
}

impl Authority {
    /// Reads the authority of a state directory, or makes one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Certificate`].
    pub fn open(state_dir: &Path, now: DateTime<Utc>) -> Result<Self> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir);
        made.map_err(Error::file(state_dir))?;
        let key_path = state_dir.join(KEY_FILE);
        let path = state_dir.join(CERTIFICATE_FILE);
        let key = match fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(Error::certificate)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(Error::certificate)?;
                create_private(&key_path, key.serialize_pem().as_bytes())
                    .map_err(Error::file(&key_path))?;
                key
            }
            Err(error) => return Err(Error::file(&key_path)(error)),
        };
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            // Made from the key that is there: whoever was cut in between goes on here.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let pem = self_signed(&key, now)?;
                create_private(&path, pem.as_bytes()).map_err(Error::file(&path))?;
                pem
            }
            Err(error) => return Err(Error::file(&path)(error)),
        };
        let certificate =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(Error::certificate)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(Error::certificate)?;
        Ok(Self {
            certificate_pem: pem,
            certificate,
            issuer,
        })
    }

    /// What clients trust, and nothing else: it goes into credential files.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// That a request is one, and signed by the key that it names.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn verify(&self, request_pem: &str) -> Result<()> {
        let request = CertificateSigningRequestParams::from_pem(request_pem);
        request.map(drop).map_err(Error::certificate)
    }

    /// A certificate for whoever holds the key that has signed this request. Nothing else of the request counts.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the request is none.
    pub fn issue(
        &self,
        identity: &Identity,
        request_pem: &str,
        valid: Duration,
        now: DateTime<Utc>,
    ) -> Result<IssuedCertificate> {
        identity.check()?;
        let request =
            CertificateSigningRequestParams::from_pem(request_pem).map_err(Error::certificate)?;
        let valid = TimeDelta::from_std(valid).map_err(Error::certificate)?;
        let expires_at = now.checked_add_signed(valid).unwrap_or(now);
        let mut params = named(identity.agent.as_str(), now, expires_at)?;
        let uri = Ia5String::try_from(identity.to_string()).map_err(Error::certificate)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params
            .signed_by(&request.public_key, &self.issuer)
            .map_err(Error::certificate)?;
        Ok(IssuedCertificate {
            certificate_pem: certificate.pem(),
            identity: identity.clone(),
            expires_at,
        })
    }

    /// TLS 1.3 with a fresh key of the gateway's, for those who have a certificate and those who want one.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn server_config(&self, clock: &Clock) -> Result<Arc<ServerConfig>> {
        let now = clock.now();
        let key = KeyPair::generate().map_err(Error::certificate)?;
        let mut params = named(SERVER_NAME, now, now + TimeDelta::days(AUTHORITY_DAYS))?;
        let name = Ia5String::try_from(SERVER_NAME).map_err(Error::certificate)?;
        params.subject_alt_names = vec![SanType::DnsName(name)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(Error::certificate)?;
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.clone())
            .map_err(Error::certificate)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(Error::certificate)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(Error::certificate)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(Error::certificate)?;
        // A session that is resumed would be older than its certificate's check.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl Holder {
    /// Reads a certificate that the handshake has found to be ours.
    ///
    /// # Errors
    /// [`Error::Certificate`] when it names nobody.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(Error::certificate)?;
        let names = parsed
            .subject_alternative_name()
            .map_err(Error::certificate)?;
        let names = names.map(|extension| extension.value.general_names.as_slice());
        let Some([GeneralName::URI(uri)]) = names else {
            return Err(Error::Certificate("it names nobody".to_owned()));
        };
        let not_after = parsed.validity().not_after.timestamp();
        let expires_at = DateTime::from_timestamp(not_after, 0);
        Ok(Self {
            identity: uri.parse()?,
            serial: parsed
                .tbs_certificate
                .raw_serial()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            expires_at: expires_at
                .ok_or_else(|| Error::Certificate("its end is no time".to_owned()))?,
        })
    }
}

fn self_signed(key: &KeyPair, now: DateTime<Utc>) -> Result<String> {
    let mut params = named(
        "strongroom authority",
        now,
        now + TimeDelta::days(AUTHORITY_DAYS),
    )?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key).map_err(Error::certificate)?.pem())
}

fn named(name: &str, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<CertificateParams> {
    let mut serial = [0; 16];
    OsEntropy.fill(&mut serial).map_err(Error::certificate)?;
    // Positive, and never shorter.
    serial[0] = serial[0] & 0x3f | 0x40;
    let at = |time: DateTime<Utc>| {
        OffsetDateTime::from_unix_timestamp(time.timestamp()).map_err(Error::certificate)
    };
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = at(now - SKEW)?;
    params.not_after = at(until)?;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Writes a file of ours that is not there yet, for nobody else to read.
pub(super) fn create_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
