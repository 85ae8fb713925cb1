//! The answers the proxy makes or changes, read by an SDK that was not written here: the boto3 of the emulator's
//! own environment.

use std::process::Command;

use lakeform_sandbox::environment;

use crate::client::{new_account, proxy};

#[test]
fn an_sdk_understands_every_answer_the_proxy_makes() {
    let environment = environment::for_tests().unwrap();
    let output = Command::new(environment.python)
        .args(["-c", include_str!("reads.py"), proxy().endpoint(), &new_account()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
