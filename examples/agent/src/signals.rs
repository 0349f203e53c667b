//! Ctrl-C: the first one asks the running call to stop, the second one ends the program. A call that can refuse to end
//! hears each of them.

use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strongroom::Cancel;

use crate::fail::{self, Code, Fail, Result};
use crate::output::tell;
use crate::prompt;

/// What a signal does.
enum Listener {
    /// Nothing runs that could be stopped: it ends the program.
    Nobody,
    /// The first one asks a call to stop.
    Call(Cancel),
    /// Each one is told.
    Ear(Box<dyn Fn() + Send>),
}

/// Where signals are heard.
pub(crate) struct Interrupts(Arc<Mutex<Listener>>);

impl Interrupts {
    /// Starts to listen. While no call can be cancelled, a signal ends the program at once.
    pub(crate) fn listen() -> Result<Self> {
        let running = Arc::new(Mutex::new(Listener::Nobody));
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
                let running = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match &*running {
                    // A question waits for a key: nothing else can end it, and nothing has begun.
                    Listener::Call(cancel) if !cancel.is_cancelled() && !prompt::end() => {
                        cancel.cancel();
                        tell("stopping cleanly; once more to stop at once");
                    }
                    Listener::Ear(tell) => tell(),
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
        if let Listener::Call(cancel) = &*running {
            return cancel.clone();
        }
        let cancel = Cancel::new();
        *running = Listener::Call(cancel.clone());
        cancel
    }

    /// From now on every signal is told here, and none ends the program.
    pub(crate) fn hear(&self, ear: impl Fn() + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Listener::Ear(Box::new(ear));
    }
}
