#!/bin/sh
# Measures the tables and the pictures of docs/estimators.md, and those of README.md, anew: sh docs/estimators.sh (from any folder).
# Everything but the times is reproducible.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release -p reinmax-cli
program="${CARGO_TARGET_DIR:-target}/release/reinmax-cli"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
laboratory() {
    "$program" compare gradients --format markdown --threads 1 "$@"
}
{
    sed '/^<!-- The rest of this file is written by/q' docs/estimators.md
    echo
    for problem in linear quadratic cubic; do
        laboratory --problem "$problem" --draws 1000000 --latents 4 --categories 4
    done
    laboratory --problem quartic --draws 1000000 --latents 8 --categories 2 --out "$scratch/quartic"
    # An autoencoder under way, and at its end.
    for epochs in 1 10 40 160; do
        "$program" run vae --quiet --estimator reinmax --seed 0 --numerics portable --epochs "$epochs" --out "$scratch/vae-$epochs" >/dev/null
    done
    of_model() {
        epochs=$1
        shift
        laboratory --model "$scratch/vae-$epochs/reinmax-tau=1.3-seed-0.safetensors" --images 0..100 --draws 10000 "$@"
    }
    for epochs in 1 10 40; do
        of_model "$epochs" --estimator straight_through --estimator reinmax --estimator reinmax:tau=1.3
    done
    of_model 160 --estimator straight_through:tau=1.3 --estimator reinmax:tau=1.3 --estimator gumbel_softmax:tau=0.5
    of_model 160 --out "$scratch/model"
} >"$scratch/page"
cp "$scratch/model/gradients.svg" docs/vae-gradients.svg
cp "$scratch/quartic/gradients.svg" docs/estimators.svg
"$program" run vae --quiet --out "$scratch/vae" >/dev/null
cp "$scratch/vae/curve.svg" docs/vae.svg
"$program" run polynomial --quiet --out "$scratch/polynomial" >/dev/null
cp "$scratch/polynomial/curve.svg" docs/polynomial.svg
sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$scratch/page" >docs/estimators.md
