# Part of ci.sh: what the code takes on a microcontroller, for docs/size.md and README.md.

# Prints what each program of tests/size weighs on a Cortex-M4 (code and constants, in bytes), how deep the stack of the
# firmwares goes and how many instructions a training step takes, as "kind:name number" lines.
weigh() {
    local source name directory library
    (
        bare_toolchain thumbv7em-none-eabihf
        "$BARE_CARGO" build --quiet --profile bare --manifest-path tests/size/Cargo.toml "${BARE_FLAGS[@]}"
    )
    directory=${BARE_TARGET_DIR:-$PWD/target/bare}/thumbv7em-none-eabihf/bare
    for source in tests/size/src/bin/*.rs; do
        name=$(basename "$source" .rs)
        arm-none-eabi-size "$directory/$name" | awk -v name="flash:$name" 'NR == 2 { print name, $1 + $2 }'
    done
    library=$(bare_library thumbv7em-none-eabihf staticlib)
    make -s -C examples/cortex-m-c LIB="$(realpath "$library")" OUT="$PWD/target/bare/cortex-m-c"
    arm-none-eabi-size "$PWD/target/bare/cortex-m-c/firmware.elf" | awk 'NR == 2 { print "flash:firmware_in_c", $1 + $2 }'
    arm-none-eabi-gcc -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -nostdlib -Wl,--gc-sections,-z,noexecstack \
        -Wl,-e,reinmax_backward_reinmax -o "$PWD/target/bare/backward_reinmax_in_c.elf" "$library"
    arm-none-eabi-size "$PWD/target/bare/backward_reinmax_in_c.elf" | awk 'NR == 2 { print "flash:backward_reinmax_in_c", $1 + $2 }'
    for name in polynomial autoencoder estimators; do
        (
            bare_toolchain thumbv7em-none-eabihf
            cd examples/cortex-m
            "$BARE_CARGO" run --quiet --profile bare --bin "$name" "${BARE_FLAGS[@]}"
        ) | awk -v name="$name" '
            / bytes of memory, / { print "ram:" name, $1; print "stack:" name, $5 }
            / instructions in emulation$/ { print "instructions:" name, $(NF - 3) }
            / cycles for a hundred$/ { sub(/:/, ""); print "stack:" $1, $2; print "instructions:" $1, int(0.4 * $6) }'
    done
}

# The table of README.md, from those of docs/size.md.
size_summary() {
    awk '
        /^## / { kind = tolower($2) }
        /^\| [a-z0-9_]+ \| [0-9]+ \|$/ { bytes[kind, $2, ++seen[kind, $2]] = $4; if (kind == "flash") names[++count] = $2 }
        function cell(kind, name, n) { return (kind, name, n) in bytes ? bytes[kind, name, n] : "–" }
        function row(what, program, firmware, n) {
            print "| " what " | " cell("flash", program, 1) " | " cell("ram", firmware, n) " | " cell("stack", firmware, n) " | " \
                cell("instructions", firmware, n) " |"
        }
        END {
            print "| on a Cortex-M4, in bytes | flash | RAM | stack | instructions |\n|---|---:|---:|---:|---:|"
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
        for kind in Flash RAM Stack Instructions; do
            printf '## %s\n\n| what | %s |\n|---|---:|\n' $kind $([ $kind = Instructions ] && echo number || echo bytes)
            sed -nE "s/^${kind,,}:([^ ]+) (.*)/| \\1 | \\2 |/p" <<<"$lines"
            [ $kind = Instructions ] || echo
        done
    )
    echo "$table" >docs/size.md
    table=$(readme_with_sizes)
    echo "$table" >README.md
}

verb_size() { # flash, RAM, stack and instructions on a Cortex-M4 are within 3 % of docs/size.md, of which README.md has an excerpt
    need_emulators
    readme_with_sizes | diff -u README.md - || { echo "README.md is not what docs/size.md says: ./ci.sh weigh" >&2; return 1; }
    weigh | awk '
        FNR == NR { if (/^## /) kind = tolower($2); if (/^\| [a-z0-9_]+ \| [0-9]+ \|$/) want[kind ":" $2, ++seen[kind ":" $2]] = $4; next }
        {
            expected = want[$1, ++got[$1]]; lines++
            if (expected == "" || $2 > expected * 1.03 || $2 < expected * 0.97) {
                print $1 " takes " $2 " where docs/size.md has " (expected == "" ? "nothing" : expected); bad = 1
            }
        }
        END {
            for (line in want) wanted++
            if (lines != wanted) { print lines + 0 " figures where docs/size.md has " wanted; bad = 1 }
            if (bad) { print "write it anew: ./ci.sh weigh"; exit 1 }
            print lines " figures agree with docs/size.md"
        }' docs/size.md - >&2
}
