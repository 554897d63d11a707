#!/bin/sh
# Makes docs/estimators.md anew: sh docs/estimators.sh (from any folder). Everything but the times is reproducible.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet -p reinmax-cli
program="${CARGO_TARGET_DIR:-target}/debug/reinmax-cli"
laboratory() {
    "$program" compare gradients --format markdown --draws 1000000 --threads 1 "$@"
}
page=$(mktemp)
trap 'rm -f "$page"' EXIT
{
    cat <<'TEXT'
# Estimators against exact gradients

Made by `sh docs/estimators.sh`, which calls `reinmax-cli compare gradients --format markdown --draws 1000000 --threads 1` once for each problem.

Each problem is a polynomial in the one-hot vectors of L variables with k categories; coefficients and logits come from seed 0.
Bias, standard deviation and mean squared error are relative to the norm of the exact gradient (squared for MSE). *Enumerated*
figures are expectations over all states, without sampling error; *Monte Carlo* figures come from a million draws, and "of it
noise" is the bias that an unbiased estimator would show with so many. The mean of n draws has a squared error of bias^2 + variance / n;
beyond the crossing n the bias is the greater part. Biases near 1e-7 are rounding in f32. "us" is the time of one gradient with its draw,
in microseconds, without the loss, from a development build (opt-level 2). These are four problems, not a ranking: other logits and coefficients (`--seed`) give other figures.

TEXT
    for problem in linear quadratic cubic; do
        laboratory --problem "$problem" --latents 4 --categories 4
    done
    laboratory --problem quartic --latents 8 --categories 2
} > "$page"
cp "$page" docs/estimators.md
