# Part of ci.sh: everything for targets without an operating system.

# Sets BARE_CARGO to a cargo that can build `core` for the bare target $1 and BARE_FLAGS to how it is told: the default toolchain
# where it has the target, else Debian's, whose packages carry the standard library's source. Call it in a subshell.
bare_toolchain() {
    # Two folders, as cargo lets one build at a time into one, and verbs may run side by side.
    local directory=bare
    if [[ $1 == wasm* ]]; then directory=wasm; fi
    export CARGO_TARGET_DIR=${BARE_TARGET_DIR:-$PWD/target/$directory} RUSTFLAGS="-D warnings ${2:-}"
    BARE_CARGO=cargo BARE_FLAGS=(--target "$1" --locked)
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; then
        return
    fi
    if ! [ -x /usr/bin/cargo ] || ! compgen -G '/usr/src/rustc-*' >/dev/null; then
        [ -n "${INSTALL:-}" ] || echo "ci.sh: rustup target add $1, or:" >&2
        install_packages rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    fi
    # No tool may fetch a toolchain part.
    export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    # Nothing but core is there to link, so an allocation could not be linked.
    BARE_CARGO=/usr/bin/cargo BARE_FLAGS+=(-Zbuild-std=core)
    # The flags are for the other crates: one core for all, as where a toolchain brings it.
    if [ -n "${2:-}" ]; then
        local package
        RUSTFLAGS="-D warnings"
        BARE_FLAGS+=(-Zprofile-rustflags --config "profile.release.rustflags = ['$2']")
        for package in build-override package.core package.compiler_builtins; do
            BARE_FLAGS+=(--config "profile.release.$package.rustflags = []")
        done
    fi
}

# Builds the C library for the bare target $1: a library of kind $2, with the compiler's flags $3, and the flags that follow
# for the library alone. Prints where it is.
bare_library() (
    bare_toolchain "$1" "${3:-}"
    "$BARE_CARGO" rustc --quiet -p reinmax-capi --lib --crate-type "$2" --no-default-features --features panic-handler \
        --profile bare "${BARE_FLAGS[@]}" -- "${@:4}" >&2
    compgen -G "$CARGO_TARGET_DIR/$1/bare/*reinmax_capi.$([ "$2" = cdylib ] && echo wasm || echo a)"
)

# Builds tests/bare for the target $1 with the compiler's flags $2; prints where the program is.
bare_program() (
    bare_toolchain "$1" "${2:-}"
    "$BARE_CARGO" build --quiet --profile bare --manifest-path tests/bare/Cargo.toml "${BARE_FLAGS[@]}" >&2
    compgen -G "$CARGO_TARGET_DIR/$1/bare/bare$([ "$1" = wasm32-unknown-unknown ] && echo .wasm)"
)

