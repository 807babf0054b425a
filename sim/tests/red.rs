//! Red is red, down to what the shell sees: a program that finds something, or that was told to do nothing at all, does
//! not end as if all were well.

use std::process::{Command, Output};

fn sim(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let output =
        Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).current_dir(directory.path()).output();
    output.expect("the simulator runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_goes_well_ends_well() {
    for good in [
        &["--seeds", "1", "--from", "1"][..],
        &["--exhaustive", "--only", "RestartAgent"],
        &["--turmoil", "--scenario", "life", "--seeds", "1", "--from", "1"],
        &["--replay", "RestartAgent@3:kill"],
    ] {
        let output = sim(good);
        assert_eq!(output.status.code(), Some(0), "{good:?}: {}", said(&output));
    }
}

#[test]
fn a_planted_fault_ends_in_failure_and_names_its_checker() {
    for bad in [
        &["--plant", "Always", "--seeds", "1", "--from", "1"][..],
        &["--plant", "Always", "--replay", "1"],
        &["--plant", "Always", "--replay", "RestartAgent@3:kill"],
        &["--plant", "Always", "--exhaustive", "--only", "RestartAgent"],
        &["--plant", "Always", "--turmoil", "--scenario", "life", "--seeds", "1", "--from", "1"],
    ] {
        let output = sim(bad);
        assert_eq!(output.status.code(), Some(1), "{bad:?}: {}", said(&output));
        assert!(said(&output).contains("C0"), "{bad:?}: {}", said(&output));
    }
}

#[test]
fn nothing_done_is_not_well_done() {
    for nothing in [
        &["--seeds", "0"][..],
        &["--determinism", "--seeds", "0"],
        &["--seeds", "1", "--only", "Typo"],
        &["--exhaustive", "--only", "Typo"],
        &["--canaries", "--only", "Typo"],
        &["--turmoil", "--seeds", "0"],
        &["--turmoil", "--scenario", "Typo"],
        &["--turmoil", "--determinism", "--seeds", "0"],
        &["--turmoil", "--canaries", "--only", "Typo"],
        &["--replay", "Typo@1:kill"],
    ] {
        let output = sim(nothing);
        assert_eq!(output.status.code(), Some(1), "{nothing:?}: {}", said(&output));
    }
    for unknown in [&["--plant", "Typo"][..], &["--turmoil", "--plant", "NoSweep"], &["--what"]] {
        assert_eq!(sim(unknown).status.code(), Some(2), "{unknown:?}");
    }
}
