//! What a container is made of: where the agent finds its work, its home and git's objects, and who it is told it is.

use std::string::{String, ToString};
use std::vec::Vec;

use super::world::World;
use crate::container::{AGENT_HOME, BASE_OBJECTS, ContainerSpec, GIT_DIR, RUN_DIR, WORKSPACE};
use crate::ids::{HomeId, PathText, RunId};

fn spec_with(objects: &[&str], env: &[(&str, &str)]) -> ContainerSpec {
    let mut facts = World::new().facts("fix-login");
    facts.objects = objects.iter().map(|path| PathText::from(*path)).collect();
    facts.agent.env = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    facts.spec(&HomeId::parse("home").unwrap(), &RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap())
}

fn mounts(spec: &ContainerSpec) -> Vec<(&str, &str, bool)> {
    spec.mounts.iter().map(|it| (it.source.as_str(), it.target.as_str(), it.is_read_only)).collect()
}

#[test]
fn the_agent_is_told_where_it_is_and_its_own_settings_do_not_change_that() {
    let spec = spec_with(&["/objects"], &[("EDITOR", "vi"), ("HOME", "/root")]);
    let told: Vec<(&str, &str)> =
        spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let wanted = [
        ("CCELLS_WORKSTREAM_ID", "00000000000000000000000001"),
        ("CCELLS_WORKSTREAM_NAME", "fix-login"),
        ("COLORTERM", "truecolor"),
        ("EDITOR", "vi"),
        ("HOME", AGENT_HOME),
        ("IS_SANDBOX", "1"),
        ("TERM", "xterm-256color"),
        ("TERM_PROGRAM", "ccells"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn only_its_own_directories_may_be_written() {
    let spec = spec_with(&["/repo/.git/objects"], &[]);
    let own = "/home/workstreams/00000000000000000000000001";
    let wanted = [
        ("/home/worktrees/00000000000000000000000001".to_string(), WORKSPACE, false),
        ([own, "/dotgit"].concat(), "/workspace/.git", true),
        ([own, "/git"].concat(), GIT_DIR, false),
        ([own, "/home"].concat(), AGENT_HOME, false),
        ([own, "/run"].concat(), RUN_DIR, false),
        ([own, "/passwd"].concat(), "/etc/passwd", true),
        ([own, "/group"].concat(), "/etc/group", true),
        ("/repo/.git/objects".to_string(), BASE_OBJECTS, true),
    ];
    let wanted: Vec<(&str, &str, bool)> = wanted
        .iter()
        .map(|(source, target, is_read_only)| (source.as_str(), *target, *is_read_only))
        .collect();
    assert_eq!(mounts(&spec), wanted);
}

#[test]
fn borrowed_objects_are_found_in_the_container_and_paths_of_the_host_are_not_followed() {
    let alone = spec_with(&["/first"], &[]);
    let several = spec_with(&["/first", "/second", "/third"], &[]);
    let none = spec_with(&[], &[]);
    let of_objects = |spec: &ContainerSpec| -> Vec<(String, String)> {
        let all = mounts(spec).into_iter().filter(|(_, target, _)| target.starts_with(BASE_OBJECTS));
        all.map(|(source, target, _)| (source.to_string(), target.to_string())).collect()
    };
    let at = |source: &str, end: &str| (source.to_string(), [BASE_OBJECTS, end].concat());
    assert_eq!(of_objects(&none), []);
    assert_eq!(of_objects(&alone), [at("/first", "")]);
    let wanted =
        [at("/first", ""), at("/second", "-1"), at("/third", "-2"), at("/dev/null", "/info/alternates")];
    assert_eq!(of_objects(&several), wanted);
    assert!(mounts(&several).iter().filter(|it| it.1.starts_with(BASE_OBJECTS)).all(|it| it.2));
}
