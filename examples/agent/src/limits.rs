//! What the system permits this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that may be open at once as far as this user may: a walk holds every directory on its
/// way down, and the usual limit of 1024 is meant for programs that call `select`.
pub(crate) fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // What is refused stays as it was; a walk that needs more says so.
    let _refused = setrlimit(Resource::Nofile, raised);
}
