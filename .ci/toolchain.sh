# shellcheck shell=bash
# Sourced by ./test, ./quickstart and .ci/run: finds cargo, or says what to do.
#
# Works with an empty HOME, too: a rustup proxy on the PATH looks for its toolchains below HOME, so they are looked for
# where the proxy itself was installed and below the home directory that the system knows for this user.

strongroom_toolchain() {
    local home place
    home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || home=
    export HOME=${HOME:-${home:-/tmp}}
    if ! command -v cargo >/dev/null; then
        for place in "$HOME" "$home" /usr/local /root; do
            if [ -x "$place/.cargo/bin/cargo" ]; then PATH=$PATH:$place/.cargo/bin; break; fi
            if [ -x "$place/cargo/bin/cargo" ]; then PATH=$PATH:$place/cargo/bin; break; fi
        done
    fi
    if ! command -v cargo >/dev/null; then
        cat >&2 <<'MISSING'
error: cargo is not installed
help: install Rust 1.91 or newer with rustup (https://rustup.rs), open a new shell, and run this again
MISSING
        return 1
    fi
    if ! cargo --version >/dev/null 2>&1; then
        place=$(dirname "$(dirname "$(dirname "$(command -v cargo)")")")
        for place in "$place/.rustup" "$place/rustup" "$home/.rustup"; do
            if [ -d "$place/toolchains" ] && RUSTUP_HOME=$place cargo --version >/dev/null 2>&1; then
                export RUSTUP_HOME=$place
                break
            fi
        done
    fi
    if ! cargo --version >/dev/null 2>&1; then
        cat >&2 <<'UNSET'
error: cargo is installed, but has no toolchain
help: run "rustup default stable", and run this again
UNSET
        return 1
    fi
    if ! command -v cc >/dev/null; then
        cat >&2 <<'NOCC'
error: there is no C compiler, which the compression library and the linker need
help: on Debian and Ubuntu: apt-get install build-essential; on Fedora: dnf install gcc; then run this again
NOCC
        return 1
    fi
}
