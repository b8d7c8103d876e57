#!/usr/bin/env bash
# Everything that must hold: installs the real parts that the tests need,
# builds, then formatting, lints, every test, the documentation.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS

say() { printf '\n== %s\n' "$*"; }

# Debian's package for each program that is needed and not there.
need() {
    local program=$1 package=$2
    if command -v "$program" >/dev/null; then
        return
    fi
    missing+=("$package")
}

say "parts that the tests need"
missing=()
need strace strace
need mount mount
need findmnt util-linux
need setpriv util-linux
need chattr e2fsprogs
need mkfs.ext4 e2fsprogs
need faketime faketime
need cc gcc
need soffice libreoffice-calc
need chromium chromium
need node nodejs
need npm npm
# cargo-deny fetches the advisories with it.
need git git
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        echo "this needs root; install them yourself, then run this again" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
    echo "all there, nothing installed"
fi
for component in rustfmt clippy; do
    if ! cargo ${component/rustfmt/fmt} --version >/dev/null 2>&1; then
        echo "installing: $component"
        rustup component add "$component"
    fi
done

# Prefer what was installed here before; cargo does not always have its folder in PATH.
tools=$PWD/target/tools
PATH=$tools/bin:$PATH
if ! command -v cargo-deny >/dev/null; then
    echo "installing: cargo-deny (built from source, a few minutes, once)"
    # Without optimization, which would take several times as long and save a second.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --root "$tools" --version '^0.20' cargo-deny
fi

# What drives the browser, in the versions that the lock file names.
browser=$tools/browser
if ! cmp -s tests/browser/package-lock.json "$browser/node_modules/.as-locked"; then
    echo "installing: what drives the browser (playwright-core, axe-core)"
    mkdir -p "$browser"
    cp tests/browser/package.json tests/browser/package-lock.json "$browser/"
    (cd "$browser" && npm ci --ignore-scripts --no-audit --no-fund --silent)
    cp tests/browser/package-lock.json "$browser/node_modules/.as-locked"
fi

say "licences, sources and versions of what is built in"
cargo deny --locked check --hide-inclusion-graph licenses bans sources
# The list of known faults is a repository on GitHub, which not every machine reaches. Whether it could be asked is told
# either way; that it could not is no failure of this tree.
if timeout 120 cargo deny --locked fetch db >/dev/null 2>&1; then
    cargo deny --locked check --disable-fetch --hide-inclusion-graph advisories
else
    echo "NOT CHECKED: known faults of dependencies; the advisory database cannot be reached from here"
fi

say "formatting"
cargo fmt --check
rustfmt --check --edition 2024 fuzz/fuzz_targets/*.rs

say "lints"
cargo clippy --locked --all-targets -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

# How often it is killed in each test that does so. ROWHOOK_KILLS=500 is the long run.
export ROWHOOK_KILLS="${ROWHOOK_KILLS:-30}"

say "tests that need nothing but Rust"
cargo test --locked

# Most of their time is waiting: for checkpoints, for downloads that are not to be had.
say "tests with strace, full disks, mounts and a clock that jumps"
cargo test --locked --test faults -- --test-threads 6

say "what LibreOffice shows"
cargo test --locked --test office

say "what people see in a browser"
cargo test --locked --test browser -- --nocapture

# A copy of the code with one mistake at a time: the sequences on the simulated disk must notice each.
export ROWHOOK_MUTANT_SEQUENCES="${ROWHOOK_MUTANT_SEQUENCES:-300}"
say "deliberate mistakes are noticed"
cargo test --locked --test mutants -- --nocapture

say "all held, in $((SECONDS - started)) s"
