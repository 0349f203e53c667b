//! Calls by HTTPS.

use std::fs;
use std::path::Path;

use serde_json::Value;
use strongroom_notices::{
    Channel, Destination, Error, Item, Notice, Telling, WebhookChannel, document,
};

use crate::certificates::certificates;
use crate::servers;
use crate::world::{World, settings};

fn channel(url: &str, keys: &str) -> WebhookChannel {
    let text =
        format!("[[notices.webhook]]\nname = \"chat\"\nurl = \"{url}\"\ntimeout_secs = 1\n{keys}");
    WebhookChannel::new(settings(&text).webhooks.remove(0))
}

fn notice() -> Notice {
    let world = World::new("");
    world.job("backup_failed:home");
    let item = |alert| Item {
        telling: Telling::Raised,
        alert,
    };
    let items = world.alerts().into_iter().map(item).collect();
    Notice::new(Destination::channel("chat"), "laptop", items, world.now)
}

/// A secret file, and the signature that Python's hmac gives for it.
fn signature(secret: &[u8], time: &str, body: &[u8]) -> String {
    let message = [time.as_bytes(), b".", body].concat();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let tag = ring::hmac::sign(&key, &message);
    let digits: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={digits}")
}

#[test]
fn the_notice_arrives_signed() {
    let dir = tempfile::tempdir().unwrap();
    let files = certificates(dir.path(), "localhost");
    let (port, requests) = servers::https(&files.server, &files.key, "204 No Content");
    let secret = dir.path().join("secret");
    fs::write(&secret, "open sesame\nnot this\n").unwrap();
    let keys = format!(
        "secret_file = {secret:?}\nca_file = {:?}\n",
        files.authority
    );
    let url = format!("https://localhost:{port}/hooks/1?token=t");
    channel(&url, &keys).send(&notice()).unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.head.starts_with("POST /hooks/1?token=t HTTP/1.1\n"),
        "{}",
        request.head
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    let time = request.header("strongroom-timestamp").unwrap();
    assert_eq!(time, "1774699200");
    let signed = signature(b"open sesame", time, &request.body);
    assert_eq!(
        request.header("strongroom-signature"),
        Some(signed.as_str())
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, document(&notice()));
}

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (
        certificates(dir.path(), "localhost"),
        certificates(dir.path(), "other"),
    );
    let (port, requests) = servers::https(&ours.server, &ours.key, "204 No Content");
    let trusting = |authority: &Path| format!("ca_file = {authority:?}\n");
    for (host, keys) in [
        ("localhost", trusting(&other.authority)),
        ("127.0.0.1", trusting(&ours.authority)),
        ("localhost", String::new()),
    ] {
        let error = channel(&format!("https://{host}:{port}/secret"), &keys).send(&notice());
        let error = error.unwrap_err();
        // A machine without any authority cannot even ask.
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    assert!(requests.try_recv().is_err());
}

#[test]
fn refusals_say_what_was_said_and_whether_they_pass() {
    for (answer, passes) in [
        ("403 Forbidden", false),
        ("302 Found", false),
        ("429 Too Many Requests", true),
        ("503 Service Unavailable", true),
    ] {
        let (port, _requests) = servers::http(answer);
        let error = channel(&format!("http://127.0.0.1:{port}/"), "").send(&notice());
        match error.unwrap_err() {
            Error::Refused {
                said, is_passing, ..
            } => {
                assert_eq!((said.as_str(), is_passing), (answer, passes));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_signed_for_one_receiver_goes_to_no_other() {
    let (other, requests) = servers::http("204 No Content");
    let moved = format!("307 Temporary Redirect\r\nlocation: http://127.0.0.1:{other}/");
    let (port, _requests) = servers::http(moved);
    let sent = channel(&format!("http://127.0.0.1:{port}/"), "").send(&notice());
    assert!(matches!(sent, Err(Error::Refused { .. })), "{sent:?}");
    assert!(requests.try_recv().is_err());
}

#[test]
fn receivers_that_are_none_hold_nobody() {
    let call = |port: u16| channel(&format!("http://127.0.0.1:{port}/secret"), "").send(&notice());
    for port in [servers::silent(), servers::dribbling()] {
        let error = call(port).unwrap_err();
        let is_given_up = matches!(error, Error::TimedOut { .. } | Error::Unreachable { .. });
        assert!(is_given_up, "{error:?}");
    }
    for port in [servers::nobody(), servers::half_closing()] {
        let error = call(port).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
    }
}

#[test]
fn a_proxy_is_asked() {
    let (port, requests) = servers::http("204 No Content");
    let keys = format!("proxy = \"http://127.0.0.1:{port}\"\n");
    let error = channel("https://chat.invalid/", &keys)
        .send(&notice())
        .unwrap_err();
    let asked = requests.recv().unwrap().head;
    assert!(asked.starts_with("CONNECT chat.invalid:443 "), "{asked}");
    assert!(error.is_of_channel(), "{error:?}");
}
