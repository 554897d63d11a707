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

CBINDGEN=0.29.4

# Writes the header that cbindgen makes of capi to $1. Macros are expanded first, which needs an unstable flag.
make_header() {
    if [ "$(cbindgen --version 2>/dev/null)" != "cbindgen $CBINDGEN" ]; then
        cargo install cbindgen --version "$CBINDGEN" --locked
    fi
    (cd capi && RUSTC_BOOTSTRAP=1 cbindgen --quiet --config cbindgen.toml --crate reinmax-capi --output "$1")
}

verb_header() { # writes capi/include/reinmax.h anew
    make_header include/reinmax.h
}

verb_capi() { # the C interface: header up to date, install prefix, C programs against both libraries, bits as in Rust
    local scratch=${CARGO_TARGET_DIR:-target}/capi prefix task variables
    if ! { command -v g++ && command -v make && command -v cmake && command -v pkg-config; } >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends build-essential cmake pkg-config
    fi
    rm -rf "$scratch" && mkdir -p "$scratch"
    scratch=$(realpath "$scratch") prefix=$scratch/prefix
    make_header "$scratch/reinmax.h"
    diff -u capi/include/reinmax.h "$scratch/reinmax.h" || { echo "the header is out of date: ./ci.sh header" >&2; return 1; }
    cargo test -p reinmax-capi -p reinmax-example-tasks --locked --quiet
    make -s -C capi install PREFIX="$prefix"

    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    local strict=(-O2 -Wall -Wextra -Wconversion -pedantic -Werror)
    gcc -std=c11 "${strict[@]}" examples/c/contract.c -o "$scratch/contract" \
        $(pkg-config --cflags --libs reinmax) -lm -Wl,-rpath,"$prefix/lib"
    gcc -std=c11 "${strict[@]}" examples/c/contract.c -o "$scratch/contract_static" \
        $(pkg-config --cflags reinmax) "$prefix/lib/libreinmax_capi.a" \
        $(pkg-config --static --libs-only-l reinmax | sed 's/-lreinmax_capi//')
    "$scratch/contract"
    "$scratch/contract_static"
    # The header is C++ too.
    echo '#include <reinmax.h>' | g++ -std=c++17 "${strict[@]}" $(pkg-config --cflags reinmax) -x c++ -fsyntax-only -

    cmake -S examples/c -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$scratch/build" >/dev/null
    for task in polynomial polynomial_static; do
        for variables in 32 128; do
            "$scratch/build/$task" "$variables" | diff - "examples/tasks/expected/polynomial-$variables.txt"
        done
    done
    echo "header up to date; contract holds; losses in C have the bits of those in Rust" >&2
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
