//! What a holder promises: the agent outlives every session and is never stalled by one, whoever comes back sees
//! what they would have seen, and when the holder ends its agent ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use ccells_core::agent::{AgentExit, AgentLife, AgentStatus};
use ccells_core::limits;
use ccells_core::wire::{Resync, ToHolder};
use ccells_holder::emulator::Emulator;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::client::{Client, Holder, PATIENCE, is_alive, screen, wait_until};
use crate::support::difference;

/// Output that nobody watches, as the promise has it.
const UNWATCHED_BYTES: usize = 50_000_000;

/// A named pipe: whoever opens it waits for the other.
fn make_pipe(holder_directory: &tempfile::TempDir, name: &str) {
    let status = Command::new("mkfifo").arg(holder_directory.path().join(name)).status().unwrap();
    assert!(status.success());
}

/// Mixed output of a program that does everything, always the same.
fn mixed_output(length: usize) -> Vec<u8> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let piece = crate::support::piece();
    let mut out = Vec::with_capacity(length + 100_000);
    while out.len() < length {
        let part = out.len();
        for _ in 0..40 {
            out.extend(piece.new_tree(&mut runner).unwrap().current());
        }
        // Log lines make up most of it, as they do in life; making them is quicker too.
        for line in 0..150 {
            let text = "compiling 日本 \x1b[2mtarget/debug\x1b[0m ok";
            write!(out, "\x1b[1;3{}m{part:>9}:{line:<4}\x1b[0m {text}\r\n", line % 8).unwrap();
        }
    }
    out
}

#[test]
fn whoever_comes_late_sees_what_they_would_have_seen() {
    let directory = tempfile::tempdir().unwrap();
    let output = [&mixed_output(UNWATCHED_BYTES), &b"\x18\x1b]2;the end\x1b\\"[..]].concat();
    fs::write(directory.path().join("output"), &output).unwrap();
    make_pipe(&directory, "done");
    let script = "stty raw -echo; cat output; echo > done; exec cat > /dev/null";
    let holder = Holder::start_in(directory, &[], &["/bin/sh", "-c", script]);

    let mut watcher = Emulator::resident(80, 24, limits::SCROLLBACK_LINES);
    watcher.feed(&output);
    fs::read(holder.path("done")).unwrap();
    let mut late = holder.attach(false, None);
    late.wait_for_title("the end");
    assert_eq!((late.resync, late.pictures), (Some(Resync::Snapshot), 1));
    assert_eq!(difference(&mut watcher, &mut late.pane), None);
    assert_eq!(late.report.unwrap().bells, watcher.bells());
}

#[test]
fn whoever_comes_back_gets_exactly_what_they_missed() {
    let holder = Holder::script("stty -echo; while read n; do seq $n; echo end-$n; done");
    let mut first = holder.attach(false, None);
    first.type_keys("100\n");
    first.wait_for_output("end-100");
    let seen = first.sequence;
    first.type_keys("5000\n");
    first.wait_for_output("end-5000");
    drop(first);

    let mut back = holder.attach(false, Some(seen));
    back.wait_for_output("end-5000");
    let numbers: Vec<String> = (1..=5_000).map(|n| n.to_string()).collect();
    let expected = numbers.join("\r\n") + "\r\nend-5000\r\n";
    back.settle();
    assert_eq!((back.resync, back.pictures), (Some(Resync::Continues), 0));
    assert_eq!(String::from_utf8(back.output.clone()).unwrap(), expected);

    for unknown in [0, back.sequence + 1, u64::MAX] {
        let other = holder.attach(false, Some(unknown));
        assert_eq!(other.resync, Some(Resync::Snapshot), "from {unknown}");
        assert_eq!(other.sequence, back.sequence);
    }
}

#[test]
fn a_session_that_does_not_listen_does_not_stall_the_agent() {
    let directory = tempfile::tempdir().unwrap();
    make_pipe(&directory, "done");
    let script = "read x; yes 0123456789012345678901234567890123456789 | head -c 30000000; \
                  printf '\\033]2;the end\\033\\'; echo > done; read x";
    let holder = Holder::start_in(directory, &[], &["/bin/sh", "-c", script]);
    let mut frozen = holder.attach(false, None);
    let mut lively = holder.attach(true, None);
    frozen.type_keys("go\n");
    // The agent ends its work while the one does not read at all, and the other reads it all.
    let reader = std::thread::spawn(move || {
        lively.wait_for_title("the end");
        lively
    });
    fs::read(holder.path("done")).unwrap();
    let mut lively = reader.join().unwrap();
    // Whoever wakes up is brought up to date by a picture.
    frozen.wait_for_title("the end");
    assert!(frozen.pictures > 1, "{}", frozen.pictures);
    assert_eq!(difference(&mut frozen.pane, &mut lively.pane), None);
}

