//! Where the values of global flags come from: flags, then the environment, then the configuration file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use strongroom_notices as notices;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::access;
use crate::cli::Globals;
use crate::fail::{Fail, Problem, Result, is_out_of_files};
use crate::state::State;
use crate::values;

/// Name of the configuration file in the state directory.
const FILE: &str = "config.toml";
const KEYS: &str = "vault, passphrase_file, passphrase_command, state_dir, cache_dir, max_memory, proxy, \
                    proxy_password_file and the section [notices]";

/// Defaults as a file gives them; paths are relative to its directory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    vault: Option<String>,
    passphrase_file: Option<PathBuf>,
    passphrase_command: Option<String>,
    state_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    max_memory: Option<u64>,
    proxy: Option<String>,
    proxy_password_file: Option<PathBuf>,
}

/// What is wrong with a file, and at which byte of it.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    at: Option<usize>,
    message: String,
}

/// Fills in what no flag says, and finds the state directory.
pub(crate) fn complete(flags: Globals) -> Result<(Globals, State)> {
    let globals = with_variables(flags, |name| std::env::var_os(name));
    let state = State::locate(globals.state_dir.as_deref());
    let Some(File {
        path,
        text,
        is_named,
    }) = read(&globals, &state)?
    else {
        return Ok((globals, state));
    };
    let settings = parse(&text, is_named).map_err(|wrong| fail(&path, &text, &wrong))?;
    let base = std::path::absolute(&path).unwrap_or(path);
    let globals = with_settings(globals, settings, base.parent().unwrap_or(Path::new("/")));
    let state = State::locate(globals.state_dir.as_deref());
    Ok((globals, state))
}

/// Who is told what: the section `[notices]`, which nothing else looks at.
pub(crate) fn notices(globals: &Globals, state: &State, host: &str) -> Result<notices::Settings> {
    let Some(File { path, text, .. }) = read(globals, state)? else {
        return Ok(notices::Settings::new(host));
    };
    let base = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let base = base.parent().unwrap_or(Path::new("/"));
    notices::Settings::parse(&text, base, host).map_err(|error| {
        let message = format!("{}, {error}", path.display());
        Fail::usage(message, error.help()).named(Problem::ConfigurationFile)
    })
}

/// A configuration file, and whether a flag names it.
struct File {
    path: PathBuf,
    text: String,
    is_named: bool,
}

/// The file of the flag, or that of the state directory if there is one.
fn read(globals: &Globals, state: &State) -> Result<Option<File>> {
    let (path, is_named) = match (&globals.config, state.dir()) {
        (Some(path), _) => (path.clone(), true),
        (None, Ok(dir)) => (dir.join(FILE), false),
        (None, Err(_)) => return Ok(None),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(File {
            path,
            text,
            is_named,
        })),
        Err(error) if !is_named && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if is_out_of_files(&error) => Err(Fail::own_file("read", &path, &error)),
        Err(error) => {
            let message = format!("cannot read the configuration file {}", path.display());
            let help = "give --config a TOML file that this user may read";
            let fail = Fail::usage(message, help).named(Problem::ConfigurationFile);
            Err(fail.because(&error))
        }
    }
}

/// The directory for what can be made again, unless one is named.
pub(crate) fn default_cache_dir() -> PathBuf {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    if rustix::process::geteuid().is_root() {
        return "/var/cache/strongroom".into();
    }
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("strongroom")
}

/// With the environment where no flag is given. An empty value is none.
fn with_variables(flags: Globals, variable: impl Fn(&str) -> Option<OsString>) -> Globals {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let path = |name: &str| variable(name).map(PathBuf::from);
    let url = || variable("STRONGROOM_VAULT").map(|url| url.to_string_lossy().into_owned());
    // A vault credential that is given with the command comes before a vault that is not.
    let url = || url().filter(|_| flags.credentials.is_none());
    let is_given = flags.passphrase_file.is_some() || flags.passphrase_command.is_some();
    Globals {
        vault: flags.vault.filter(|url| !url.is_empty()).or_else(url),
        state_dir: flags.state_dir.or_else(|| path("STRONGROOM_STATE_DIR")),
        passphrase_file: flags
            .passphrase_file
            .or_else(|| path("STRONGROOM_PASSPHRASE_FILE").filter(|_| !is_given)),
        ..flags
    }
}

