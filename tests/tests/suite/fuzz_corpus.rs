//! The fuzzer's corpus, replayed: each file is a program for the tape; see `fuzz/program.rs` for what is asserted.

#[path = "../../../fuzz/program.rs"]
mod program;

#[test]
fn every_program_of_the_corpus_keeps_the_promises() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/tape");
    let files = std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path());
    let mut count = 0;
    for file in files {
        program::check(&std::fs::read(&file).expect("a readable file"));
        count += 1;
    }
    assert!(count >= 100, "{count} programs");
}

/// Programs from a fixed pseudo-random sequence, besides those that the fuzzer found.
#[test]
fn random_programs_keep_the_promises() {
    use rand_core::Rng;
    let mut generator = rand_pcg::Pcg32::new(2304, 8612);
    for length in 0..400 {
        let mut bytes = vec![0; 8 + length % 120];
        generator.fill_bytes(&mut bytes);
        program::check(&bytes);
    }
}
