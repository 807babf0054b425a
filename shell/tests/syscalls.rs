//! The durable save as the kernel sees it: killed at every system call of the protocol, and failed at the
//! ones that fail in life. Needs `strace`; `CCELLS_STRACE=require` turns its absence into a failure.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The calls of the protocol, each by all its names; not every machine has every name.
const CALLS: [&str; 8] = [
    "?open,?openat",
    "write",
    "fsync",
    "fchmod",
    "?link,?linkat",
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
    "close",
];
/// A run that still is not over after so many kill points is no run of ours.
const KILL_POINTS: usize = 300;

/// Whether `strace` is here and may trace; says so loudly when not.
fn can_trace() -> bool {
    let can = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        let is_required = std::env::var("CCELLS_STRACE").is_ok_and(|value| value == "require");
        assert!(!is_required, "CCELLS_STRACE=require, and strace is not here or may not trace");
        writeln!(io::stderr(), "SKIPPED: strace is not here or may not trace").expect("told");
    }
    can
}

/// The example beside this test's binary; cargo builds examples before it runs tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("we run");
    let target = test.parent().and_then(Path::parent).expect("tests are in deps");
    let program = target.join("examples/durable_save");
    assert!(
        program.is_file(),
        "{} is missing: cargo build -p ccells --example durable_save",
        program.display()
    );
    program
}

struct Saves {
    keep: &'static str,
    place: tempfile::TempDir,
    program: PathBuf,
}

impl Saves {
    /// A directory in which generation 1 to 3 were saved.
    fn new(program: &Path, keep: &'static str) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let saves = Self { keep, place, program: program.to_owned() };
        assert!(saves.command(1, 3).status().expect("it starts").success());
        saves
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("state.json")
    }

    fn command(&self, first: u64, last: u64) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(self.path())
            .args([&first.to_string(), &last.to_string(), self.keep])
            .stdout(std::process::Stdio::null());
        command
    }

    /// Saves generation 4 under `strace` with a fault injected.
    fn saved_with(&self, fault: &str) -> (Output, String) {
        let trace = self.place.path().with_extension("trace");
        let output = Command::new("strace")
            .args(["-f", "-y", "-o"])
            .arg(&trace)
            .args(["-e", &format!("inject={fault}")])
            .arg(&self.program)
            .arg(self.path())
            .args(["4", "4", self.keep])
            .output()
            .expect("it starts");
        let traced = fs::read_to_string(&trace).expect("a trace");
        fs::remove_file(&trace).expect("ours");
        (output, traced)
    }

    /// The generation of the file, which must be whole.
    #[track_caller]
    fn generation(&self, context: &str) -> u64 {
        let text = fs::read_to_string(self.path()).unwrap_or_else(|error| panic!("{context}: {error}"));
        let generation = text.lines().next().and_then(|line| line.parse().ok());
        let generation: u64 = generation.unwrap_or_else(|| panic!("{context}: `{text}`"));
        assert_eq!(text, format!("{generation}\n").repeat(500), "{context}: torn");
        generation
    }

    fn temporaries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
        names.filter(|name| name.contains(".tmp")).collect()
    }

    /// The next save succeeds and leaves nothing behind.
    fn assert_recovers(&self, context: &str) {
        assert!(self.command(5, 5).status().expect("it starts").success(), "{context}");
        assert_eq!(self.generation(context), 5);
        assert_eq!(self.temporaries(), Vec::<String>::new(), "{context}");
    }
}

fn has_acknowledged(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("ack 4")
}

#[test]
fn a_kill_at_any_system_call_leaves_the_old_or_the_new_version() {
    if !can_trace() {
        return;
    }
    let program = program();
    let (mut old, mut new) = (0, 0);
    let cases = [("one", CALLS.as_slice()), ("two", CALLS.as_slice()), ("none", &CALLS[..4])];
    for (keep, calls) in cases.into_iter().flat_map(|(keep, all)| all.iter().map(move |calls| (keep, calls)))
    {
        let is_over = |when: usize| {
            let context = format!("keep {keep}, SIGKILL at {calls} number {when}");
            let saves = Saves::new(&program, keep);
            let (output, _) = saves.saved_with(&format!("{calls}:signal=SIGKILL:when={when}"));
            let generation = saves.generation(&context);
            assert!(
                generation == 4 || (generation == 3 && !has_acknowledged(&output)),
                "{context}: {generation}"
            );
            let was_killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
            assert!(was_killed || (output.status.success() && generation == 4), "{context}: {output:?}");
            (old, new) = (old + usize::from(generation == 3), new + usize::from(generation == 4));
            saves.assert_recovers(&context);
            !was_killed
        };
        let points = (1..KILL_POINTS).map(is_over).position(|is_over| is_over);
        // Two generations leave nothing to be unlinked.
        let may_be_absent = keep == "two" && calls.contains("unlink");
        assert!(
            points.is_some_and(|points| points > 0 || may_be_absent),
            "keep {keep}: no {calls}, or no end"
        );
    }
    assert!(old > 10 && new > 3, "both outcomes are seen: {old} old, {new} new");
}

#[test]
fn an_error_of_any_system_call_is_told_and_leaves_the_old_version() {
    if !can_trace() {
        return;
    }
    let program = program();
    // The fault, and the generation it must leave. Before the save the loader and the runtime open and read
    // files, but none of them writes, syncs, links or renames.
    let faults = [
        ("two", "fsync:error=EIO:when=1", 4, true),
        ("two", "fsync:error=EIO:when=1..2", 3, false),
        ("two", "fsync:error=EIO:when=2", 4, false),
        ("two", "write:error=ENOSPC:when=1", 3, false),
        ("two", "write:error=EDQUOT:when=1", 3, false),
        ("two", "fchmod:error=EPERM:when=1", 3, false),
        ("two", "?link,?linkat:error=EIO:when=1", 3, false),
        ("two", "?link,?linkat:error=EPERM:when=1", 4, true),
        ("two", "?rename,?renameat,?renameat2:error=EROFS:when=1", 3, false),
        ("two", "?rename,?renameat,?renameat2:error=EROFS:when=2", 3, false),
        ("two", "?rename,?renameat,?renameat2:error=EIO:when=1+", 3, false),
        ("one", "?link,?linkat:error=EIO:when=1", 3, false),
        ("one", "?rename,?renameat,?renameat2:error=EROFS:when=1", 3, false),
        ("one", "?rename,?renameat,?renameat2:error=EROFS:when=2", 3, false),
    ];
    for (keep, fault, expected, succeeds) in faults {
        let saves = Saves::new(&program, keep);
        let (output, trace) = saves.saved_with(fault);
        let context = format!("{fault}\n{}\n{trace}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), succeeds, "{context}");
        assert_eq!(has_acknowledged(&output), succeeds, "{context}");
        assert_eq!(saves.generation(&context), expected, "{context}");
        assert_eq!(saves.temporaries(), Vec::<String>::new(), "{context}");
        assert_no_sync_is_repeated(&trace);
        saves.assert_recovers(&context);
    }
}

/// After a sync of a file failed there is none of the same file any more.
fn assert_no_sync_is_repeated(trace: &str) {
    let failed = trace.lines().filter(|line| line.contains("fsync(") && line.contains("= -1"));
    for line in failed {
        let (_, file) = line.split_once('<').expect("-y shows the file");
        let (file, _) = file.split_once('>').expect("-y shows the file");
        let syncs = trace
            .lines()
            .filter(|line| line.contains("fsync(") && line.contains(&format!("<{file}>")))
            .count();
        assert_eq!(syncs, 1, "{file} was synced again after its sync had failed:\n{trace}");
    }
}
