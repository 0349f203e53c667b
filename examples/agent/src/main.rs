//! `strongroom-agent`: backup and restore of one machine.
//!
//! Every command is one module below `commands`: it reads its flags, makes one call into the `strongroom` library and
//! renders what comes back. What a backup or a restore does is decided there, not here.
//!
//! | module | is |
//! |---|---|
//! | `cli`, `values` | flags and how their values are read |
//! | `run` | from arguments to an exit code |
//! | `commands` | a module for each command |
//! | `state` | the state directory: machine id, chosen vault, credentials, locks |
//! | `kit` | the recovery kit of a generated passphrase |
//! | `settings` | defaults of flags: the environment and the configuration file |
//! | `hooks` | commands around a backup |
//! | `throttle` | how fast vaults are written to and read, by that policy |
//! | `journal` | what every job tells of itself |
//! | `security` | what nobody may keep quiet |
//! | `telling` | telling people of alerts |
//! | `rules` | what the policy of this machine says of points |
//! | `pin` | security PINs for what destroys |
//! | `access`, `secret`, `prompt` | which vault, and with which key |
//! | `credential`, `proxy` | vault credentials, and the proxy on the way to a cloud |
//! | `create`, `slots` | making a vault; its key slots |
//! | `fail` | errors, their exit codes and their help |
//! | `output` | JSON documents, text for people, progress |
//! | `signals`, `limits` | Ctrl-C; what the system permits this process |

#![deny(
    clippy::print_stderr,
    reason = "it panics when nobody reads standard error; `output::tell` does not"
)]

mod access;
mod cli;
mod commands;
mod create;
mod credential;
mod fail;
mod hooks;
mod journal;
mod kit;
mod limits;
mod output;
mod pin;
mod prompt;
mod proxy;
mod rules;
mod run;
mod secret;
mod security;
mod settings;
mod signals;
mod slots;
mod state;
mod telling;
mod throttle;
mod values;

fn main() -> std::process::ExitCode {
    run::main(std::env::args_os().collect())
}
