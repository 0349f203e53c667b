//! Servers that do not do as they should, and one that does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Serves every connection by this, on a port of its own.
pub(crate) fn serve(act: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let act = Arc::new(act);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let act = Arc::clone(&act);
            thread::spawn(move || act(stream.unwrap()));
        }
    });
    port
}

/// Takes connections and says nothing, for as long as the other side stays.
pub(crate) fn silent() -> u16 {
    serve(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())))
}

/// Says something now and then, but never comes to an end.
pub(crate) fn dribbling() -> u16 {
    serve(|mut stream| {
        while stream.write_all(b"2").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    })
}

/// Says no more as soon as it has heard something.
pub(crate) fn half_closing() -> u16 {
    serve(|mut stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        drop(stream.read(&mut [0; 1000]));
    })
}

/// Where nobody listens.
pub(crate) fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Speaks SMTP without TLS; answers to a command that begins with `word` by `answer`.
pub(crate) fn refusing(word: &'static str, answer: &'static str) -> u16 {
    serve(move |mut stream| {
        let mut answers = stream.try_clone().unwrap();
        let mut say = move |line: &str| answers.write_all(format!("{line}\r\n").as_bytes()).is_ok();
        let (mut goes_on, mut is_mail) = (say("220 localhost"), false);
        for line in BufReader::new(&mut stream).lines().map_while(Result::ok) {
            if is_mail && line != "." {
                continue;
            }
            let is_refused = line.starts_with(word);
            is_mail = line == "DATA" && !is_refused;
            goes_on = goes_on
                && match (is_refused, is_mail) {
                    (true, _) => say(answer),
                    (false, true) => say("354 go on"),
                    (false, false) => say("250 OK"),
                };
            if !goes_on {
                return;
            }
        }
    })
}

/// A request as it came.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// A receiver of HTTPS with this certificate, that answers so.
pub(crate) fn https(
    certificate: &Path,
    key: &Path,
    answer: &'static str,
) -> (u16, Receiver<Request>) {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let (sender, receiver) = channel();
    let port = serve(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // Who does not trust the certificate sends nothing.
        if let Some(request) = read_request(&mut stream) {
            sender.send(request).unwrap();
            let answer = format!("HTTP/1.1 {answer}\r\nconnection: close\r\n");
            drop(stream.write_all(format!("{answer}content-length: 4\r\n\r\nsorr").as_bytes()));
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
    });
    (port, receiver)
}

/// As [`https`], without TLS.
pub(crate) fn http(answer: impl Into<String>) -> (u16, Receiver<Request>) {
    let answer = answer.into();
    let (sender, receiver) = channel();
    let port = serve(move |mut stream| {
        let request = read_request(&mut stream).unwrap();
        sender.send(request).unwrap();
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (port, receiver)
}

fn read_request(stream: &mut impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line.replace("\r\n", "\n"));
    }
    let mut request = Request {
        head,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
