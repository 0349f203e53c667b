//! A client that sends whatever it is told to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use strongroom_service::client::Enrolment;
use strongroom_service::wire::SERVER_NAME;

use crate::rig::Rig;

pub(crate) struct Raw(StreamOwned<ClientConnection, TcpStream>);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The code of the error document.
    pub(crate) fn code(&self) -> String {
        let document: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        document["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) fn config(
    authority_pem: &str,
    own: Option<&Enrolment>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority_pem.as_bytes()).expect("PEM");
    roots.add(authority).expect("an authority");
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let certificate =
                CertificateDer::from_pem_slice(own.certificate_pem.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).expect("PEM");
            builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("a pair")
        }
    })
}

impl Raw {
    pub(crate) fn new(rig: &Rig, own: Option<&Enrolment>) -> Self {
        Self::with(
            rig,
            config(&rig.authority_pem, own, &rustls::version::TLS13),
        )
    }

    pub(crate) fn with(rig: &Rig, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        let stream = TcpStream::connect(rig.address).expect("connected");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("set");
        Self(StreamOwned::new(
            ClientConnection::new(config, name).expect("a client"),
            stream,
        ))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.write_all(bytes.as_ref())?;
        self.0.flush()
    }

    /// `None` when the connection ends before an answer.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        self.receive_with(true)
    }

    fn receive_with(&mut self, has_body: bool) -> Option<Answer> {
        let mut read = Vec::new();
        let end = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            read.push(byte[0]);
        };
        let head = String::from_utf8(read[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        let mut body = vec![0; length.filter(|_| has_body).unwrap_or(0)];
        self.0.read_exact(&mut body).ok()?;
        Some(Answer {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    pub(crate) fn ask(&mut self, request: &str) -> Option<Answer> {
        self.send(format!("{request}\r\nhost: x\r\n\r\n")).ok()?;
        self.receive_with(!request.starts_with("HEAD"))
    }

    /// Creates an object with these headers beside the ones that belong to it.
    pub(crate) fn put(
        &mut self,
        name: &str,
        length: usize,
        hash: &blake3::Hash,
        body: &[u8],
    ) -> Option<Answer> {
        let head = format!(
            "PUT /v1/vaults/Vault-1/o/{name} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
             x-strongroom-blake3: {}\r\n\r\n",
            hash.to_hex()
        );
        self.send([head.as_bytes(), body].concat()).ok()?;
        self.receive()
    }

    pub(crate) fn create(&mut self, name: &str, body: &[u8]) -> Option<Answer> {
        self.put(name, body.len(), &blake3::hash(body), body)
    }

    /// Everything until the other end closes; false when it does not within the time that a read has.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        }
    }
}