#[test]
fn an_exit_is_told_and_kept_and_the_agent_starts_again() {
    let script = "printf 'ran %s' \"$0\"; printf '\\033[?1049h\\033[?1003h\\033[>5u\\033[?2004h\\033]2;old\\033\\\\'; exit 3";
    let resume =
        ["--resume=/bin/sh", "--resume=-c", "--resume=read x; printf 'came back'; read y; kill -9 $$"];
    let holder = Holder::start(&resume, &["/bin/sh", "-c", script, "first"]);
    let mut client = holder.attach(false, None);
    client.wait_for_exit();
    let report = client.report.clone().unwrap();
    assert_eq!((report.life, report.starts), (AgentLife::Exited(AgentExit::Code(3)), 1));
    let kept = fs::read_to_string(holder.path("agent-exit.json")).unwrap();
    assert_eq!(AgentExit::from_json(&kept), Some(AgentExit::Code(3)));
    client.type_keys("x");
    client.wait_for_refusal("the agent has ended");

    client.send(&ToHolder::RestartAgent);
    client.wait("the second start", |client| {
        client.report.as_ref().is_some_and(|report| report.starts == 2 && report.life == AgentLife::Running)
    });
    assert!(!holder.path("agent-exit.json").exists());
    client.send(&ToHolder::RestartAgent);
    client.wait_for_refusal("the agent runs");
    client.type_keys("\n");
    client.wait_for_screen("came back");
    let fresh = Emulator::pane(80, 24, 0);
    assert_eq!(client.pane.term().mode(), fresh.term().mode(), "what the first run left on is off");
    assert!(screen(&client.pane).contains("ran first"), "the text stays");
    assert_eq!(client.pane.title(), "");
    client.type_keys("\n");
    client.wait_for_exit();
    assert_eq!(client.report.unwrap().life, AgentLife::Exited(AgentExit::Signal(9)));
}

#[test]
fn a_holder_after_a_holder_resumes_the_agent() {
    let arguments = ["--resume=/bin/sh", "--resume=-c", "--resume=printf resumed; read x"];
    let argv = ["/bin/sh", "-c", "printf started; read x"];
    let mut holder = Holder::start(&arguments, &argv);
    let mut client = holder.attach(false, None);
    client.wait_for_screen("started");
    let seen = client.sequence;
    holder.end();
    assert!(!holder.path("holder.sock").exists());
    let directory = std::mem::replace(&mut holder.directory, tempfile::tempdir().unwrap());
    let holder = Holder::start_in(directory, &arguments, &argv);
    let mut client = holder.attach(false, Some(seen));
    client.wait_for_screen("resumed");
    assert_eq!(client.resync, Some(Resync::Snapshot), "bytes of another holder are not ours");
    assert!(!screen(&client.pane).contains("started"));
}

#[test]
fn a_socket_is_taken_over_from_the_dead_only() {
    let mut holder = Holder::script("read x");
    let socket = holder.path("holder.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let second = |socket: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccells-holder"));
        command.args(["serve", "--socket"]).arg(socket).args(["--", "/bin/true"]).output().unwrap()
    };
    let output = second(&socket);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another holder serves here"));
    let file = holder.path("file");
    fs::write(&file, "mine").unwrap();
    assert_eq!(second(&file).status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine", "what is no socket is left alone");

    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    assert!(socket.exists());
    let directory = std::mem::replace(&mut holder.directory, tempfile::tempdir().unwrap());
    let after = Holder::start_in(directory, &[], &["/bin/sh", "-c", "read x"]);
    after.attach(false, None).settle();
}

