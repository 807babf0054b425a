//! A wish for a new workstream: what it may ask for, what it is called, and what its agent is told.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::conversation::{check, play, tell};
use super::world::{self, World};
use crate::event::{Ask, NewWorkstream};
use crate::limits::{PROMPT_BYTES, WORKSTREAMS};
use crate::record::AgentCommand;

fn begun() -> World {
    check("quietly boot\nquietly all ok")
}

/// Wishes for a workstream and gives the line the machine answers with, its first.
fn wish(world: &mut World, number: u64, change: impl FnOnce(&mut NewWorkstream)) -> String {
    let id = world.id(&format!("wish-{number}"));
    let Ask::New(mut wanted) = world::new(id, "any") else { unreachable!("it is a new one") };
    wanted.name = None;
    change(&mut wanted);
    let effects = world.send(world::asked(number, Ask::New(wanted)));
    tell(world, &effects[0])
}

fn names(world: &World) -> Vec<String> {
    world.machine.snapshot().unwrap().workstreams.into_iter().map(|card| card.name).collect()
}

#[test]
fn without_a_name_it_is_called_by_what_it_is_to_do_and_never_like_another() {
    let mut world = begun();
    for number in 1..=3 {
        wish(&mut world, number, |wanted| wanted.prompt = "Fix the login".to_string());
    }
    assert_eq!(names(&world), ["fix-login", "fix-login-2", "fix-login-3"]);
}

#[test]
fn an_id_is_used_once() {
    let mut world = begun();
    wish(&mut world, 1, |wanted| wanted.name = Some("first".to_string()));
    let id = world.id("wish-1");
    let told = wish(&mut world, 2, |wanted| (wanted.name, wanted.id) = (Some("second".to_string()), id));
    assert_eq!(told, "-> Reply 2 conflict: a workstream named `first` exists already");
}

#[test]
fn a_prompt_of_the_longest_length_fits_and_a_longer_one_does_not() {
    let mut world = begun();
    let told = wish(&mut world, 1, |wanted| wanted.prompt = "x".repeat(PROMPT_BYTES));
    assert!(told.starts_with("-> ResolveBase"), "{told}");
    let told = wish(&mut world, 2, |wanted| wanted.prompt = "x".repeat(PROMPT_BYTES + 1));
    assert!(told.starts_with("-> Reply 2 usage: the prompt has "), "{told}");
}

#[test]
fn there_are_only_so_many_workstreams() {
    let mut world = begun();
    world.is_doubted = false;
    for number in 1..=WORKSTREAMS as u64 {
        let told = wish(&mut world, number, |wanted| wanted.name = Some(format!("w{number}")));
        assert!(told.starts_with("-> ResolveBase"), "{number}: {told}");
    }
    let told = wish(&mut world, 9_000, |wanted| wanted.name = Some("one-more".to_string()));
    assert!(told.starts_with("-> Reply 9000 conflict: this repository has "), "{told}");
}

/// The command lines of the one workstream there is, as they are written into its intent.
fn command(world: &mut World) -> AgentCommand {
    play(world, "ok ResolveBase");
    let intent = world.pending.iter().find_map(|asked| match &asked.effect {
        crate::effect::Effect::WriteIntent { intent, .. } => Some(intent.clone()),
        _ => None,
    });
    intent.expect("its intent is being written").workstream.agent
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToString::to_string).collect()
}

#[test]
fn the_agent_is_given_its_prompt_and_its_conversation() {
    for (prompt, argv) in [("do it", "agent|--id|session|do it"), ("", "agent|--id|session")] {
        let mut world = World::new();
        world.found.settings.agent.argv = words("agent --id {session} {prompt}");
        world.found.settings.agent.resume_argv = words("agent --resume {session}");
        world.found.settings.agent.env.insert("EDITOR".to_string(), "vi".to_string());
        play(&mut world, "boot");
        play(&mut world, "all ok");
        wish(&mut world, 1, |wanted| {
            (wanted.name, wanted.prompt) = (Some("any".to_string()), prompt.to_string());
        });
        let agent = command(&mut world);
        assert_eq!(agent.argv.join("|"), argv);
        assert_eq!(agent.resume_argv.join("|"), "agent|--resume|session");
        assert_eq!((agent.env["EDITOR"].as_str(), agent.session_id.as_str()), ("vi", "session"));
    }
}

#[test]
fn a_command_of_ones_own_is_taken_as_it_is() {
    let mut world = begun();
    wish(&mut world, 1, |wanted| wanted.argv = Some(words("sh -c {prompt}")));
    let agent = command(&mut world);
    assert_eq!((agent.argv.join("|").as_str(), agent.resume_argv.len()), ("sh|-c|{prompt}", 0));
}

#[test]
fn one_that_only_its_container_tells_of_cannot_be_made_again() {
    let mut world = check(
        "engine lost running\nquietly boot\nquietly all ok\nengine lost gone\nquietly changed\nquietly all ok",
    );
    let told = play(&mut world, "ask 1 resume lost");
    assert!(
        told[0].starts_with("-> Reply 1 conflict: ") && told[0].contains("found by its container alone"),
        "{told:#?}"
    );
}

#[test]
fn a_making_is_cancelled_also_while_the_engine_was_never_heard() {
    let mut world = World::new();
    play(&mut world, "boot");
    wish(&mut world, 1, |_| {});
    let id = world.id("wish-1");
    let effects = world.send(world::asked(2, Ask::Cancel(id)));
    let told = tell(&world, &effects[0]);
    assert!(told.starts_with("-> Reply 1 failed: the creation of"), "{told}");
}

#[test]
fn a_making_and_a_removal_tell_how_far_they_are() {
    let mut world = begun();
    wish(&mut world, 1, |_| {});
    let id = world.id("wish-1");
    let mut seen = Vec::new();
    for kind in ["ResolveBase", "WriteIntent", "PinBase", "AddWorktree"] {
        let picture = world.machine.snapshot().unwrap();
        let progress = picture.card(&id).and_then(|card| card.progress).expect("it is being made");
        seen.push((progress.index, progress.of));
        play(&mut world, &format!("ok {kind}"));
    }
    assert_eq!(seen, [(1, 14), (2, 14), (3, 14), (4, 14)]);
    play(&mut world, "all ok");
    let stranger = world.id("nobody");
    let picture = world.machine.snapshot().unwrap();
    assert!(
        picture.card(&id).is_some_and(|card| card.progress.is_none()) && picture.card(&stranger).is_none()
    );
    world.send(world::asked(2, Ask::Remove { workstream: id.clone(), is_forced: true, keep_branch: false }));
    let picture = world.machine.snapshot().unwrap();
    let progress = picture.card(&id).and_then(|card| card.progress).expect("it is being removed");
    assert_eq!((progress.index, progress.of), (2, 11));
}
