//! Telling the service manager how the daemon is (sd_notify(3)).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager that has started this process, if one has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supervisor;

impl Supervisor {
    /// Tells it something, such as `READY=1`. Where nobody listens, nothing happens.
    pub(super) fn tell(self, state: &str) {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return;
        };
        let name = name.as_bytes();
        let address = match name.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
        };
        let sent = address
            .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
        drop(sent);
    }
}