#[test]
fn what_cannot_be_started_is_told_in_words() {
    for (argv, reason) in [
        (vec!["no-such-agent"], "`no-such-agent` is not installed in the image"),
        (vec!["./plain"], "`./plain` may not be executed (mode 644)"),
        (vec!["./script"], "`./script` needs /no/such/interpreter, which is not in the image"),
        (vec!["./folder"], "`./folder` is a directory"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("plain"), "x").unwrap();
        fs::set_permissions(directory.path().join("plain"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(directory.path().join("script"), "#!/no/such/interpreter -x\n").unwrap();
        fs::set_permissions(directory.path().join("script"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(directory.path().join("folder")).unwrap();
        let holder = Holder::start_in(directory, &[], &argv);
        let mut client = holder.attach(false, None);
        client.wait_for_exit();
        let Some(AgentLife::Exited(AgentExit::NotStarted(told))) =
            client.report.clone().map(|report| report.life)
        else {
            panic!("{:?}", client.report)
        };
        assert!(told.contains(reason), "{told}");
        let shown = crate::support::rows(&client.pane).concat();
        assert!(shown.contains("the agent could not be started"), "{shown}");
    }
}

#[test]
fn observers_see_and_do_not_touch() {
    let holder =
        Holder::script("stty -echo; trap 'echo got-int' INT; while :; do read x && echo \"read $x\"; done");
    let mut typist = holder.attach(false, None);
    let mut observer = holder.attach(true, None);
    for frame in [
        ToHolder::Input(b"evil\n".to_vec()),
        ToHolder::Resize { columns: 30, rows: 5 },
        ToHolder::RestartAgent,
        ToHolder::SignalAgent { signal: 2 },
    ] {
        observer.refusals.clear();
        observer.send(&frame);
        observer.wait_for_refusal("an observer only looks");
    }
    typist.type_keys("good\n");
    observer.wait_for_output("read good");
    typist.wait_for_output("read good");
    assert!(!String::from_utf8_lossy(&typist.output).contains("evil"));
    assert_eq!(observer.pane.size(), (80, 24));
    typist.send(&ToHolder::SignalAgent { signal: 2 });
    observer.wait_for_output("got-int");
}

#[test]
fn the_first_size_wins_and_then_the_last() {
    let holder = Holder::script("stty -echo; while read x; do stty size; done");
    let mut first = holder.connect();
    first.send(&ToHolder::Hello { size: Some((100, 30)), observe: false, from_sequence: None });
    first.type_keys("\n");
    first.wait_for_output("30 100");
    let mut second = holder.connect();
    second.send(&ToHolder::Hello { size: Some((50, 10)), observe: false, from_sequence: None });
    second.type_keys("\n");
    second.wait_for_output("30 100");
    second.send(&ToHolder::Resize { columns: 70, rows: 20 });
    second.type_keys("\n");
    for client in [&mut first, &mut second] {
        client.wait_for_output("20 70");
        assert_eq!(client.pane.size(), (70, 20));
    }
    assert_eq!(difference(&mut first.pane, &mut second.pane), None);
}

#[test]
fn questions_are_answered_while_nobody_is_there() {
    let directory = tempfile::tempdir().unwrap();
    make_pipe(&directory, "answers");
    let expected =
        format!("\x1bP>|ccells({})\x1b\\\x1b[?0u\x1b]7501;?\x1b\\\x1b[?6c", env!("CARGO_PKG_VERSION"));
    let questions = r"\033[>0q\033[?u\033]7501;?\033\\\033[c";
    let script =
        format!("stty raw -echo; printf '{questions}'; head -c {} > answers; read x", expected.len());
    let holder = Holder::start_in(directory, &[], &["/bin/sh", "-c", &script]);
    assert_eq!(fs::read_to_string(holder.path("answers")).unwrap(), expected);
}

#[test]
fn status_title_and_bells_are_reported() {
    let holder =
        Holder::script("read x; printf '\\033]0;busy\\007\\007\\033]7501;state=working\\033\\\\'; read x");
    let mut client = holder.attach(true, None);
    holder.attach(false, None).type_keys("\n");
    client.wait("the status", |client| {
        client.report.as_ref().is_some_and(|report| report.status == AgentStatus::Working)
    });
    let report = client.report.unwrap();
    assert_eq!((report.title.as_str(), report.bells), ("busy", 1));
}

#[test]
fn the_agent_knows_its_terminal() {
    let holder = Holder::script("echo $TERM $COLORTERM $TERM_PROGRAM; tty; pwd; read x");
    let mut client = holder.attach(false, None);
    client.wait_for_screen("xterm-256color truecolor ccells\n/dev/pts/");
    client.wait_for_screen(holder.directory.path().to_str().unwrap());
}

#[test]
fn the_end_of_the_holder_ends_the_most_stubborn_agent() {
    let script = "trap '' HUP TERM INT; (exec sleep 1000) & echo $! > child; echo $$ > leader; echo ready; while :; do sleep 1000; done";
    let mut holder = Holder::script(script);
    let mut client = holder.attach(false, None);
    client.wait_for_screen("ready");
    let pids = ["leader", "child"].map(|name| fs::read_to_string(holder.path(name)).unwrap());
    assert!(pids.iter().all(|pid| is_alive(pid)));
    let (code, took) = holder.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    wait_until("nothing of the agent is left", || !pids.iter().any(|pid| is_alive(pid)));
    assert!(!holder.path("holder.sock").exists());
}

#[test]
fn a_grandchild_on_the_terminal_does_not_keep_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    make_pipe(&directory, "deaf");
    let script =
        "(trap '' HUP; echo > deaf; exec sleep 1000) & echo $! > child; read x < deaf; echo ready; exit 0";
    let mut holder = Holder::start_in(directory, &[], &["/bin/sh", "-c", script]);
    let mut client = holder.attach(false, None);
    client.wait_for_screen("ready");
    client.wait_for_exit();
    let child = fs::read_to_string(holder.path("child")).unwrap();
    assert!(is_alive(&child));
    let (code, took) = holder.end();
    assert_eq!((code, took < Duration::from_secs(5)), (Some(0), true), "{took:?}");
    wait_until("the grandchild is gone", || !is_alive(&child));
}

#[test]
fn garbage_ends_one_session_only() {
    let holder = Holder::script("stty -echo; while read x; do echo \"read $x\"; done");
    let mut good = holder.attach(false, None);
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4_096],
        b"\x05\x00\x00\x00\x01\x09\x00\x00\x00\x00",
        b"\0\0\0\0\x04",
    ] {
        let mut bad = holder.connect();
        bad.stream.write_all(garbage).unwrap();
        while !bad.is_over {
            bad.take_some();
        }
        assert_eq!(bad.refusals.len(), 1, "{garbage:?}");
    }
    let mut rude = holder.attach(false, None);
    rude.send(&ToHolder::Hello { size: None, observe: false, from_sequence: None });
    rude.wait("the end", |client| {
        client.refusals.iter().any(|refusal| refusal.contains("hello was said before"))
    });
    good.type_keys("still here\n");
    good.wait_for_output("read still here");
}

#[test]
fn input_that_nobody_reads_is_bounded_and_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    for pipe in ["go", "count"] {
        make_pipe(&directory, pipe);
    }
    let script = "stty raw -echo; echo ready; read x < go; head -c 6000000 | wc -c > count; read x";
    let holder = Holder::start_in(directory, &[], &["/bin/sh", "-c", script]);
    let mut client = holder.attach(false, None);
    client.wait_for_screen("ready");
    // More than the holder keeps: it stops reading, and the session waits.
    let mut writer = client.stream.try_clone().unwrap();
    let typing = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        ccells_core::wire::encode(&ToHolder::Input(vec![b'k'; 6_000_000]), &mut bytes);
        writer.write_all(&bytes).unwrap();
    });
    // Meanwhile others come and go, and the holder does not grow.
    for _ in 0..20 {
        holder.attach(true, None).settle();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", holder.process.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
    let kib: usize = resident.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kib < 64 * 1_024, "{resident}");
    fs::write(holder.path("go"), "x\n").unwrap();
    let count = fs::read_to_string(holder.path("count")).unwrap();
    assert_eq!(count.trim(), "6000000");
    typing.join().unwrap();
}

