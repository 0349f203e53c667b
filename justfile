# The front door. Every recipe is a plain command that also works without `just`.

# list the recipes
default:
    @just --list

# format everything
fmt:
    cargo fmt --all

# what the linter says
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# the default tier of tests, below 5 minutes; e.g. `just test -p strongroom-vault`
test *ARGS:
    ./test {{ARGS}}

# the long tier: as long as one has patience
soak:
    cargo test --release --workspace -- --ignored soak

# the documentation, in a browser
doc:
    cargo doc --workspace --no-deps --open

# licences, bans and sources of all dependencies
deny:
    cargo deny check bans licenses sources

# a benchmark, e.g. `just bench chunking`
bench NAME:
    cargo bench -p strongroom-benches --bench {{NAME}}

# a fuzz target for SECS seconds, e.g. `just fuzz header 60` (needs cargo-fuzz and a nightly compiler)
fuzz TARGET SECS="60":
    cargo +nightly fuzz run {{TARGET}} -- -max_total_time={{SECS}}

# a Debian package of the agent, or of a program that was built before, e.g. `just deb target/debug/strongroom-agent`
deb *BINARY:
    examples/agent/packaging/deb {{BINARY}}

# the agent as one file that needs no library (needs the Rust target of musl, and musl-tools)
static PROFILE="release":
    examples/agent/packaging/static {{PROFILE}}

# back up FOLDER into an embedded vault and tell how to restore
quickstart *ARGS:
    ./quickstart {{ARGS}}

# everything that must hold before a change lands
ci:
    .ci/run
