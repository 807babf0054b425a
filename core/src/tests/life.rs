//! Pause, resume, stop, restart: each does what it says, says so when there is nothing to do, and is refused where it
//! makes no sense.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::conversation::{check, check_in, play};
use super::world::World;
use crate::container::ContainerExit;
use crate::event::Event;
use crate::time::Mono;

fn made() -> World {
    check("quietly boot\nquietly all ok\nmade fix-login")
}

#[test]
fn a_running_workstream_is_paused_and_resumed() {
    check_in(
        &mut made(),
        "
        ask 1 pause fix-login
            -> PauseContainer fix-login c1
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        ok SaveState
        ok TrackContainer
            -> Reply 1 ok paused
        show
            = fix-login: paused, attached
        ask 2 pause fix-login
            -> Reply 2 ok paused already
        ask 3 resume fix-login
            -> UnpauseContainer fix-login c1
        ok UnpauseContainer
            -> TrackContainer fix-login running
            -> SaveState of fix-login
        all ok
            -> Reply 3 ok running
        ask 4 resume fix-login
            -> Reply 4 ok running already
        ",
    );
}

#[test]
fn a_stopped_workstream_keeps_everything_and_is_started_again() {
    check_in(
        &mut made(),
        "
        ask 1 stop fix-login
            -> StopContainer fix-login c1
        all ok
            -> TrackContainer fix-login exited
            -> SaveState of fix-login (stopped by user)
            -> Reply 1 ok stopped
        show
            = fix-login: stopped, attached
        ask 2 stop fix-login
            -> Reply 2 ok stopped already
        ask 3 pause fix-login
            -> Reply 3 conflict: `fix-login` is exited; it cannot be paused
        ask 4 resume fix-login
            -> StartContainer fix-login c1
        all ok
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> Reply 4 ok running
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn a_restart_starts_the_agent_again_or_the_container_where_it_does_not_run() {
    check_in(
        &mut made(),
        "
        ask 1 restart fix-login
            -> RestartAgent fix-login c1
        ok RestartAgent
            -> Reply 1 ok agent restarted
        ask 2 restart fix-login
            -> RestartAgent fix-login c1
        fail RestartAgent failed
            -> Reply 2 failed: no space left
        quietly ask 3 pause fix-login
        quietly all ok
        ask 4 restart fix-login
            -> Reply 4 conflict: `fix-login` is paused; it cannot be restarted before it is resumed
        quietly ask 5 stop fix-login
        quietly all ok
        ask 6 restart fix-login
            -> StartContainer fix-login c1
        all ok
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> Reply 6 ok running
        ",
    );
}

#[test]
fn a_change_that_fails_is_told_and_the_engine_is_looked_at() {
    check_in(
        &mut made(),
        "
        ask 1 pause fix-login
            -> PauseContainer fix-login c1
        fail PauseContainer unknown
            -> Reply 1 timeout: the engine did not answer in time: a deadline passed
            -> ListContainers
        show
            = fix-login: running (the engine did not answer in time: a deadline passed), attached
        ok ListContainers
        ask 2 pause fix-login
            -> PauseContainer fix-login c1
        fail PauseContainer landed
            -> Reply 2 timeout: the engine did not answer in time: a deadline passed
            -> ListContainers
        ok ListContainers
        show
            = fix-login: paused (the engine did not answer in time: a deadline passed), attached
        ask 3 stop fix-login
            -> StopContainer fix-login c1
        fail StopContainer conflict
            -> Reply 3 conflict: the engine's words
            -> ListContainers
        show
            = fix-login: paused (the engine's words), attached
        ",
    );
}

#[test]
fn a_change_that_cannot_be_written_down_has_happened_all_the_same() {
    check_in(
        &mut made(),
        "
        quietly ask 1 pause fix-login
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        fail TrackContainer failed
            -> Reply 1 failed: no space left
        quietly ok SaveState
        show
            = fix-login: paused (no space left), attached
        ",
    );
}

#[test]
fn a_change_is_answered_when_the_disk_says_so() {
    for op in ["stop", "pause"] {
        let mut world = made();
        lines(&mut world, &[&format!("ask 1 {op} fix-login"), &format!("ok {}Container", capital(op))]);
        let told = play(&mut world, "ok TrackContainer");
        assert_eq!(told, Vec::<String>::new(), "{op}: the state is not durable yet");
        let told = play(&mut world, "ok SaveState");
        assert!(told.iter().any(|line| line.starts_with("-> Reply 1 ok")), "{op}: {told:#?}");
    }
    check_in(
        &mut made(),
        "
        quietly ask 1 stop fix-login
        quietly ok StopContainer
        quietly ok TrackContainer
        fail SaveState failed
            -> Notify error: the state cannot be saved: no space left. Free some space; ccells tries again.
            -> Reply 1 failed: stopped, but that could not be written down: no space left
        ask 2 stop fix-login
            -> StopContainer fix-login c1
        ok StopContainer
            -> TrackContainer fix-login exited
            -> SaveState of fix-login (stopped by user)
        ok TrackContainer
        ok SaveState
            -> Notify info: the disk takes writes again
            -> Reply 2 ok stopped
        ask 3 stop fix-login
            -> Reply 3 ok stopped already
        ",
    );
}

#[test]
fn what_the_user_paused_after_our_quit_had_frozen_it_stays_paused_after_a_power_cut() {
    check(
        "
        given state fix-login paused-by-quit
        engine fix-login paused
        quietly boot verb
        quietly ask 1 pause fix-login
        quietly ok ListContainers
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        quietly ok TrackContainer
        ok SaveState
            -> Reply 1 ok paused
        quietly boot crashed
        quietly ok ListContainers
        quietly all ok
        show
            = fix-login: paused
            = found fix-login: its container does not run
        ",
    );
}

#[test]
fn what_the_user_pauses_while_the_run_ends_was_not_paused_by_the_quit() {
    check_in(
        &mut made(),
        "
        ask 1 pause fix-login
            -> PauseContainer fix-login c1
        ask 2 quit
        ok PauseContainer
            -> TrackContainer fix-login paused
            -> SaveState of fix-login
        quietly ok TrackContainer
        quietly ok SaveState
        quietly all ok
        quietly boot crashed
        quietly ok ListContainers
        quietly all ok
        show
            = fix-login: paused
            = found fix-login: its container does not run
        ",
    );
}

#[test]
fn one_that_ended_by_itself_can_be_stopped_for_good() {
    check_in(
        &mut made(),
        "
        engine fix-login exited
        quietly changed
        quietly all ok
        ask 1 stop fix-login
            -> StopContainer fix-login c1
        quietly ok StopContainer
        quietly ok TrackContainer
        ok SaveState
            -> Reply 1 ok stopped
        ask 2 stop fix-login
            -> Reply 2 ok stopped already
        ",
    );
}

#[test]
fn one_that_never_ran_has_not_exited_when_it_is_stopped() {
    check_in(
        &mut made(),
        "
        engine fix-login created
        quietly changed
        quietly all ok
        ask 1 stop fix-login
            -> StopContainer fix-login c1
        ok StopContainer
            -> TrackContainer fix-login created
            -> SaveState of fix-login (stopped by user)
        quietly ok TrackContainer
        ok SaveState
            -> Reply 1 ok stopped
        ",
    );
}

#[test]
fn a_container_that_is_made_again_was_stopped_by_nobody() {
    check_in(
        &mut made(),
        "
        quietly ask 1 stop fix-login
        quietly all ok
        engine fix-login gone
        quietly changed
        quietly all ok
        ask 2 resume fix-login
            -> WriteIntent fix-login create
        all ok
            -> PinBase fix-login
            -> AddWorktree fix-login
            -> BuildHome fix-login
            -> CreateContainer fix-login ccells-web-00000000000000000000000001
            -> TrackContainer fix-login created
            -> UploadHolder fix-login c2
            -> StartContainer fix-login c2
            -> TrackContainer fix-login running
            -> SaveState of fix-login
            -> ClearIntent fix-login
            -> Reply 2 ok running
            -> OpenSession fix-login c2
        ",
    );
}

fn capital(op: &str) -> String {
    let (first, rest) = op.split_at(1);
    first.to_uppercase() + rest
}

fn lines(world: &mut World, lines: &[&str]) {
    for line in lines {
        play(world, line);
    }
}

#[test]
fn a_workstream_without_a_container_that_is_seen_cannot_be_changed() {
    check(
        "
        given state fix-login
        boot
            -> Beat 1
            -> WatchEngine
            -> ListContainers
        ask 1 pause fix-login
        fail ListContainers unreachable
            -> Reply 1 failed: the engine at the socket does not answer: refused; try again when the engine answers
        ask 2 restart fix-login
            -> Reply 2 failed: the engine at the socket does not answer: refused; try again when the engine answers
        ask 3 resume fix-login
            -> Reply 3 failed: the engine at the socket does not answer: refused; try again when the engine answers
        show
            = the engine is down: the engine at the socket does not answer: refused
            = fix-login: unknown
        ",
    );
}

#[test]
fn one_that_never_ran_and_is_refused_to_start_gets_another_container() {
    check(
        "
        given state fix-login
        engine fix-login created
        quietly boot
        quietly all ok
        ask 1 resume fix-login
            -> StartContainer fix-login c1
        fail StartContainer failed
            -> WriteIntent fix-login create
            -> ListContainers
        ok WriteIntent
            -> PinBase fix-login
        quietly ok PinBase
        quietly ok AddWorktree
        ok BuildHome
            -> RemoveContainer fix-login ccells-web-00000000000000000000000001
        quietly all ok
        show
            = fix-login: running, attached
        ",
    );
}

#[test]
fn what_ran_before_or_may_have_run_keeps_its_container_when_it_is_refused_to_start() {
    for (state, lines) in
        [("exited", ""), ("created", "quietly fail StartContainer unknown\nask 2 resume fix-login")]
    {
        let mut world = World::new();
        let begin = format!("given state fix-login\nengine fix-login {state}\nquietly boot\nquietly all ok");
        for line in begin.lines().chain(["ask 1 resume fix-login"]).chain(lines.lines()) {
            play(&mut world, line);
        }
        let told = play(&mut world, "fail StartContainer failed");
        assert!(told[0].starts_with("-> Reply") && told[0].contains("refused (500)"), "{state}: {told:#?}");
    }
}

#[test]
fn only_a_refusal_to_start_is_a_reason_to_make_a_container_again() {
    for (wish, kind, how) in
        [("stop", "Stop", "failed"), ("resume", "Start", "conflict"), ("resume", "Start", "absent")]
    {
        let mut world =
            check("given state fix-login\nengine fix-login created\nquietly boot\nquietly all ok");
        play(&mut world, &format!("ask 1 {wish} fix-login"));
        let told = play(&mut world, &format!("fail {kind}Container {how}"));
        assert!(told[0].starts_with("-> Reply 1 "), "{wish}: {told:#?}");
    }
}

#[test]
fn a_run_that_could_not_read_everything_makes_again_only_what_the_user_named() {
    let begin =
        "given intent create fix-login\nengine fix-login created\ngiven notice x is damaged\nquietly boot";
    let up_to_the_start =
        ["PinBase", "AddWorktree", "BuildHome", "CreateContainer", "TrackContainer", "UploadHolder"];
    let mut world = check(begin);
    play(&mut world, "ok ListContainers");
    for kind in up_to_the_start {
        play(&mut world, &format!("ok {kind}"));
    }
    let told = play(&mut world, "fail StartContainer failed");
    assert_eq!(told[0], "-> WriteIntent fix-login create", "its failure is written down");
    check_in(
        &mut world,
        "show\n= fix-login: failed (starting the container: the engine refused (500): the engine's words)\n= found fix-login: its creation was interrupted and can be finished",
    );
    play(&mut world, "all ok");
    play(&mut world, "wait 45s");
    play(&mut world, "all ok");
    play(&mut world, "ask 1 resume fix-login");
    play(&mut world, "fail StartContainer failed");
    let told = play(&mut world, "all ok");
    assert!(told.iter().any(|line| line.starts_with("-> RemoveContainer")), "{told:#?}");
    assert!(told.iter().any(|line| line == "-> Reply 1 ok running"), "{told:#?}");
}

#[test]
fn what_an_agent_said_is_forgotten_when_it_has_ended_and_kept_while_it_is_frozen() {
    use crate::agent::{AgentLife, AgentReport, AgentStatus};
    use crate::event::Event;

    let mut world = made();
    let report = AgentReport {
        life: AgentLife::Running,
        starts: 1,
        status: AgentStatus::Working,
        title: String::new(),
        bells: 0,
    };
    let workstream = world.id("fix-login");
    drop(world.send(Event::AgentReported { workstream, report }));
    for (state, is_known) in [("paused", true), ("running", true), ("exited", false)] {
        play(&mut world, &format!("engine fix-login {state}"));
        play(&mut world, "wait 45s");
        play(&mut world, "all ok");
        let card = &world.machine.snapshot().unwrap().workstreams[0];
        assert_eq!(card.agent.is_some(), is_known, "{state}");
    }
}

/// How the container of the one workstream there is ended, as its card tells.
fn told_exit(world: &World) -> Option<i64> {
    world.machine.snapshot().unwrap().workstreams[0].exit.map(|exit| exit.code)
}

#[test]
fn how_a_container_ended_is_told_until_it_lives_again() {
    let mut world = made();
    play(&mut world, "engine fix-login exited");
    world.now += 1;
    let mut shown = world.shown();
    shown[0].exit = Some(ContainerExit { code: 3, was_out_of_memory: false });
    let requested_at = Mono(world.now);
    world.send(Event::ContainersListed { requested_at, outcome: Ok(shown) });
    assert_eq!(told_exit(&world), Some(3));
    check_in(&mut world, "quietly ask 1 stop fix-login\nquietly ok StopContainer");
    assert_eq!(told_exit(&world), Some(3), "that the user wants it so changes nothing about how it ended");
    check_in(&mut world, "quietly all ok\nengine fix-login exited\nquietly ask 2 resume fix-login");
    check_in(&mut world, "quietly ok StartContainer");
    assert_eq!(told_exit(&world), None);
}
