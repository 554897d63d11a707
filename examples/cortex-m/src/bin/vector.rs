//! Every kernel once; exits with an error where one number differs from the host's in one bit.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use reinmax_cortex_m::{conclude, stop};
use reinmax_example_tasks::expected::{Comparison, VECTOR};
use reinmax_example_tasks::vector;

#[entry]
fn main() -> ! {
    let mut comparison = Comparison::new(&VECTOR);
    if vector::fill(&mut |x| comparison.push(x)).is_err() {
        stop(false);
    }
    conclude(&comparison)
}