/// With the settings of a file in the directory `base` where nothing else is given.
fn with_settings(globals: Globals, settings: Settings, base: &Path) -> Globals {
    let below = |path: Option<PathBuf>| path.map(|path| base.join(path));
    let vault = settings.vault.map(|url| match access::is_path(&url) {
        true => base.join(url).to_string_lossy().into_owned(),
        false => url,
    });
    let vault = vault.filter(|_| globals.credentials.is_none());
    // One way to a passphrase is enough, and the nearest one counts.
    let (file, command) = match (&globals.passphrase_file, &globals.passphrase_command) {
        (None, None) => (below(settings.passphrase_file), settings.passphrase_command),
        _ => (globals.passphrase_file, globals.passphrase_command),
    };
    Globals {
        vault: globals.vault.or(vault),
        passphrase_file: file,
        passphrase_command: command,
        state_dir: globals.state_dir.or_else(|| below(settings.state_dir)),
        cache_dir: globals.cache_dir.or_else(|| below(settings.cache_dir)),
        max_memory: globals.max_memory.or(settings.max_memory),
        proxy: globals.proxy.or(settings.proxy),
        proxy_password_file: globals
            .proxy_password_file
            .or_else(|| below(settings.proxy_password_file)),
        ..globals
    }
}

/// Reads a file; one that was found in the state directory cannot say where that is.
fn parse(text: &str, may_name_state: bool) -> Result<Settings, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        at: error.span().map(|span| span.start),
        message: error.message().to_owned(),
    })?;
    let mut settings = Settings::default();
    for (key, value) in table.get_ref().iter() {
        let name = key.get_ref().as_ref();
        let wrong = |message: String| Wrong {
            at: Some(key.span().start),
            message,
        };
        let text = || string(name, value);
        let path = || text().map(|text| Some(PathBuf::from(text)));
        match name {
            "vault" => settings.vault = Some(text()?),
            "passphrase_file" => settings.passphrase_file = path()?,
            "passphrase_command" => settings.passphrase_command = Some(text()?),
            "state_dir" if may_name_state => settings.state_dir = path()?,
            "state_dir" => {
                let message = "state_dir: this file is read because it stands in the state directory; \
                               only a file named with --config can choose another";
                return Err(wrong(message.to_owned()));
            }
            "cache_dir" => settings.cache_dir = path()?,
            "max_memory" => {
                let said = size(value).map_err(|said| wrong(format!("max_memory: {said}")));
                settings.max_memory = Some(said?);
            }
            "proxy" => {
                let said = values::proxy(&text()?);
                settings.proxy = Some(said.map_err(|said| wrong(format!("proxy: {said}")))?);
            }
            "proxy_password_file" => settings.proxy_password_file = path()?,
            // `notices` reads it.
            "notices" if matches!(value.get_ref(), DeValue::Table(_)) => {}
            _ => return Err(wrong(format!("there is no key {name:?}"))),
        }
    }
    if settings.passphrase_file.is_some() && settings.passphrase_command.is_some() {
        let message = "passphrase_file and passphrase_command exclude each other";
        let at = table.get_ref().get_key_value("passphrase_command");
        return Err(Wrong {
            at: at.map(|(key, _)| key.span().start),
            message: message.to_owned(),
        });
    }
    Ok(settings)
}

fn string(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    let text = value.get_ref().as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Wrong {
        at: Some(value.span().start),
        message: format!("{name}: a text in quotes is needed, which is not empty"),
    })
}

/// A size in quotes, or a number of bytes.
fn size(value: &Spanned<DeValue<'_>>) -> Result<u64, String> {
    match value.get_ref() {
        DeValue::String(text) => values::memory(text),
        DeValue::Integer(number) if number.radix() == 10 => values::memory(number.as_str()),
        _ => Err("a size in quotes is needed, such as \"512M\"".to_owned()),
    }
}

