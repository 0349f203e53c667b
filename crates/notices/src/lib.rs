//! Which alerts go to whom, when and how.
//!
//! Alerts come from a [catalog](strongroom_catalog); this crate decides what is told ([`plan`], a pure function), tells
//! it ([`deliver`], by mail, webhook, command or the journal), and remembers what was told ([`Sent`]). It also says which
//! [events](SecurityEvent) are alerts about security, and gives the [`metrics`] of a catalog.
//!
//! Calls block, but never longer than the settings say. Nothing here reads a clock.
//!
//! ```
//! use std::path::Path;
//! use strongroom_catalog::{AlertClass, Catalog, NewAlert, Severity};
//! use strongroom_notices::*;
//!
//! let text = "[notices]\nfrequency = \"hourly\"\n[[notices.command]]\nname = \"pager\"\nrun = [\"/bin/true\"]\n";
//! let settings = Settings::parse(text, Path::new("/etc/strongroom"), "laptop")?;
//! let now = "2026-03-28T12:00:00Z".parse().expect("a time");
//! let catalog = Catalog::in_memory()?;
//! let new = SecurityEvent::PointsDeleted { source: None, points_count: 3, is_final: false };
//! for new in security_alerts(&new) {
//!     catalog.change(|change| change.raise_alert(&new, now))?;
//! }
//!
//! // What a daemon does every minute.
//! let mut sent = Sent::default(); // or Sent::load(…)
//! let alerts = alerts_of_interest(&catalog.snapshot()?, now)?;
//! sent.admit(&settings, now);
//! sent.forget_all_but(&alerts);
//! let due = plan(&alerts, &settings, &sent, now);
//! assert_eq!(due.len(), 2); // the journal, and the pager at once: it is about security
//! let channels = Channels::new(&settings, Box::new(|line| eprintln!("{line}"))); // where there is no journal
//! let told = deliver(due, &channels, &mut sent, || now, |_sent| Ok(()))?;
//! assert!(told.iter().all(|delivery| delivery.outcome.is_ok()));
//! assert_eq!(plan(&alerts, &settings, &sent, now), []);
//! # Ok::<(), Error>(())
//! ```
//!
//! | module | is |
//! |---|---|
//! | `channel` | mail, webhooks, commands, the journal |
//! | `deliver` | sending what is due |
//! | `document`, `text` | notices as JSON, and for people |
//! | `error` | what can go wrong |
//! | `metrics` | Prometheus text |
//! | `notice` | one telling of one recipient |
//! | `plan` | who is told what now |
//! | `secret` | passwords, as long as they are needed |
//! | `security` | which events nobody can keep quiet |
//! | `sent` | what was told |
//! | `settings` | who wants to be told what |
//! | `teller` | one process that tells, with the record |

mod channel;
mod deliver;
mod document;
mod error;
mod metrics;
mod notice;
mod plan;
mod secret;
mod security;
mod sent;
mod settings;
mod teller;
mod text;

pub use channel::{
    Channel, Channels, CommandChannel, Fallback, JournalChannel, MailChannel, WebhookChannel,
};
pub use deliver::{Delivery, deliver, failing_alerts};
pub use document::document;
pub use error::{Error, Result};
pub use metrics::{metrics, write_textfile};
pub use notice::{Destination, Item, Notice, Telling};
pub use plan::{
    BUNDLE_COUNT, NOTICE_MAX_COUNT, OWED_DAYS, REPEAT_MINUTES, SECURITY_OWED_DAYS,
    alerts_of_interest, look_at, plan, test_notices,
};
pub use security::{
    MANY_FILES_COUNT, MANY_FILES_PERCENT, MANY_FILES_TIMES, Run, SecurityEvent, security_alerts,
};
pub use sent::{Failing, GIVEN_UP_DAYS, Sent};
pub use settings::{
    Audience, Command, Frequency, JOURNAL, MAIL, Mail, MailTls, Person, Settings, Webhook,
};
pub use teller::{FollowUp, Teller};
pub use text::{html, plain, subject};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