# Builds the page of examples/wasm with the profile $1; prints its folder, which any server of files can serve.
build_page() (
    bare_toolchain wasm32-unknown-unknown -Ctarget-feature=+simd128
    "$BARE_CARGO" build --quiet --profile "$1" --manifest-path examples/wasm/Cargo.toml "${BARE_FLAGS[@]}" >&2
    page=$CARGO_TARGET_DIR/page
    mkdir -p "$page"
    cp examples/wasm/page/* "$CARGO_TARGET_DIR/wasm32-unknown-unknown/$1/reinmax.wasm" "$page"
    echo "$page"
)

# Emulators and the C compiler for Cortex-M.
need_emulators() {
    need "qemu-system-arm qemu-riscv32 arm-none-eabi-gcc make" qemu-system-arm qemu-user gcc-arm-none-eabi make
}

# Links every function of the header against a library whose panic handler calls a function that exists nowhere: that
# works only where no panic is reachable from any of them.
prove_no_panic() (
    scratch=${BARE_TARGET_DIR:-$PWD/target/bare}/proof
    mkdir -p "$scratch"
    functions=$(grep -oE '\breinmax_[a-z0-9_]+\(' capi/include/reinmax.h | tr -d '(' | sort -u)
    link_all() { # LIBRARY FUNCTION...
        local library=$1
        shift
        arm-none-eabi-gcc -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -nostdlib -Wl,--gc-sections \
            -Wl,-e,reinmax_abi_version -o "$scratch/everything.elf" "${@/#/-Wl,-u,}" "$library"
    }
    # One library, also with a function that panics: the linker leaves out what none of the others reaches.
    library=$(bare_library thumbv7em-none-eabihf staticlib "" --cfg reinmax_prove_no_panic --cfg reinmax_plant_a_panic)
    # shellcheck disable=SC2086 # one word for each function
    link_all "$library" $functions
    if arm-none-eabi-nm "$scratch/everything.elf" | grep -E 'panic|rust_alloc|malloc'; then
        echo "the C interface reaches a panic or an allocation" >&2
        return 1
    fi
    # A proof that cannot fail proves nothing.
    if link_all "$library" reinmax_planted_panic 2>"$scratch/errors.txt"; then
        echo "a planted panic links: the proof proves nothing" >&2
        return 1
    fi
    grep -q "undefined reference to .a_panic_is_reachable" "$scratch/errors.txt"
    echo "no panic and no allocation is reachable from $(wc -w <<<"$functions") functions" >&2
)

verb_page() { # builds the page of examples/wasm and says where it is
    # Not in the manifest, where the other profile would inherit it and share nothing.
    CARGO_PROFILE_RELEASE_STRIP=true build_page release
}

verb_wasm() { # WebAssembly with and without SIMD gives the host's bits, in node and in a browser; screenshots beside the page
    local program library simd page
    need "chromium chromedriver" chromium chromium-driver
    need node nodejs
    for simd in "" -Ctarget-feature=+simd128; do
        program=$(bare_program wasm32-unknown-unknown "$simd")
        node examples/wasm/vector.mjs "$program"
        # The library without SIMD is optimised, as are the kernels with it in the program; with it, it takes a minute.
        library=$(bare_library wasm32-unknown-unknown cdylib "$simd" ${simd:+-Copt-level=0})
        node examples/wasm/polynomial.mjs "$library" | diff - examples/tasks/expected/polynomial-32.txt
        echo "wasm32${simd:+ with simd128}: the bits of the host" >&2
    done
    page=$(build_page bare) # whose core is built already
    # As `test` builds it: one package alone would be built with other features of its dependencies, all of them anew.
    cargo test --quiet --workspace --locked --no-run
    node examples/wasm/browser.mjs "$page" "${CARGO_TARGET_DIR:-target}/debug/reinmax-example-tasks" "$page/../screenshots"
}

verb_bare() { # reinmax-core for targets without an operating system, and no panic in it
    local target
    for target in thumbv7em-none-eabihf riscv32imac-unknown-none-elf; do
        (
            bare_toolchain "$target"
            "$BARE_CARGO" build --profile bare -p reinmax-core "${BARE_FLAGS[@]}"
        )
    done
    # Linking fails where a panic is reachable.
    (
        bare_toolchain thumbv7em-none-eabihf
        "$BARE_CARGO" build --profile bare --manifest-path tests/freestanding/Cargo.toml "${BARE_FLAGS[@]}"
    )
}

verb_embedded() { # every bare target builds; those with an emulator give the host's bits; firmware; no panic reachable
    local target library program
    need_emulators
    for target in thumbv6m-none-eabi thumbv8m.main-none-eabihf riscv32imac-unknown-none-elf \
        riscv32imafc-unknown-none-elf aarch64-unknown-none; do
        # Only that it builds is asked here: what runs below is optimised.
        bare_library "$target" staticlib "" -Copt-level=0
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
    for target in thumbv6m-none-eabi thumbv7em-none-eabihf thumbv8m.main-none-eabihf; do
        for program in vector polynomial autoencoder; do
            if [ "$target $program" = "thumbv6m-none-eabi autoencoder" ]; then continue; fi # minutes without a floating-point unit
            (
                bare_toolchain "$target"
                cd examples/cortex-m # for its runners
                "$BARE_CARGO" run --quiet --profile bare --bin "$program" "${BARE_FLAGS[@]}"
            )
        done
    done
    library=$(bare_library thumbv7em-none-eabihf staticlib)
    make -s -C examples/cortex-m-c run LIB="$(realpath "$library")" OUT="$PWD/target/bare/cortex-m-c"
    prove_no_panic
}
