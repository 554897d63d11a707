#!/bin/sh
# Measures the tables and the picture of docs/estimators.md, and the picture of README.md, anew: sh docs/estimators.sh (from any folder).
# Everything but the times is reproducible.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release -p reinmax-cli
program="${CARGO_TARGET_DIR:-target}/release/reinmax-cli"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
laboratory() {
    "$program" compare gradients --format markdown --draws 1000000 --threads 1 "$@"
}
{
    sed '/^<!-- The rest of this file is written by/q' docs/estimators.md
    echo
    for problem in linear quadratic cubic; do
        laboratory --problem "$problem" --latents 4 --categories 4
    done
    laboratory --problem quartic --latents 8 --categories 2 --out "$scratch/quartic"
} >"$scratch/page"
cp "$scratch/quartic/gradients.svg" docs/estimators.svg
"$program" run polynomial --quiet --out "$scratch/polynomial" >/dev/null
cp "$scratch/polynomial/curve.svg" docs/polynomial.svg
sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$scratch/page" >docs/estimators.md
