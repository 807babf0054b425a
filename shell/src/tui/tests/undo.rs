//! What was removed last comes back by one key, and what cannot is told.

use ccells_core::container::ContainerLimits;
use ccells_core::effect::{Done, Level, Refusal, RefusalKind};
use ccells_core::event::Ask;
use ccells_core::ports::Beginning;
use ccells_core::record::{AgentCommand, Facts};
use ccells_core::snapshot::Progress;

use super::frames::last_ticket;
use super::*;

fn facts(number: usize, name: &str) -> Box<Facts> {
    let card = card(number, name, CardState::Stopped);
    Box::new(Facts {
        id: card.id,
        name: card.name,
        prompt: card.prompt,
        branch: card.branch,
        base_ref: None,
        base: None,
        beginning: Beginning::default(),
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        repo_path: PathText::from("/home/u/src/web"),
        git_dir: PathText::from("/home/u/src/web/.git"),
        objects: Vec::new(),
        worktree: card.worktree,
        home: card.directory,
        container_name: "ccells-web".to_owned(),
        image: card.image,
        agent: AgentCommand::default(),
        owner: (0, 0),
        limits: ContainerLimits::default(),
        created_at: Wall(0),
    })
}

fn told(stage: &Stage) -> (Level, &str) {
    let toast = stage.model.toasts.last().expect("something is told");
    (toast.level, &toast.text)
}

fn asked(wishes: &[Wish]) -> Option<&Ask> {
    wishes.iter().find_map(|wish| match wish {
        Wish::Ask(_, ask) if !matches!(ask, Ask::View(_)) => Some(ask),
        _ => None,
    })
}

/// The screen after one workstream was asked back.
fn asked_back() -> Stage {
    let mut stage = Stage::with(80, 24, vec![card(1, "docs", CardState::Running)]);
    assert_eq!(stage.press("u"), [Wish::LastRemoved]);
    let wishes = stage.send(Msg::LastRemoved(Ok(Some(facts(2, "fix-login")))));
    assert_eq!(asked(&wishes), Some(&Ask::Undo(facts(2, "fix-login"))));
    stage
}

fn reply(stage: &mut Stage, outcome: Result<&str, &str>) {
    let done = |note: &str| Done { workstream: Some(id(2)), note: note.to_owned() };
    let refused = |text: &str| Refusal { kind: RefusalKind::Conflict, text: text.to_owned(), work: None };
    let outcome = outcome.map(done).map_err(refused);
    stage.send(Msg::Replied { ticket: last_ticket(stage), outcome });
}

#[test]
fn what_was_removed_last_comes_back_gets_the_focus_and_is_told() {
    let mut stage = asked_back();
    stage
        .show(snapshot(vec![card(1, "docs", CardState::Running), card(2, "fix-login", CardState::Creating)]));
    assert_eq!(stage.model.focused, Some(id(2)));
    reply(&mut stage, Ok("running"));
    assert_eq!(told(&stage), (Level::Info, "`fix-login` is back, on branch `ccells/fix-login`"));
}

#[test]
fn another_branch_and_a_refusal_are_told() {
    let mut stage = asked_back();
    reply(&mut stage, Ok("running; branch `a` is taken or has moved; it is on `b` now"));
    let text = "`fix-login` is back: running; branch `a` is taken or has moved; it is on `b` now";
    assert_eq!(told(&stage), (Level::Warning, text));
    let mut stage = asked_back();
    reply(&mut stage, Err("the disk is full"));
    assert_eq!(told(&stage), (Level::Error, "`fix-login` does not come back: the disk is full"));
}

#[test]
fn an_empty_trash_and_one_that_cannot_be_read_are_told() {
    let mut stage = Stage::with(80, 24, Vec::new());
    stage.press("u");
    assert_eq!(asked(&stage.send(Msg::LastRemoved(Ok(None)))), None);
    let text = "nothing is in the trash of this repository; nothing can come back";
    assert_eq!(told(&stage), (Level::Info, text));
    stage.press("u");
    assert_eq!(asked(&stage.send(Msg::LastRemoved(Err("it cannot be read".to_owned())))), None);
    assert_eq!(told(&stage), (Level::Error, "it cannot be read"));
    assert_eq!(stage.press("u"), [Wish::LastRemoved], "it can be tried again");
}

#[test]
fn a_second_press_brings_nothing_older_back() {
    let mut stage = Stage::with(80, 24, Vec::new());
    stage.press("u");
    assert_eq!(stage.press("u"), []);
    assert_eq!(told(&stage).1, "what was removed last is being brought back already");
    stage.send(Msg::LastRemoved(Ok(Some(facts(2, "fix-login")))));
    assert_eq!(asked(&stage.press("u")), None);
    assert_eq!(told(&stage).1, "`fix-login` is being brought back already");
    reply(&mut stage, Ok("running"));
    assert!(stage.press("u").contains(&Wish::LastRemoved));
}

/// What is on its way to the trash is the last one, and is not there yet.
#[test]
fn while_one_is_being_removed_nothing_older_comes_back() {
    let progress = Progress { step: "removing the container", index: 3, of: 8, since: NOW, pull: None };
    let leaving = Card { progress: Some(progress), ..card(1, "fix-login", CardState::Removing) };
    let mut stage = Stage::with(80, 24, vec![leaving]);
    assert_eq!(stage.press("u"), []);
    assert_eq!(told(&stage).1, "`fix-login` is being removed just now; try again when that is done");
    let stuck = Card { reason: Some("busy".to_owned()), ..card(1, "fix-login", CardState::Removing) };
    stage.show(snapshot(vec![stuck]));
    assert!(stage.press("u").contains(&Wish::LastRemoved), "one that is stuck is in nobody's way");
}

#[test]
fn a_screen_that_only_looks_brings_nothing_back() {
    let mut stage = Stage::new(80, 24);
    stage.show(Snapshot { access: Access::ReadOnly { holder: "pid 6".to_owned() }, ..snapshot(Vec::new()) });
    assert_eq!(stage.press("u"), []);
    assert_eq!(told(&stage).1, "this ccells only looks");
}