fn fail(path: &Path, text: &str, wrong: &Wrong) -> Fail {
    let line = wrong.at.map(|at| {
        let before = text.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        format!(", line {line}")
    });
    let message = format!(
        "{}{}: {}",
        path.display(),
        line.unwrap_or_default(),
        wrong.message
    );
    let help = format!("mend that line; the keys are {KEYS}");
    Fail::usage(message, help).named(Problem::ConfigurationFile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn globals(flags: &[&str]) -> Globals {
        let args = [&["agent", "points"], flags].concat();
        Cli::try_parse_from(args).unwrap().globals
    }

    #[test]
    fn every_key_is_read() {
        let text = "vault = \"v\"\npassphrase_file = \"p\"\nstate_dir = \"s\"\ncache_dir = '/c'\n\
                    max_memory = \"64M\"\nproxy = \"http://proxy:3128\"\n\
                    proxy_password_file = \"pp\"\n";
        let merged = with_settings(globals(&[]), parse(text, true).unwrap(), Path::new("/etc"));
        assert_eq!(merged.vault.as_deref(), Some("/etc/v"));
        assert_eq!(merged.passphrase_file, Some("/etc/p".into()));
        assert_eq!(merged.state_dir, Some("/etc/s".into()));
        assert_eq!(merged.cache_dir, Some("/c".into()));
        assert_eq!(merged.max_memory, Some(64 << 20));
        assert_eq!(merged.proxy.as_deref(), Some("http://proxy:3128"));
        assert_eq!(merged.proxy_password_file, Some("/etc/pp".into()));
        let number = parse("max_memory = 67_108_864", false).unwrap();
        assert_eq!(number.max_memory, Some(64 << 20));
        let url = parse("vault = \"file:///v\"", false).unwrap();
        let merged = with_settings(globals(&[]), url, Path::new("/etc"));
        assert_eq!(merged.vault.as_deref(), Some("file:///v"));
    }

    #[test]
    fn flags_come_first_then_the_environment() {
        let file = || parse("vault = \"/file\"\npassphrase_command = \"cat\"", true).unwrap();
        let set = |name: &str| match name {
            "STRONGROOM_VAULT" => Some("/variable".into()),
            "STRONGROOM_PASSPHRASE_FILE" => Some("/secret".into()),
            _ => None,
        };
        let merge = |flags: Globals| with_settings(flags, file(), Path::new("/"));
        let both = merge(with_variables(globals(&["--vault", "/flag"]), set));
        assert_eq!(both.vault.as_deref(), Some("/flag"));
        assert_eq!(both.passphrase_file, Some("/secret".into()));
        assert_eq!(both.passphrase_command, None);
        let variable = merge(with_variables(globals(&["--passphrase-command", "x"]), set));
        assert_eq!(variable.vault.as_deref(), Some("/variable"));
        assert_eq!(variable.passphrase_file, None);
        assert_eq!(variable.passphrase_command.as_deref(), Some("x"));
        let neither = merge(with_variables(globals(&[]), |_| None));
        assert_eq!(neither.vault.as_deref(), Some("/file"));
        assert_eq!(neither.passphrase_command.as_deref(), Some("cat"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            ("\nvolt = \"x\"", 2, "\"volt\""),
            ("vault = 3", 1, "vault"),
            ("vault = \"\"", 1, "vault"),
            ("# a\n\nmax_memory = \"many\"", 3, "max_memory"),
            ("max_memory = \"1M\"", 1, "48.0 MiB"),
            ("proxy = \"proxy\"", 1, "proxy"),
            ("vault = \"a\"\nvault = \"b\"", 2, "key"),
            ("\nvault", 2, "expected `=`"),
            ("state_dir = \"s\"", 1, "state_dir"),
            (
                "passphrase_command = \"c\"\npassphrase_file = \"f\"",
                1,
                "exclude",
            ),
        ] {
            let wrong = parse(text, false).unwrap_err();
            let shown = fail(Path::new("/c"), text, &wrong).message;
            assert!(shown.starts_with(&format!("/c, line {line}: ")), "{shown}");
            assert!(shown.contains(word), "{shown}");
        }
    }
}
