//! On a host: no start-up files, no libraries.

fn main() {
    if std::env::var("TARGET").is_ok_and(|target| target.contains("linux")) {
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
        println!("cargo:rustc-link-arg-bins=-nostdlib");
        println!("cargo:rustc-link-arg-bins=-static");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
