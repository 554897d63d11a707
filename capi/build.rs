//! Gives the shared library a name with the version of its interface, so that a program built for one version is never
//! started with another.

fn main() {
    println!("cargo::rerun-if-changed=src/status.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let source = include_str!("src/status.rs");
    let version = source.split("REINMAX_ABI_VERSION: u32 = ").nth(1).and_then(|rest| rest.split(';').next());
    let version: u32 = version.and_then(|version| version.parse().ok()).expect("status.rs has the version");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libreinmax_capi.so.{version}");
}
