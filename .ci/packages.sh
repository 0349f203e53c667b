# shellcheck shell=bash
# Sourced by ./test and .ci/run: the Debian packages that the tests use. As root it installs what is missing; as an
# ordinary user, or elsewhere, it says what is, and the tests that need it skip themselves with a message.

strongroom_packages() {
    local wanted=(acl attr btrfs-progs build-essential ca-certificates e2fsprogs fuse3 git python3 python3-venv rsync
        tinyproxy tmux zstd)
    local missing=() name log
    if ! command -v dpkg-query >/dev/null; then
        echo "no Debian packages here; the tests use: ${wanted[*]}"
        return
    fi
    for name in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    elif [ "$(id -u)" -ne 0 ]; then
        echo "missing, some tests will be skipped: ${missing[*]}"
        return
    fi
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 5 "$log"
        echo "could not install them, some tests will be skipped: ${missing[*]}"
    fi
    rm -f "$log"
}
