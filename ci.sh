#!/usr/bin/env bash
# Every check of the project as a verb: `./ci.sh fmt clippy test docs bare` runs those five in turn; `./ci.sh help` lists all.
set -euo pipefail
shopt -s inherit_errexit # a build that fails must not leave an older program to be run
cd "$(dirname "${BASH_SOURCE[0]}")"

verb_help() { # this list
    sed -nE 's/^verb_([a-z_]+)\(\) \{ # (.*)/  \1\t\2/p' "$0"
}

verb_fmt() { # formatting
    cargo fmt --all --check
    for manifest in benches fuzz tests/freestanding tests/bare tests/size examples/cortex-m examples/wasm; do
        cargo fmt --manifest-path "$manifest/Cargo.toml" --check
    done
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

# Sets BARE_CARGO to a cargo that can build `core` for the bare target $1 and BARE_FLAGS to how it is told: the default toolchain
# where it has the target, else Debian's, whose packages carry the standard library's source. Call it in a subshell.
bare_toolchain() {
    export CARGO_TARGET_DIR=${BARE_TARGET_DIR:-$PWD/target/bare} RUSTFLAGS="-D warnings ${2:-}"
    BARE_CARGO=cargo BARE_FLAGS=(--target "$1" --locked)
    if [ "$1" != x86_64-unknown-linux-gnu ] && [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; then
        return
    fi
    if ! [ -x /usr/bin/cargo ] || ! compgen -G '/usr/src/rustc-*' >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    fi
    # No tool may fetch a toolchain part.
    export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    # Nothing but core is there to link, so an allocation could not be linked. memcpy and its kin, which Linux programs expect
    # from the C library, come from Rust.
    BARE_CARGO=/usr/bin/cargo BARE_FLAGS+=(-Zbuild-std=core)
    if [ "$1" = x86_64-unknown-linux-gnu ]; then BARE_FLAGS+=(-Zbuild-std-features=compiler-builtins-mem); fi
}

# Builds the C library for the bare target $1: a library of kind $2, with the compiler's flags $3. Prints where it is.
bare_library() (
    bare_toolchain "$1" "${3:-}"
    "$BARE_CARGO" rustc --quiet -p reinmax-capi --lib --crate-type "$2" --no-default-features --features panic-handler \
        --profile bare "${BARE_FLAGS[@]}" >&2
    compgen -G "$CARGO_TARGET_DIR/$1/bare/*reinmax_capi.$([ "$2" = cdylib ] && echo wasm || echo a)"
)

# Builds tests/bare for the target $1 with the compiler's flags $2; prints where the program is.
bare_program() (
    bare_toolchain "$1" "${2:-}"
    "$BARE_CARGO" build --quiet --release --manifest-path tests/bare/Cargo.toml "${BARE_FLAGS[@]}" >&2
    compgen -G "$CARGO_TARGET_DIR/$1/release/bare$([ "$1" = wasm32-unknown-unknown ] && echo .wasm)"
)

# Builds the page of examples/wasm; prints its folder, which any server of files can serve.
build_page() (
    bare_toolchain wasm32-unknown-unknown -Ctarget-feature=+simd128
    "$BARE_CARGO" build --quiet --release --manifest-path examples/wasm/Cargo.toml "${BARE_FLAGS[@]}" >&2
    page=$CARGO_TARGET_DIR/page
    mkdir -p "$page"
    cp examples/wasm/page/* "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/reinmax.wasm" "$page"
    echo "$page"
)

verb_page() { # builds the page of examples/wasm and says where it is
    build_page
}

verb_wasm() { # WebAssembly with and without SIMD gives the host's bits, in node and in a browser; screenshots beside the page
    local program library simd page
    if ! { command -v node && command -v chromium && command -v chromedriver; } >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends chromium chromium-driver
        command -v node >/dev/null || apt-get install -y -qq --no-install-recommends nodejs
    fi
    for simd in "" -Ctarget-feature=+simd128; do
        program=$(bare_program wasm32-unknown-unknown "$simd")
        node examples/wasm/vector.mjs "$program"
        library=$(bare_library wasm32-unknown-unknown cdylib "$simd")
        node examples/wasm/polynomial.mjs "$library" | diff - examples/tasks/expected/polynomial-32.txt
        echo "wasm32${simd:+ with simd128}: the bits of the host" >&2
    done
    page=$(build_page)
    cargo build --quiet --locked -p reinmax-example-tasks
    node examples/wasm/browser.mjs "$page" "${CARGO_TARGET_DIR:-target}/debug/reinmax-example-tasks" "$page/../screenshots"
}

verb_bare() { # reinmax-core for targets without an operating system, and no panic in it
    local target
    for target in thumbv7em-none-eabihf riscv32imac-unknown-none-elf; do
        (
            bare_toolchain "$target"
            "$BARE_CARGO" build --release -p reinmax-core "${BARE_FLAGS[@]}"
        )
    done
    # Linking fails where a panic is reachable.
    (
        bare_toolchain thumbv7em-none-eabihf
        "$BARE_CARGO" build --release --manifest-path tests/freestanding/Cargo.toml "${BARE_FLAGS[@]}"
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
    # A crate's path goes into the names of its symbols, and their order into what the compiler inlines: up to 5 % of a count.
    # Built by way of this link the path is the same wherever the project lies.
    local link=/tmp/reinmax-instructions program=${CARGO_TARGET_DIR:-benches/target}/release/reinmax-benches counts
    ln -sfn "$PWD" "$link"
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/benches/target} \
        cargo build --release --locked --manifest-path "$link/benches/Cargo.toml" --bin reinmax-benches
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

verb_performance() { # slow: measures docs/performance.md anew; PYTHON (python3) has torch and reinmax
    local program=${CARGO_TARGET_DIR:-$PWD/target}/release/reinmax-cli page
    page=$(mktemp)
    cargo build --release --locked -p reinmax-cli
    sed '/^<!-- The rest of this file is written by/q' docs/performance.md >"$page"
    echo >>"$page"
    (cd benches && "${PYTHON:-python3}" peers/performance.py "$program") >>"$page"
    sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$page" >docs/performance.md
    rm "$page"
}

# Emulators and the C compiler for Cortex-M.
need_emulators() {
    if ! { command -v qemu-system-arm && command -v qemu-riscv32 && command -v arm-none-eabi-gcc; } >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends qemu-system-arm qemu-user gcc-arm-none-eabi make
    fi
}

# Links every function of the header against a library whose panic handler calls a function that exists nowhere: that
# works only where no panic is reachable from any of them.
prove_no_panic() (
    scratch=${BARE_TARGET_DIR:-$PWD/target/bare}/proof proof="--cfg reinmax_prove_no_panic"
    mkdir -p "$scratch"
    functions=$(grep -oE '\breinmax_[a-z0-9_]+\(' capi/include/reinmax.h | tr -d '(' | sort -u)
    link_all() { # LIBRARY FUNCTION...
        local library=$1
        shift
        arm-none-eabi-gcc -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -nostdlib -Wl,--gc-sections \
            -Wl,-e,reinmax_abi_version -o "$scratch/everything.elf" "${@/#/-Wl,-u,}" "$library"
    }
    library=$(BARE_TARGET_DIR=$scratch bare_library thumbv7em-none-eabihf staticlib "$proof")
    # shellcheck disable=SC2086 # one word for each function
    link_all "$library" $functions
    if arm-none-eabi-nm "$scratch/everything.elf" | grep -E 'panic|rust_alloc|malloc'; then
        echo "the C interface reaches a panic or an allocation" >&2
        return 1
    fi
    # A proof that cannot fail proves nothing.
    library=$(BARE_TARGET_DIR=$scratch bare_library thumbv7em-none-eabihf staticlib "$proof --cfg reinmax_plant_a_panic")
    if link_all "$library" reinmax_planted_panic 2>"$scratch/errors.txt"; then
        echo "a planted panic links: the proof proves nothing" >&2
        return 1
    fi
    grep -q "undefined reference to .a_panic_is_reachable" "$scratch/errors.txt"
    echo "no panic and no allocation is reachable from $(wc -w <<<"$functions") functions" >&2
)

# Prints what each program of tests/size weighs on a Cortex-M4 (code and constants, in bytes) and how deep the stack of the
# firmwares goes, as "name number" lines.
weigh() {
    local source name directory library
    (
        bare_toolchain thumbv7em-none-eabihf
        "$BARE_CARGO" build --quiet --release --manifest-path tests/size/Cargo.toml "${BARE_FLAGS[@]}"
    )
    directory=${BARE_TARGET_DIR:-$PWD/target/bare}/thumbv7em-none-eabihf/release
    for source in tests/size/src/bin/*.rs; do
        name=$(basename "$source" .rs)
        arm-none-eabi-size "$directory/$name" | awk -v name="flash:$name" 'NR == 2 { print name, $1 + $2 }'
    done
    library=$(bare_library thumbv7em-none-eabihf staticlib)
    make -s -C examples/cortex-m-c LIB="$(realpath "$library")" OUT="$PWD/target/bare/cortex-m-c"
    arm-none-eabi-size "$PWD/target/bare/cortex-m-c/firmware.elf" | awk 'NR == 2 { print "flash:firmware_in_c", $1 + $2 }'
    for name in polynomial autoencoder estimators; do
        (
            bare_toolchain thumbv7em-none-eabihf
            cd examples/cortex-m
            "$BARE_CARGO" run --quiet --release --bin "$name" "${BARE_FLAGS[@]}"
        ) | sed -nE "s/^ *([0-9]+) bytes of memory, ([0-9]+) bytes of stack/ram:$name \\1\nstack:$name \\2/p
            s/^([a-z0-9_]+): ([0-9]+) bytes of stack/stack:\\1 \\2/p"
    done
}

# The table of README.md, from those of docs/size.md.
size_summary() {
    awk '
        /^## / { kind = tolower($2) }
        /^\| [a-z0-9_]+ \| [0-9]+ \|$/ { bytes[kind, $2, ++seen[kind, $2]] = $4; if (kind == "flash") names[++count] = $2 }
        function cell(kind, name, n) { return (kind, name, n) in bytes ? bytes[kind, name, n] : "–" }
        function row(what, program, firmware, n) {
            print "| " what " | " cell("flash", program, 1) " | " cell("ram", firmware, n) " | " cell("stack", firmware, n) " |"
        }
        END {
            print "| bytes on a Cortex-M4 | flash | RAM | stack |\n|---|---:|---:|---:|"
            row("training: polynomial task, 32 variables", "training_polynomial", "polynomial", 1)
            row("training: polynomial task, 128 variables", "training_polynomial", "polynomial", 2)
            row("training: autoencoder, 816 parameters", "training_autoencoder", "autoencoder", 1)
            for (i = 1; i <= count; i++) {
                if (sub(/^(backward|gradient)_/, "&", names[i])) {
                    what = names[i]
                    sub(/^(backward|gradient)_/, "", what)
                    row("gradient alone: `" what "`", names[i], names[i], 1)
                }
            }
        }' docs/size.md
}

# README.md, with that table between its marks.
readme_with_sizes() {
    sed '/^<!-- sizes:/q' README.md
    size_summary
    sed -n '/^<!-- end of sizes -->/,$p' README.md
}

verb_weigh() { # writes the tables of docs/size.md and README.md anew
    need_emulators
    local lines table kind
    lines=$(weigh)
    table=$(

        sed '/^## Flash/,$d' docs/size.md
        for kind in "flash Flash" "ram RAM" "stack Stack"; do
            printf '## %s\n\n| what | bytes |\n|---|---:|\n' "${kind#* }"
            sed -nE "s/^${kind% *}:([^ ]+) (.*)/| \\1 | \\2 |/p" <<<"$lines"
            [ "$kind" = "stack Stack" ] || echo
        done
    )
    echo "$table" >docs/size.md
    table=$(readme_with_sizes)
    echo "$table" >README.md
}

verb_size() { # flash, RAM and stack on a Cortex-M4 are within 3 % of docs/size.md, of which README.md has an excerpt
    need_emulators
    readme_with_sizes | diff -u README.md - || { echo "README.md is not what docs/size.md says: ./ci.sh weigh" >&2; return 1; }
    weigh | awk '
        FNR == NR { if (/^## /) kind = tolower($2); if (/^\| [a-z0-9_]+ \| [0-9]+ \|$/) want[kind ":" $2, ++seen[kind ":" $2]] = $4; next }
        {
            expected = want[$1, ++got[$1]]; lines++
            if (expected == "" || $2 > expected * 1.03 || $2 < expected * 0.97) {
                print $1 " takes " $2 " bytes where docs/size.md has " (expected == "" ? "nothing" : expected); bad = 1
            }
        }
        END {
            for (line in want) wanted++
            if (lines != wanted) { print lines + 0 " figures where docs/size.md has " wanted; bad = 1 }
            if (bad) { print "write it anew: ./ci.sh weigh"; exit 1 }
            print lines " figures agree with docs/size.md"
        }' docs/size.md - >&2
}

verb_embedded() { # every bare target builds; those with an emulator give the host's bits; firmware; no panic reachable
    local target library program
    need_emulators
    for target in thumbv6m-none-eabi thumbv8m.main-none-eabihf riscv32imac-unknown-none-elf \
        riscv32imafc-unknown-none-elf aarch64-unknown-none; do
        bare_library "$target" staticlib
    done
    for target in riscv32imac-unknown-none-elf riscv32imafc-unknown-none-elf; do
        program=$(bare_program "$target")
        qemu-riscv32 "$program"
        echo "$target: the bits of the host" >&2
    done
    program=$(bare_program aarch64-unknown-none)
    qemu-aarch64 "$program"
    echo "aarch64-unknown-none with NEON: the bits of the host" >&2
    program=$(bare_program x86_64-unknown-linux-gnu)
    "$program"
    echo "x86_64 without a library: the bits of the host" >&2
    for target in thumbv7em-none-eabihf thumbv8m.main-none-eabihf; do
        for program in vector polynomial autoencoder; do
            (
                bare_toolchain "$target"
                cd examples/cortex-m # for its runners
                "$BARE_CARGO" run --quiet --release --bin "$program" "${BARE_FLAGS[@]}"
            )
        done
    done
    library=$(bare_library thumbv7em-none-eabihf staticlib)
    make -s -C examples/cortex-m-c run LIB="$(realpath "$library")" OUT="$PWD/target/bare/cortex-m-c"
    prove_no_panic
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

verb_python() { # examples for numpy, autograd and JAX; with torch and reinmax where PYTHON (python3) has them, also that for PyTorch
    local directory=${CARGO_TARGET_DIR:-$PWD/target} theirs=${PYTHON:-python3} ours test
    ours=$directory/python/bin/python
    if ! "$ours" -c 'import numpy, autograd, jax' 2>/dev/null; then
        python3 -m venv "$directory/python"
        "$directory/python/bin/pip" install --quiet numpy autograd jax
    fi
    cargo build --release --locked -p reinmax-capi
    export REINMAX_LIBRARY=$directory/release/libreinmax_capi.so PYTHONDONTWRITEBYTECODE=1
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