#[test]
fn sessions_come_and_go_without_a_trace() {
    let holder = Holder::script("read x");
    holder.attach(false, None).settle();
    let before = holder.open_files();
    for round in 0..1_000 {
        let mut client = holder.attach(round % 2 == 0, None);
        if round % 3 == 0 {
            client.send(&ToHolder::Detach);
        }
    }
    // The last ones may still be on their way out.
    wait_until("all are gone", || holder.open_files() <= before);
}

#[test]
fn too_many_sessions_are_told_so() {
    let holder = Holder::script("read x");
    let mut attached: Vec<Client> = (0..limits::SESSIONS).map(|_| holder.attach(true, None)).collect();
    let mut one_more = holder.connect();
    while !one_more.is_over {
        one_more.take_some();
    }
    assert!(one_more.refusals[0].contains("16 sessions are attached already"), "{:?}", one_more.refusals);
    attached.truncate(3);
    let silent: Vec<UnixStream> =
        (0..40).map(|_| UnixStream::connect(holder.path("holder.sock")).unwrap()).collect();
    holder.attach(false, None).settle();
    drop(silent);
}

#[test]
fn a_tunnel_carries_a_session() {
    let holder = Holder::script("stty -echo; while read x; do echo \"read $x\"; done");
    let (near, far) = UnixStream::pair().unwrap();
    let mut tunnel = Command::new(env!("CARGO_BIN_EXE_ccells-holder"))
        .args(["attach", "--socket"])
        .arg(holder.path("holder.sock"))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(far.try_clone().unwrap())))
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(far)))
        .spawn()
        .unwrap();
    let mut client = Client::new(near);
    client.send(&ToHolder::Hello { size: None, observe: false, from_sequence: None });
    client.type_keys("through\n");
    client.wait_for_output("read through");
    client.send(&ToHolder::Detach);
    while !client.is_over {
        client.take_some();
    }
    assert!(tunnel.wait().unwrap().success());

    let lost = Command::new(env!("CARGO_BIN_EXE_ccells-holder"))
        .args(["attach", "--socket", "/no/such/socket"])
        .output()
        .unwrap();
    assert_eq!(lost.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lost.stderr).contains("no holder answers at /no/such/socket"));
}

