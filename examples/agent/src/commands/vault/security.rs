//! `vault security`: whether what destroys asks for a PIN, and PINs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom::vault::{PIN_RESET_DAYS, PinSecret, PinSetting, Protected};
use strongroom_catalog::{AlertClass, NewAlert, Severity};
use zeroize::Zeroizing;

use crate::access::{self, Access, Need};
use crate::fail::{Code, Fail, Problem, Result};
use crate::journal;
use crate::output::{human, json};
use crate::pin::Pin;
use crate::run::{Agent, now};
use crate::state::write_private;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Tell whether a PIN is asked for
    Status,
    /// Ask for a PIN from now on, and write what PINs are made with; where one is asked for, with another secret
    PinOn {
        /// File for the secret; carry it elsewhere
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        pin: Pin,
    },
    /// Ask for no PIN any more
    PinOff {
        /// The secret is lost: ask for none after seven days, of which everybody is told
        #[arg(long, conflicts_with = "pin")]
        lost: bool,
        #[command(flatten)]
        pin: Pin,
    },
    /// Go on asking, although somebody said that the secret is lost
    PinKeep {
        #[command(flatten)]
        pin: Pin,
    },
    /// Make a PIN, good for five minutes and once; needs no vault
    MakePin {
        /// What it is for: keys, delete-now, stop-protection or security
        #[arg(long, value_name = "NAME", value_parser = operation)]
        operation: Protected,
        /// File that holds the secret
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
}

fn operation(text: &str) -> Result<Protected, String> {
    let found = Protected::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or_else(|| "it is keys, delete-now, stop-protection or security".to_owned())
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Status => status(agent),
        Command::PinOn { to, pin } => turn_on(agent, to, pin),
        Command::PinOff { lost: true, .. } => reset(agent),
        Command::PinOff { pin, .. } => turn_off(agent, pin),
        Command::PinKeep { pin } => keep(agent, pin),
        Command::MakePin {
            operation,
            secret_file,
        } => make(agent, *operation, secret_file),
    }
}

fn status(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let setting = setting(&access)?;
    agent
        .out
        .result(&document(&access, &setting), || text(&setting))?;
    Ok(Code::Done)
}

fn setting(access: &Access) -> Result<PinSetting> {
    let vault = access.vault.vault();
    Ok(access.vault.wait(vault.pin_setting(now()))?)
}

fn document(access: &Access, setting: &PinSetting) -> Value {
    json!({
        "vault_id": access.vault_id(),
        "pin": setting.secret.is_some(),
        "pin_ends_at": setting.ends_at.map(json::time),
    })
}

fn text(setting: &PinSetting) -> String {
    let mut text = match setting.secret {
        None => "no PIN is asked for".to_owned(),
        Some(_) => {
            let words = Protected::ALL.map(Protected::as_str).join(", ");
            format!("a PIN is asked for: {words}")
        }
    };
    if let Some(at) = setting.ends_at {
        text.push_str(&format!(
            "; from {} on it is not, as somebody said that the secret is lost: \
             `strongroom-agent vault security pin-keep` takes that back",
            human::time(at)
        ));
    }
    text
}

fn turn_on(agent: &Agent, to: &Path, pin: &Pin) -> Result<Code> {
    if to.exists() {
        let help = "name a file that does not exist yet";
        return Err(Fail::usage(format!("{} exists", to.display()), help));
    }
    let access = access::open(agent, Need::Passphrase)?;
    pin.require(&access, Protected::Security)?;
    let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    // The place for it first: a secret that nobody has would lock everybody out.
    write_private(&to, b"")?;
    let vault = access.vault.vault();
    let made = access.vault.wait(vault.turn_pin_on(now()));
    let secret = match made {
        Ok(secret) => secret,
        Err(error) => {
            drop(std::fs::remove_file(&to));
            return Err(error.into());
        }
    };
    let line = Zeroizing::new(format!("{}\n", secret.to_text().as_str()));
    write_private(&to, line.as_bytes())?;
    let mut document = document(&access, &setting(&access)?);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("secret_file".to_owned(), json!(to));
    }
    agent.out.result(&document, || {
        format!(
            "from now on, deleting for ever, stop-protection --delete, keys and this setting ask for a PIN\n\
             The secret that PINs are made with stands in {}: carry it to another person or machine, and remove it here.\n\
             There, `strongroom-agent vault security make-pin` makes PINs. It is shown this once.",
            human::clean(&to.display().to_string())
        )
    })?;
    Ok(Code::Done)
}

fn turn_off(agent: &Agent, pin: &Pin) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    pin.require(&access, Protected::Security)?;
    let vault = access.vault.vault();
    access.vault.wait(vault.turn_pin_off(now()))?;
    raise(agent, "the security PIN was turned off")?;
    told(agent, &access)
}

fn reset(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    let vault = access.vault.vault();
    access.vault.wait(vault.reset_pin(now()))?;
    let message = format!(
        "somebody said that the secret of the security PIN is lost: in {PIN_RESET_DAYS} days none is asked for any more"
    );
    raise(agent, &message)?;
    told(agent, &access)
}

fn keep(agent: &Agent, pin: &Pin) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    pin.require(&access, Protected::Security)?;
    let vault = access.vault.vault();
    access.vault.wait(vault.keep_pin(now()))?;
    told(agent, &access)
}

fn told(agent: &Agent, access: &Access) -> Result<Code> {
    let setting = setting(access)?;
    agent
        .out
        .result(&document(access, &setting), || text(&setting))?;
    Ok(Code::Done)
}

fn make(agent: &Agent, operation: Protected, path: &Path) -> Result<Code> {
    let read = std::fs::read_to_string(path).map(Zeroizing::new);
    let read = read.map_err(|error| Fail::own_file("read", path, &error))?;
    let none = || {
        let message = format!("{} holds no secret of security PINs", path.display());
        Fail::known(Problem::PinSecret, message)
    };
    let secret = PinSecret::from_text(&read).ok_or_else(none)?;
    let pin = secret.pin(operation, now());
    let document = json!({
        "vault_id": secret.vault_id().to_string(),
        "operation": operation.as_str(),
        "pin": pin,
        "valid_secs": 300,
    });
    agent.out.result(&document, || {
        format!(
            "{pin}\ngood for five minutes and once, for {}",
            operation.as_str()
        )
    })?;
    Ok(Code::Done)
}

/// Whoever looks after this machine must learn of it, even if somebody else did it.
fn raise(agent: &Agent, message: &str) -> Result<()> {
    let (class, severity) = (AlertClass::Security, Severity::Critical);
    let key = "security_pin_off".to_owned();
    let mut alert = NewAlert::new(key, class, severity, "security_pin_off", message.to_owned());
    alert.help = Some(
        "if it was not meant, change the owner's passphrase; `strongroom-agent vault security status` tells more"
            .to_owned(),
    );
    let now = now();
    journal::journal(agent)?.with_catalog(now, |catalog| {
        catalog.change(|change| change.raise_alert(&alert, now))?;
        Ok(())
    })?;
    Ok(())
}
