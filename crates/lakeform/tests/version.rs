//! The binary starts. Because this test is here, `cargo test --workspace` builds the binary, which the tests of the
//! whole workspace run.

#[test]
fn the_binary_tells_its_version() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lakeform")).arg("--version").output();
    let text = String::from_utf8(output.expect("it starts").stdout).expect("it speaks UTF-8");
    assert_eq!(text.trim(), concat!("lakeform ", env!("CARGO_PKG_VERSION")));
}
