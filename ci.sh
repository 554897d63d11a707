#!/usr/bin/env bash
# Every check of the project as a verb: `./ci.sh fmt clippy test docs bare` runs those five in turn; `./ci.sh help` lists all.
# INSTALL=1 lets it install what a verb needs: Debian's packages (as root) and programs from crates.io.
set -euo pipefail
shopt -s inherit_errexit # a build that fails must not leave an older program to be run
cd "$(dirname "${BASH_SOURCE[0]}")"

source .ci/bare.sh
source .ci/size.sh

verb_help() { # this list
    sed -nE 's/^verb_([a-z_]+)\(\) \{ # (.*)/  \1\t\2/p' ci.sh .ci/*.sh
}

# Installs the Debian packages $2 and following unless every command in the list $1 is there.
need() {
    local command
    for command in $1; do
        command -v "$command" >/dev/null || { install_packages "${@:2}"; return; }
    done
}

# Whether this script may install what it needs; it says so where not.
may_install() { # WHAT
    [ -n "${INSTALL:-}" ] && return
    echo "ci.sh: $1 is needed and not there; INSTALL=1 installs it" >&2
    exit 2
}

# One at a time: verbs may run side by side.
install_packages() {
    may_install "Debian's $*"
    flock /tmp/reinmax-packages sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' apt "$@" >&2
}

verb_fmt() { # formatting; comments, which rustfmt leaves alone, end at 120 columns
    cargo fmt --all --check
    for manifest in benches fuzz tests/freestanding tests/bare tests/size examples/cortex-m examples/wasm; do
        cargo fmt --manifest-path "$manifest/Cargo.toml" --check
    done
    # Rows of a table cannot be broken.
    git ls-files '*.rs' | xargs awk '
        length($0) > 120 && /^ *\/\// && !/^ *\/\/[\/!] \|/ { print FILENAME ":" FNR ": a comment of more than 120 columns"; bad = 1 }
        END { exit bad }' >&2
}

verb_clippy() { # lints, warnings denied
    cargo clippy --workspace --all-targets --locked -- -D warnings
}

verb_clippy_benches() { # the same of the benchmarks, which have peers as dependencies
    # In the same folder, as most of what they depend on has been checked there.
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target} \
        cargo clippy --manifest-path benches/Cargo.toml --all-targets --locked -- -D warnings
}

verb_test() { # the test suite, as the README calls it
    cargo test --workspace --locked
}

verb_docs() { # documentation, warnings denied
    # There are no examples: asked for them, Cargo takes the crates that `clippy` has checked, with the features that tests need.
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --lib --bin reinmax-cli --examples
}

# What $1, the program of `benches`, counts: lines of kernel, shape, level and instructions.
count_instructions() {
    local call='reinmax_benches::Operands::call' parts
    parts=$(mktemp -d)
    # One run for all, since starting the emulator takes longer than a kernel: it writes a file after each call.
    valgrind -q --tool=callgrind --toggle-collect="$call" --dump-after="$call" --callgrind-out-file="$parts/call" "$1" >"$parts/names"
    # The file without a number is the rest, after the last call.
    sed -n 's/^totals: //p' $(ls -v "$parts"/call.*) | paste -d ' ' "$parts/names" -
    rm -r "$parts"
}

verb_instructions() { # instruction counts of the kernels against benches/instructions.txt; UPDATE=1 writes it anew; what kernels call
    need "valgrind objdump" valgrind binutils
    # A crate's path goes into the names of its symbols, and their order into what the compiler inlines: up to 5 % of a count.
    # Built by way of this link the path is the same wherever the project lies.
    local link=/tmp/reinmax-instructions program=${CARGO_TARGET_DIR:-benches/target}/release/reinmax-benches counts
    ln -sfn "$PWD" "$link"
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/benches/target} \
        cargo build --release --locked --manifest-path "$link/benches/Cargo.toml" --bin reinmax-benches
    # The emulator has no AVX-512; this sees it, too.
    python3 benches/calls.py "$program"
    counts=$(mktemp)
    count_instructions "$program" >"$counts"
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
    RAYON_NUM_THREADS=1 cargo bench --locked --features peers --manifest-path benches/Cargo.toml
}

verb_performance() { # slow: writes docs/performance/LEVEL.md for this machine's widest level; PYTHON (python3) has torch and reinmax
    local program=${CARGO_TARGET_DIR:-$PWD/target}/release/reinmax-cli tables level
    tables=$(mktemp)
    cargo build --release --locked -p reinmax-cli
    (cd benches && "${PYTHON:-python3}" peers/performance.py "$program") >"$tables"
    level=$(sed -nE '1s/.* ([a-z0-9]+)$/\1/p' "$tables")
    sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$tables" >"docs/performance/$level.md"
    rm "$tables"
}

CBINDGEN=0.29.4

# Writes the header that cbindgen makes of capi to $1. Macros are expanded first, which needs an unstable flag.
make_header() {
    if [ "$(cbindgen --version 2>/dev/null)" != "cbindgen $CBINDGEN" ]; then
        may_install "cbindgen $CBINDGEN (from crates.io)"
        cargo install cbindgen --version "$CBINDGEN" --locked
    fi
    (cd capi && RUSTC_BOOTSTRAP=1 cbindgen --quiet --config cbindgen.toml --crate reinmax-capi --output "$1")
}

verb_header() { # writes capi/include/reinmax.h anew
    make_header include/reinmax.h
}

# Builds the C libraries by the target $1 of capi's Makefile, with the variables that follow. With TESTED=1 they are those that `test` has built,
# and not others for release; LIBRARIES is where they are.
make_libraries() {
    local directory=${CARGO_TARGET_DIR:-$PWD/target}
    LIBRARIES=$directory/release
    local how=()
    if [ -n "${TESTED:-}" ]; then
        LIBRARIES=$directory/debug/deps
        how=(BUILD="test --workspace --no-run --quiet" BUILT="$LIBRARIES")
    fi
    make -s -C capi "$@" "${how[@]}"
}

verb_capi() { # the C interface: header up to date, install prefix, C programs against both libraries, bits as in Rust
    local scratch=${CARGO_TARGET_DIR:-target}/capi prefix task variables standard
    need "g++ make cmake pkg-config" build-essential cmake pkg-config
    rm -rf "$scratch" && mkdir -p "$scratch"
    scratch=$(realpath "$scratch") prefix=$scratch/prefix
    make_header "$scratch/reinmax.h"
    diff -u capi/include/reinmax.h "$scratch/reinmax.h" || { echo "the header is out of date: ./ci.sh header" >&2; return 1; }
    make_libraries install PREFIX="$prefix"

    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    local strict=(-O2 -Wall -Wextra -Wconversion -pedantic -Werror)
    gcc -std=c11 "${strict[@]}" examples/c/contract.c -o "$scratch/contract" \
        $(pkg-config --cflags --libs reinmax) -lm -Wl,-rpath,"$prefix/lib"
    gcc -std=c11 "${strict[@]}" examples/c/contract.c -o "$scratch/contract_static" \
        $(pkg-config --cflags reinmax) "$prefix/lib/libreinmax_capi.a" \
        $(pkg-config --static --libs-only-l reinmax | sed 's/-lreinmax_capi//')
    "$scratch/contract"
    "$scratch/contract_static"
    # The example at the top of the header is the body of a function.
    {
        echo '#include <reinmax.h>'
        echo 'int train(const float *initial); int train(const float *initial) {'
        sed -n 's/^ \*     //p' capi/include/reinmax.h
        echo 'return 0; }'
    } | gcc -std=c11 "${strict[@]}" $(pkg-config --cflags reinmax) -x c -c -o "$scratch/example.o" -
    # The header is C++ too.
    for standard in c++11 c++17; do
        echo '#include <reinmax.h>' | g++ -std=$standard "${strict[@]}" $(pkg-config --cflags reinmax) -x c++ -fsyntax-only -
    done
    echo '#include <reinmax.h>' | gcc -std=c99 "${strict[@]}" $(pkg-config --cflags reinmax) -x c -fsyntax-only -

    cmake -S examples/c -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$scratch/build" >/dev/null

    # Other folders are found too, and uninstalled.
    local elsewhere=(PREFIX="$scratch/usr" LIBDIR="$scratch/usr/lib/multi" INCLUDEDIR="$scratch/headers/reinmax")
    make_libraries install "${elsewhere[@]}"
    gcc -std=c11 examples/c/contract.c -o "$scratch/contract_elsewhere" \
        $(PKG_CONFIG_PATH=$scratch/usr/lib/multi/pkgconfig pkg-config --cflags --libs reinmax) -lm
    LD_LIBRARY_PATH=$scratch/usr/lib/multi "$scratch/contract_elsewhere"
    cmake -S examples/c -B "$scratch/build_elsewhere" -Dreinmax_DIR="$scratch/usr/lib/multi/cmake/reinmax" >/dev/null
    cmake --build "$scratch/build_elsewhere" --target polynomial >/dev/null
    make_libraries uninstall "${elsewhere[@]}"
    [ -z "$(find "$scratch/usr" "$scratch/headers" -type f -o -type l)" ] || { echo "files are left after uninstall" >&2; return 1; }
    for task in polynomial polynomial_static; do
        for variables in 32 128; do
            "$scratch/build/$task" "$variables" | diff - "examples/tasks/expected/polynomial-$variables.txt"
        done
    done
    echo "header up to date; contract holds; losses in C have the bits of those in Rust" >&2
}

verb_python() { # examples for numpy, autograd and JAX; with torch and reinmax where PYTHON (python3) has them, also that for PyTorch
    local directory=${CARGO_TARGET_DIR:-$PWD/target} theirs=${PYTHON:-python3} ours test
    ours=$directory/python/bin/python
    if ! "$ours" -c 'import numpy, autograd, jax' 2>/dev/null; then
        python3 -m venv "$directory/python"
        "$directory/python/bin/pip" install --quiet numpy autograd jax
    fi
    make_libraries all
    export REINMAX_LIBRARY=$LIBRARIES/libreinmax_capi.so PYTHONDONTWRITEBYTECODE=1
    for test in numpy autograd jax; do
        "$ours" "examples/python/test_$test.py"
    done
    if "$theirs" -c 'import torch, reinmax' 2>/dev/null; then
        "$theirs" examples/python/test_torch.py
        "$theirs" examples/python/bench_torch.py
    else
        echo "not run: examples/python/test_torch.py needs torch and reinmax; PYTHON names an interpreter that has them" >&2
    fi
}

verb_fuzz() { # slow, nightly: random tape programs for FUZZ_SECONDS (300)
    command -v cargo-fuzz >/dev/null || { may_install "cargo-fuzz (from crates.io)" && cargo install cargo-fuzz --locked; }
    mkdir -p fuzz/target/found # what is found grows there; the committed corpus only seeds it
    cargo +nightly fuzz run tape fuzz/target/found fuzz/corpus/tape -- -max_total_time="${FUZZ_SECONDS:-300}"
}

verb_exhaustive() { # slow: exp, ln and square roots over every float, every handle of a tape, what README says of the autoencoder
    cargo test -p reinmax-tests --release --locked -- --ignored --nocapture
    cargo test -p reinmax-cli --release --locked -- --ignored
}

for verb in "${@:-help}"; do
    declare -F "verb_$verb" >/dev/null || { echo "ci.sh: no verb '$verb'; ./ci.sh help lists them" >&2; exit 2; }
    echo "== $verb" >&2
    TIMEFORMAT="== $verb: %0R s, %0U s of a core"
    time "verb_$verb"
done
