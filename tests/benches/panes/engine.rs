//! A pane whose holder is reached through the engine alone, next to a bare exec that echoes.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Instant;

use ccells_core::ids::ContainerId;
use ccells_shell::adapters::dial::Endpoint;
use ccells_shell::adapters::docker::DockerEngine;
use ccells_shell::holder_binary::HOLDER;
use ccells_tests::agents::{echo_sign, ready_sign};
use ccells_tests::viewer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Options;
use crate::figures::{key_of, pause};
use crate::harness::Stage;
use crate::outer::Outer;
use crate::peers::RIG;
use crate::table::{self, Goal, median};

/// From a key to its echo, through the engine: by a bare exec, and on the screen of a pane.
pub(crate) fn echo(options: &Options, room: &Path) {
    const GOAL: Goal = Goal {
        words: "<= 1.20 x a bare exec",
        is_met: |medians| Some(medians.of("pane")? <= 1.2 * medians.of("exec")?),
    };
    // Says by itself that there is none.
    let Some(stage) = Stage::set() else { return };
    let octal: Vec<String> = ready_sign(0).to_string().bytes().map(|byte| format!("\\{byte:o}")).collect();
    let script = format!("stty raw -echo; printf '{}'; cat", octal.concat());
    let card = stage.json(&["new", "-n", "echo", "--", "sh", "-c", &script]);
    let told = card["container_id"].as_str().expect("a container has an id");
    let container = ContainerId::parse(told).expect("the form is right");
    let runtime = tokio::runtime::Runtime::new().expect("threads can be had");
    let engine = DockerEngine::new(Endpoint::Unix(stage.plain().socket().to_path_buf()).into_dial(), HOLDER);
    prepare(room, told, stage.plain().socket());
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        bare.push(runtime.block_on(through_exec(options, &engine, &container)));
        ours.push(on_the_screen(options, room));
    }
    runtime.block_on(engine.close());
    table::tell_with("echo, engine: p50 ms", &[], &["exec", "pane"], &[bare, ours], Some(&GOAL));
}

/// Puts below `room` what the viewer needs to reach the container through the engine, and only through it: a socket file
/// with nobody behind it, as an engine in a virtual machine shares it.
fn prepare(room: &Path, container: &str, engine: &Path) {
    let run = room.join("0/run");
    std::fs::create_dir_all(&run).expect("the bench's directory takes a directory");
    std::fs::write(room.join("0/container"), container).expect("the bench's directory takes a file");
    drop(UnixListener::bind(run.join("holder.sock")).expect("the bench's directory takes a socket"));
    std::os::unix::fs::symlink(engine, room.join("engine.sock")).expect("the bench's directory takes a link");
}

async fn through_exec(options: &Options, engine: &DockerEngine, container: &ContainerId) -> f64 {
    let mut stream = engine.exec_stream(container, &["cat"], None).await.expect("the engine takes an exec");
    let mut times = Vec::new();
    for turn in 0..options.keys {
        let (key, began) = ([key_of(turn)], Instant::now());
        stream.write_all(&key).await.expect("the exec takes a key");
        stream.flush().await.expect("the exec takes a key");
        let mut echo = [0];
        stream.read_exact(&mut echo).await.expect("the exec echoes");
        assert_eq!(echo, key);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(pause(turn)).await;
    }
    median(&times)
}

fn on_the_screen(options: &Options, room: &Path) -> f64 {
    // The one before it may have left its socket.
    let _stale = std::fs::remove_file(viewer::orders(room));
    let mut outer = Outer::open(&viewer::command(RIG, room, 1));
    outer.wait_for(&ready_sign(0).to_string());
    outer.keys(b"i");
    outer.wait_for("INPUT");
    let mut times = Vec::new();
    for turn in 0..options.keys {
        let (sign, began) = (echo_sign(key_of(turn)).to_string(), Instant::now());
        outer.keys(sign.as_bytes());
        times.push((outer.wait_for(&sign) - began).as_secs_f64() * 1e3);
        outer.drain(pause(turn));
    }
    median(&times)
}
