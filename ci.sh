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
    cargo fmt --manifest-path benches/Cargo.toml --check
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

# Instructions of one call: what ten calls more cost, a tenth of it.
count_instructions() { # PROGRAM KERNEL SHAPE LEVEL
    local few many
    refs() { valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 | sed -nE 's/.* Collected : ([0-9]+)/\1/p'; }
    few=$(refs "$@" 1)
    many=$(refs "$@" 11)
    echo $(((many - few) / 10))
}

verb_instructions() { # instruction counts of the kernels against benches/instructions.txt; UPDATE=1 writes it anew
    command -v valgrind >/dev/null || { apt-get update -qq && apt-get install -y -qq valgrind; }
    cargo build --release --locked --manifest-path benches/Cargo.toml --bin reinmax-benches
    local program=${CARGO_TARGET_DIR:-benches/target}/release/reinmax-benches counts
    counts=$(mktemp)
    "$program" | while read -r kernel shape level; do
        echo "$kernel $shape $level $(count_instructions "$program" "$kernel" "$shape" "$level")"
    done >"$counts"
    if [ -n "${UPDATE:-}" ]; then
        mv "$counts" benches/instructions.txt
        return
    fi
    # Within 2 %, or 20 instructions: compilers differ a little from release to release.
    awk 'NR == FNR { was[$1, $2, $3] = $4; next }
        !(($1, $2, $3) in was) { print "not in the snapshot:", $0; bad = 1; next }
        { difference = $4 - was[$1, $2, $3]; limit = was[$1, $2, $3] * 0.02 + 20
          if (difference > limit || -difference > limit) { print $1, $2, $3 ": was", was[$1, $2, $3] ", is", $4; bad = 1 } }
        END { if (bad) print "UPDATE=1 ./ci.sh instructions takes these counts over"; exit bad }' \
        benches/instructions.txt "$counts" >&2
}

verb_bench() { # slow: criterion benchmarks, with peers
    RAYON_NUM_THREADS=1 cargo bench --locked --manifest-path benches/Cargo.toml
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
