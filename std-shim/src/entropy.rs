//! Randomness from the operating system, for those who want a different run each time.

/// 64 random bits, to be printed and kept: with them a run can be repeated.
///
/// # Errors
/// Where the operating system has no source of randomness.
pub fn os_seed() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}
