#!/usr/bin/env bash
# Every check of the project as a verb: `./ci.sh fmt clippy test docs bare` runs those five in turn; `./ci.sh help` lists all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

verb_help() { # this list
    sed -nE 's/^verb_([a-z_]+)\(\) \{ # (.*)/  \1\t\2/p' "$0"
}

verb_fmt() { # formatting
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
}

verb_clippy() { # lints, warnings denied
    cargo clippy --workspace --all-targets --locked -- -D warnings
}

verb_test() { # the test suite, as the README calls it
    cargo test --workspace --locked
}

verb_docs() { # documentation, warnings denied
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
}

# Sets CARGO_BARE to a cargo that can build `core` for bare targets: the default toolchain where it has the target, else
# Debian's, whose packages carry the standard library's source.
bare_toolchain() {
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; then
        CARGO_BARE=(cargo build --target "$1")
        return
    fi
    if ! [ -x /usr/bin/cargo ] || ! compgen -G '/usr/src/rustc-*' >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    fi
    # No tool may fetch a toolchain part.
    export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="-D warnings"
    CARGO_BARE=(/usr/bin/cargo build --target "$1" -Zbuild-std=core)
}

verb_bare() { # reinmax-core for targets without an operating system, and no panic in it
    local target
    for target in thumbv7em-none-eabihf riscv32imac-unknown-none-elf; do
        (
            bare_toolchain "$target"
            "${CARGO_BARE[@]}" --release -p reinmax-core --locked --target-dir target/bare
        )
    done
    # Linking fails where a panic is reachable.
    (
        bare_toolchain thumbv7em-none-eabihf
        "${CARGO_BARE[@]}" --release --locked --manifest-path tests/freestanding/Cargo.toml --target-dir target/bare
    )
}

verb_fuzz() { # slow, nightly: random tape programs for FUZZ_SECONDS (300)
    command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
    mkdir -p fuzz/target/found # what is found grows there; the committed corpus only seeds it
    cargo +nightly fuzz run tape fuzz/target/found fuzz/corpus/tape -- -max_total_time="${FUZZ_SECONDS:-300}"
}

verb_exhaustive() { # slow: exp and ln over every float of their ranges
    cargo test -p reinmax-tests --release --locked -- --ignored --nocapture
}

for verb in "${@:-help}"; do
    declare -F "verb_$verb" >/dev/null || { echo "ci.sh: no verb '$verb'; ./ci.sh help lists them" >&2; exit 2; }
    echo "== $verb" >&2
    "verb_$verb"
done
