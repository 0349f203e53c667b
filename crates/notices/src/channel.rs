//! Ways to tell people and programs.

mod command;
mod deadline;
mod journal;
mod mail;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::settings::{JOURNAL, MAIL, Settings};

pub use command::CommandChannel;
pub use journal::{Fallback, JournalChannel};
pub use mail::MailChannel;
pub use webhook::WebhookChannel;

/// A way to tell. Calls block, but never longer than the settings of the channel say; call them where blocking is
/// allowed, not within an async runtime.
pub trait Channel: Debug + Send + Sync {
    /// Tells the recipient of the notice.
    ///
    /// # Errors
    /// When it has not arrived, or may not have.
    fn send(&self, notice: &Notice) -> Result<()>;
}

/// The channels of some settings, by name.
#[derive(Debug, Default)]
pub struct Channels {
    by_name: BTreeMap<String, Box<dyn Channel>>,
}

impl Channels {
    /// All that the settings name. Nothing is opened before something is sent. Where the system has no journal, `fallback`
    /// gets the lines.
    #[must_use]
    pub fn new(settings: &Settings, fallback: Fallback) -> Self {
        let mut channels = Self::default();
        channels.add(JOURNAL, JournalChannel::system(fallback));
        if let Some(mail) = &settings.mail {
            channels.add(MAIL, MailChannel::new(mail.clone()));
        }
        for webhook in &settings.webhooks {
            let mut webhook = webhook.clone();
            webhook.proxy = webhook.proxy.or_else(|| settings.proxy.clone());
            channels.add(&webhook.name.clone(), WebhookChannel::new(webhook));
        }
        for command in &settings.commands {
            channels.add(&command.name, CommandChannel::new(command.clone()));
        }
        channels
    }

    /// Adds a channel, or takes one in place of that of the name.
    pub fn add(&mut self, name: &str, channel: impl Channel + 'static) {
        self.by_name.insert(name.to_owned(), Box::new(channel));
    }

    /// Sends a notice through the channel that its destination names.
    ///
    /// # Errors
    /// Those of the channel; [`Error::Settings`] when there is none of the name.
    pub fn send(&self, notice: &Notice) -> Result<()> {
        let name = &notice.destination.channel;
        let channel = self.by_name.get(name).ok_or_else(|| Error::Settings {
            line: None,
            message: format!("there is no channel {name:?}"),
        })?;
        channel.send(notice)
    }
}