#[test]
fn nothing_of_the_environment_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("holder.sock");
    let mut process = Command::new(env!("CARGO_BIN_EXE_ccells-holder"))
        .args(["serve", "--socket"])
        .arg(&socket)
        .args(["--", "/bin/sh", "-c", "echo home-$HOME; read x"])
        .env_clear()
        .current_dir(directory.path())
        .spawn()
        .unwrap();
    wait_until("the holder serves", || UnixStream::connect(&socket).is_ok());
    let mut client = Client::new(UnixStream::connect(&socket).unwrap());
    client.send(&ToHolder::Hello { size: None, observe: true, from_sequence: None });
    client.wait_for_screen(&format!("home-{}", directory.path().display()));
    let pid = rustix::process::Pid::from_raw(process.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut rest = Vec::new();
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client.stream.read_to_end(&mut rest).unwrap();
    assert!(process.wait().unwrap().success());
}

#[test]
fn what_the_terminal_showed_outlives_the_holder() {
    use ccells_core::container::LAST_SCREEN;
    use ccells_core::wire::{Decoder, FromHolder};

    let last = |holder: &Holder| {
        let bytes = fs::read(holder.path(LAST_SCREEN)).ok()?;
        let (mut decoder, mut emulator, mut life) = (Decoder::new(), Emulator::pane(80, 24, 100), None);
        decoder.push(&bytes);
        while let Some(frame) = decoder.next().unwrap() {
            match frame {
                FromHolder::Welcome { columns, rows, .. } => emulator.resize(columns, rows),
                FromHolder::Snapshot { bytes, .. } => emulator.restore(&bytes),
                FromHolder::Agent(report) => life = Some(report.life),
                other @ (FromHolder::Output { .. }
                | FromHolder::Resized { .. }
                | FromHolder::Pong(_)
                | FromHolder::Refused { .. }) => panic!("{other:?} is no last word"),
            }
        }
        Some((screen(&emulator), life.expect("how it ended is told")))
    };
    let mut holder = Holder::script("echo hello; exit 3");
    wait_until("it is kept", || last(&holder).is_some());
    let (shown, life) = last(&holder).unwrap();
    assert!(shown.contains("hello"), "{shown}");
    assert_eq!(life, AgentLife::Exited(AgentExit::Code(3)));
    holder.end();
    assert_eq!(last(&holder).unwrap().1, AgentLife::Exited(AgentExit::Code(3)));

    // One that is told to end keeps what its agent says while it leaves.
    let mut holder =
        Holder::script("trap 'echo bye; exit 4' TERM HUP; echo hello; while :; do sleep 0.1; done");
    let mut client = holder.attach(false, None);
    client.wait_for_screen("hello");
    assert!(last(&holder).is_none(), "there is a holder to ask");
    drop(client);
    holder.end();
    let (shown, life) = last(&holder).unwrap();
    assert!(shown.contains("hello") && shown.contains("bye"), "{shown}");
    assert_eq!(life, AgentLife::Exited(AgentExit::Code(4)));
}
