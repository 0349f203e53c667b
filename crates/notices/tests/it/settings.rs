//! The section `[notices]`.

use std::path::Path;

use strongroom_catalog::Severity;
use strongroom_notices::{Error, Frequency, MailTls, Settings};

use crate::world::settings;

#[test]
fn every_key_is_read() {
    // What the guide shows.
    let guide = include_str!("../../../../docs/guide/notices.md");
    let (_, toml) = guide.split_once("```toml\n").unwrap();
    let (toml, _) = toml.split_once("```").unwrap();
    let all = settings(toml);
    assert_eq!(all.machine, "attic");
    assert_eq!((all.frequency, all.resolutions), (Frequency::Each, true));
    assert_eq!(all.journal.len(), 4);
    let mail = all.mail.as_ref().unwrap();
    assert_eq!((mail.server.as_str(), mail.port), ("smtp.example.org", 587));
    assert_eq!((mail.tls, mail.timeout_secs), (MailTls::Starttls, 30));
    let login = mail.login.as_ref().unwrap();
    assert_eq!(login.1, Path::new("/etc/strongroom/smtp-password"));
    let ours = Some(Path::new("/etc/ssl/our-authority.pem"));
    assert_eq!(mail.ca_file.as_deref(), ours);
    let to = mail.to.iter();
    let to: Vec<_> = to
        .map(|to| (to.address.as_str(), to.severities.len()))
        .collect();
    assert_eq!(to, [("admin@example.org", 3), ("boss@example.org", 1)]);
    let hook = &all.webhooks[0];
    assert_eq!((hook.name.as_str(), hook.timeout_secs), ("chat", 30));
    assert_eq!(hook.proxy.as_deref(), Some("http://proxy:3128"));
    assert!(hook.secret_file.is_some() && hook.ca_file.as_deref() == ours);
    assert_eq!(all.commands[0].run, ["/usr/local/bin/page", "--urgent"]);
    assert_eq!(all.commands[0].severities, [Severity::Critical].into());
    let names: Vec<String> = all.destinations().iter().map(ToString::to_string).collect();
    let mails = ["mail to admin@example.org", "mail to boss@example.org"];
    assert_eq!(names, ["journal", mails[0], mails[1], "chat", "pager"]);
    let hourly = settings("[notices]\nfrequency = \"hourly\"\nresolutions = false\n");
    assert_eq!(
        (hourly.frequency, hourly.resolutions),
        (Frequency::Hourly, false)
    );
    for (word, tls, port) in [
        ("implicit", MailTls::Implicit, 465),
        ("off", MailTls::Off, 25),
    ] {
        let mail = format!(
            "[notices.mail]\nserver = \"mx\"\nfrom = \"a@b.org\"\nto = [\"c@d.org\"]\ntls = \"{word}\"\n"
        );
        let mail = settings(&mail).mail.unwrap();
        assert_eq!((mail.tls, mail.port), (tls, port));
    }
}

#[test]
fn without_a_section_the_journal_gets_everything() {
    let none = settings("vault = \"/v\"\nproxy = \"http://proxy:1\"\n[other]\nx = 1\n");
    assert_eq!(none.destinations().len(), 1);
    assert_eq!(none.journal.len(), 4);
    assert_eq!(none.proxy.as_deref(), Some("http://proxy:1"));
    assert!(none.resolutions);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let mail = "[notices.mail]\nserver = \"mx\"\nfrom = \"a@b.org\"\nto = [\"c@d.org\"]\n";
    let hook = "[[notices.webhook]]\nname = \"chat\"\n";
    for (text, line, word) in [
        ("[notices]\nfrequent = 1\n".to_owned(), 2, "frequent"),
        ("[notices]\nfrequency = \"daily\"\n".to_owned(), 2, "daily"),
        ("[notices]\n\nresolutions = 3\n".to_owned(), 3, "bool"),
        ("[notices.mail]\nserver = \"mx\"\n".to_owned(), 1, "from"),
        (format!("{mail}port = 70000\n"), 5, "70000"),
        (format!("{mail}tls = \"ssl\"\n"), 5, "ssl"),
        (format!("{mail}timeout_secs = 0\n"), 5, "600 seconds"),
        (format!("{mail}user = \"u\"\n"), 1, "password_file"),
        (
            format!("{mail}tls = \"off\"\nuser = \"u\"\npassword_file = \"p\"\n"),
            1,
            "needs tls",
        ),
        (mail.replace("a@b.org", "a b"), 3, "mail address"),
        (mail.replace("mx", "mx 25"), 2, "server"),
        (
            mail.replace("[\"c@d.org\"]", "[\n\"c@d.org\",\n\"x\"]"),
            6,
            "mail address",
        ),
        (
            mail.replace("[\"c@d.org\"]", "[\"c@d.org\", \"c@d.org\"]"),
            4,
            "twice",
        ),
        (mail.replace("[\"c@d.org\"]", "[]"), 1, "at least one"),
        (format!("{hook}url = \"http://example.org/\"\n"), 3, "https"),
        (format!("{hook}url = \"example\"\n"), 3, "no URL"),
        (
            format!("{hook}url = \"https://x/\"\nseverities = [\"bad\"]\n"),
            4,
            "bad",
        ),
        (
            format!("{hook}url = \"https://x/\"\n{hook}url = \"https://x/\"\n"),
            5,
            "another channel",
        ),
        (
            hook.replace("chat", "mail") + "url = \"https://x/\"\n",
            2,
            "another channel",
        ),
        (
            hook.replace("chat", "a b") + "url = \"https://x/\"\n",
            2,
            "small letters",
        ),
        (
            "[[notices.command]]\nname = \"p\"\nrun = []\n".to_owned(),
            3,
            "program",
        ),
        ("[notices\n".to_owned(), 1, ""),
    ] {
        match Settings::parse(&text, Path::new("/"), "laptop") {
            Err(Error::Settings {
                line: found,
                message,
            }) => {
                assert_eq!(found, Some(line), "{text}{message}");
                assert!(message.contains(word), "{text}{message}");
                assert!(!message.contains('\n'), "{message}");
            }
            other => panic!("{text}{other:?}"),
        }
    }
}
