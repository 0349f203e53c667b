//! Ctrl-C: the first one asks the running call to stop, the second one ends the program.

use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strongroom::Cancel;

use crate::fail::{self, Code, Fail, Result};
use crate::output::tell;
use crate::prompt;

/// Where signals are heard.
pub(crate) struct Interrupts(Arc<Mutex<Option<Cancel>>>);

impl Interrupts {
    /// Starts to listen. While no call can be cancelled, a signal ends the program at once.
    pub(crate) fn listen() -> Result<Self> {
        let running = Arc::new(Mutex::new(None::<Cancel>));
        let fail = |error: std::io::Error| {
            let help = match fail::is_out_of_files(&error) {
                true => fail::OPEN_FILES,
                false => "raise the limit of threads (ulimit -u), then run it again",
            };
            Fail::new(Code::Failed, "cannot listen for signals", help).because(&error)
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fail)?;
        let shared = Arc::clone(&running);
        let listen = move || {
            for _signal in signals.forever() {
                let running = shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                match running {
                    // A question waits for a key: nothing else can end it, and nothing has begun.
                    Some(cancel) if !cancel.is_cancelled() && !prompt::end() => {
                        cancel.cancel();
                        tell("stopping cleanly; once more to stop at once");
                    }
                    _ => {
                        prompt::end();
                        signal_hook::low_level::exit(Code::Cancelled as i32);
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .map_err(fail)?;
        Ok(Self(running))
    }

    /// The token that the next signal uses.
    pub(crate) fn cancel(&self) -> Cancel {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.get_or_insert_with(Cancel::new).clone()
    }
}
