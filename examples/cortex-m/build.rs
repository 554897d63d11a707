//! Where memory lies on the two boards. As little of it as a small microcontroller has: what does not fit does not link
//! (128 KiB of flash are for `vector`, which holds every estimator and all results; the tasks take a quarter).

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let (flash, ram) = if env::var("TARGET").expect("cargo sets it").starts_with("thumbv8m") {
        ("0x10000000", "0x30000000") // mps3-an547: ITCM and DTCM, secure
    } else {
        ("0x00000000", "0x20000000") // mps2-an386
    };
    let memory = format!("MEMORY {{ FLASH : ORIGIN = {flash}, LENGTH = 128K  RAM : ORIGIN = {ram}, LENGTH = 32K }}\n");
    fs::write(out.join("memory.x"), memory).expect("the output directory can be written to");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=build.rs");
}
