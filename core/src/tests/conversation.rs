//! The language the tests speak. A conversation is one text: what happens, one line each, and below it what the
//! machine does about it, each effect on a line that begins with `->`. [`check`] plays the first and compares both.
//!
//! ```text
//! given state|intent create|intent destroy|facts NAME …    what the disk holds before the boot
//! boot [verb|reconcile] [read-only] [crashed]              the run begins
//! ask N new|pause|resume|stop|restart|remove|cancel NAME … a wish, with its number
//! ok KIND [NAME]    fail KIND [NAME] HOW    again          an answer; the last answer once more
//! answer last KIND                                         the newest of that kind is answered, before the others
//! all ok                                                   everything outstanding is answered well
//! list NAME=STATE …                                        the listing shows exactly these
//! engine NAME STATE|gone                                   the small engine changes by itself
//! pulled N of M                                            the pull of an image has come so far
//! changed    lost    ended NAME    wait 5s    crash        events without a question
//! made NAME …                                              makes workstreams, unseen
//! quietly LINE                                             plays a line, unseen
//! show                                                     prints the cards, each on a line that begins with `=`
//! ```

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::answers::How;
use super::world::{self, World, observed};
use crate::container::ContainerState;
use crate::effect::{Effect, Level, RefusalKind};
use crate::event::{Access, Ask, Event, OnQuit, Previous, Purpose};
use crate::ids::{Attempt, ContainerId, HomeId};
use crate::ports::{MergeWish, OnTaken, PullProgress, PushWish, RebaseWish};
use crate::record::{Operation, StateRecord};
use crate::snapshot::{EngineState, ShutdownOutcome};
use crate::time::Wall;
use crate::tracking::Delta;

/// Plays `conversation` in a fresh world; fails where the machine says something else.
#[track_caller]
pub(super) fn check(conversation: &str) -> World {
    let mut world = World::new();
    check_in(&mut world, conversation);
    world
}

/// Plays `conversation` in `world`.
#[track_caller]
pub(super) fn check_in(world: &mut World, conversation: &str) {
    let wanted: Vec<&str> = conversation.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut heard = Vec::new();
    for line in wanted.iter().filter(|line| !is_output(line)) {
        heard.push((*line).to_string());
        heard.extend(play(world, line));
    }
    if heard == wanted {
        return;
    }
    let same = heard.iter().zip(&wanted).take_while(|(heard, wanted)| heard == wanted).count();
    let mark = |(number, line)| format!("{} {line}", if number == same { '>' } else { ' ' });
    let said = heard.iter().enumerate().map(mark).collect::<Vec<_>>().join("\n");
    let expected = wanted.get(same).unwrap_or(&"nothing");
    panic!("the conversation went another way:\n{said}\nat `>` this was expected: {expected}");
}

fn is_output(line: &str) -> bool {
    line.starts_with("->") || line.starts_with('=')
}

/// Plays one line and gives what it brings about.
pub(super) fn play(world: &mut World, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["quietly", ..] => {
            play(world, line.trim_start_matches("quietly"));
            Vec::new()
        }
        ["made", names @ ..] => {
            for (number, name) in names.iter().enumerate() {
                play(world, &format!("ask {} new {name}", 900 + number));
                play(world, "all ok");
            }
            Vec::new()
        }
        ["show"] => show(world),
        ["given", what @ ..] => {
            given(world, what);
            Vec::new()
        }
        ["engine", "foreign", name, state] => {
            world.plant_foreign(name, state_of(state));
            Vec::new()
        }
        ["engine", name, "gone"] => {
            world.plant(name, None);
            Vec::new()
        }
        ["engine", name, state] => {
            world.plant(name, Some(state_of(state)));
            Vec::new()
        }
        ["crash"] => {
            world.crash();
            Vec::new()
        }
        words => {
            let effects = happen(world, words);
            effects.iter().map(|effect| tell(world, effect)).collect()
        }
    }
}

fn happen(world: &mut World, words: &[&str]) -> Vec<Effect> {
    match words {
        ["boot", how @ ..] => boot(world, how),
        ["ask", number, what @ ..] => {
            let ask = ask(world, what);
            world.send(world::asked(number.parse().unwrap(), ask))
        }
        ["ok", kind, name @ ..] => answer(world, kind, name.first().copied(), How::Well),
        ["fail", kind, how] => answer(world, kind, None, how_of(how)),
        ["fail", kind, name, how] => answer(world, kind, Some(name), how_of(how)),
        ["answer", "last", kind] => {
            world.pending.reverse();
            let effects = answer(world, kind, None, How::Well);
            world.pending.reverse();
            effects
        }
        ["all", "ok"] => all_ok(world),
        ["again"] => {
            let event = world.last_answer.clone().expect("something was answered before");
            world.send(event)
        }
        ["list", shown @ ..] => list(world, shown),
        ["pulled", done, "of", layers] => {
            let attempt = world.pending.iter().find_map(|asked| match asked.effect {
                Effect::PullImage { attempt, .. } => Some(attempt),
                _ => None,
            });
            let attempt = attempt.unwrap_or(Attempt(1));
            let (done, layers) = (done.parse().unwrap(), layers.parse().unwrap());
            let (bytes_done, bytes) = (u64::from(done) * 1_000_000, u64::from(layers) * 1_000_000);
            let progress = PullProgress { layers_done: done, layers, bytes_done, bytes };
            let workstream = world.id("fix-login");
            world.send(Event::PullProgressed { workstream, attempt, progress })
        }
        ["changed"] => world.send(Event::EngineChanged),
        ["lost"] => {
            world.pending.retain(|asked| !matches!(asked.effect, Effect::WatchEngine { .. }));
            world.send(Event::EngineLost { reason: "the stream ended".to_string(), is_late: false })
        }
        ["ended", name] => {
            let ended = world.session_ended(name);
            world.last_answer = Some(ended.clone());
            world.send(ended)
        }
        ["wait", time] => world.wait_until(world.now + milliseconds(time)),
        _ => panic!("no such line: {}", words.join(" ")),
    }
}

fn boot(world: &mut World, how: &[&str]) -> Vec<Effect> {
    for word in how {
        match *word {
            "verb" => world.found.purpose = Purpose::Verb,
            "reconcile" => world.found.purpose = Purpose::Reconcile,
            "read-only" => world.found.access = Access::ReadOnly { holder: "run 8".to_string() },
            "clean" => world.found.previous = Previous::Clean,
            "crashed" => {
                let purpose = world.found.purpose;
                world.crash();
                world.found.purpose = purpose;
            }
            other => panic!("no such way to boot: {other}"),
        }
    }
    world.boot()
}

fn given(world: &mut World, what: &[&str]) {
    match what {
        ["state", name, words @ ..] => world.record(name, words),
        ["intent", "create", name] => world.leave_intent(name, Operation::Create),
        ["intent", "merge", name] => world.leave_intent(name, Operation::Merge),
        ["intent", "rebase", name] => world.leave_intent(name, Operation::Rebase),
        ["intent", "restore", name] => {
            world.leave_intent(name, Operation::Restore { unsettled_since: None });
        }
        ["intent", "destroy", name, words @ ..] => {
            let operation = Operation::Destroy {
                keep_branch: words.contains(&"keep-branch"),
                unsettled_since: words.contains(&"unsettled").then_some(Wall(1)),
                is_settling: words.contains(&"settling"),
            };
            world.leave_intent(name, operation);
        }
        ["facts", name] => {
            let facts = world.facts(name);
            world.found.facts.push(facts);
        }
        ["worktree", name] => {
            let id = world.id(name);
            world.found.worktrees.insert(id);
        }
        ["damaged", "state"] => world.damage(),
        ["notice", words @ ..] => world.found.notices.push(words.join(" ")),
        ["warning", words @ ..] => world.found.warnings.push(words.join(" ")),
        _ => panic!("no such thing: {}", what.join(" ")),
    }
}

fn ask(world: &mut World, what: &[&str]) -> Ask {
    match what {
        ["new", name, words @ ..] => {
            let id = world.id(name);
            let mut ask = world::new(id, name);
            if let (Ask::New(wanted), Some(branch)) =
                (&mut ask, words.iter().find_map(|word| word.strip_prefix("branch=")))
            {
                wanted.branch = Some(branch.to_string());
            }
            if let (Ask::New(wanted), Some(from)) =
                (&mut ask, words.iter().find_map(|word| word.strip_prefix("from=")))
            {
                wanted.from = Some(world.id(from));
            }
            if let (Ask::New(wanted), Some(taken)) =
                (&mut ask, words.iter().find_map(|word| word.strip_prefix("taken=")))
            {
                wanted.on_taken = match taken {
                    "new" => OnTaken::New,
                    "use" => OnTaken::Use,
                    other => panic!("no such choice: {other}"),
                };
            }
            ask
        }
        ["pause", name] => Ask::Pause(world.id(name)),
        ["resume", name] => Ask::Resume(world.id(name)),
        ["stop", name] => Ask::Stop(world.id(name)),
        ["restart", name] => Ask::Restart(world.id(name)),
        ["cancel", name] => Ask::Cancel(world.id(name)),
        ["remove", name, words @ ..] => Ask::Remove {
            workstream: world.id(name),
            is_forced: words.contains(&"forced"),
            keep_branch: words.contains(&"keep-branch"),
        },
        ["undo", name] => Ask::Undo(std::boxed::Box::new(world.facts(name))),
        ["merge", name, onto @ ..] => {
            let onto = onto.first().map(ToString::to_string);
            let wish = std::boxed::Box::new(MergeWish { onto, ..MergeWish::default() });
            Ask::Merge { workstream: world.id(name), wish }
        }
        ["push", name, words @ ..] => {
            let is_forced = words.contains(&"forced");
            let remote = words.iter().find_map(|word| word.strip_prefix("remote=")).map(ToString::to_string);
            let wish = std::boxed::Box::new(PushWish { remote, is_forced, ..PushWish::default() });
            Ask::Push { workstream: world.id(name), wish }
        }
        ["rebase", name, "abort"] => {
            Ask::Rebase { workstream: world.id(name), wish: std::boxed::Box::new(RebaseWish::Abort) }
        }
        ["rebase", name, onto @ ..] => {
            let wish = RebaseWish::Onto(onto.first().map(ToString::to_string));
            Ask::Rebase { workstream: world.id(name), wish: std::boxed::Box::new(wish) }
        }
        ["reconcile"] => Ask::Reconcile,
        ["view", name] => {
            let focused = Some(world.id(name));
            Ask::View(crate::record::ViewRecord { focused, ..crate::record::ViewRecord::default() })
        }
        ["quit"] => Ask::Quit { policy: OnQuit::PauseAll },
        ["quit", "keep-running"] => Ask::Quit { policy: OnQuit::KeepRunning },
        ["quit-now"] => Ask::QuitNow,
        _ => panic!("no such wish: {}", what.join(" ")),
    }
}

#[track_caller]
fn answer(world: &mut World, kind: &str, name: Option<&str>, how: How) -> Vec<Effect> {
    let id = name.map(|name| world.id(name).to_string());
    let fits = |effect: &Effect| {
        let told = format!("{effect:?}");
        told.split([' ', '{']).next() == Some(kind) && id.as_ref().is_none_or(|id| told.contains(id))
    };
    let place = world.pending.iter().position(|asked| fits(&asked.effect));
    let Some(place) = place else {
        let outstanding: Vec<_> = world.pending.iter().map(|asked| tell(world, &asked.effect)).collect();
        panic!("no {kind} is outstanding, only {outstanding:#?}");
    };
    world.answer(place, how)
}

/// Answers everything but the engine's stream, which goes on, until nothing is outstanding.
pub(super) fn all_ok(world: &mut World) -> Vec<Effect> {
    let mut effects = Vec::new();
    let is_open = |effect: &Effect| matches!(effect, Effect::WatchEngine { .. });
    while let Some(place) = world.pending.iter().position(|asked| !is_open(&asked.effect)) {
        effects.extend(world.answer(place, How::Well));
    }
    effects
}

fn list(world: &mut World, shown: &[&str]) -> Vec<Effect> {
    let place = world.pending.iter().position(|asked| matches!(asked.effect, Effect::ListContainers { .. }));
    let asked = world.pending.remove(place.expect("a listing is outstanding"));
    let mut containers = Vec::new();
    for word in shown {
        let (name, state) = word.split_once('=').expect("NAME=STATE");
        let id = world.id(name);
        let (container, home) = (ContainerId::parse("c1").unwrap(), HomeId::parse("home").unwrap());
        containers.push(observed(&world.found, &id, &container, &home, state_of(state)));
    }
    world.send(Event::ContainersListed { requested_at: asked.at, outcome: Ok(containers) })
}

fn how_of(word: &str) -> How {
    match word {
        "failed" => How::Failed,
        "unreachable" => How::Unreachable,
        "unknown" => How::Unknown,
        "landed" => How::Landed,
        "absent" => How::Absent,
        "conflict" => How::Conflict,
        "work" => How::Work,
        "elsewhere" => How::Elsewhere,
        other => panic!("no such way to fail: {other}"),
    }
}

fn state_of(word: &str) -> ContainerState {
    ContainerState::parse(word).expect("a state in the engine's words")
}

fn milliseconds(text: &str) -> u64 {
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().unwrap(),
        (None, Some(number)) => number.parse::<u64>().unwrap() * 1_000,
        (None, None) => panic!("a time is 5s or 200ms"),
    }
}

fn show(world: &World) -> Vec<String> {
    let Some(picture) = world.machine.snapshot() else { return Vec::from(["= not begun".to_string()]) };
    let mut lines = Vec::new();
    if let EngineState::Down { reason, .. } = &picture.engine {
        lines.push(format!("= the engine is down: {reason}"));
    }
    if let Some(reason) = &picture.degraded {
        lines.push(format!("= degraded: {reason}"));
    }
    for card in &picture.workstreams {
        let mut line = format!("= {}: {}", card.name, card.state.as_str());
        if let Some(progress) = &card.progress {
            line = format!("{line}, {}", progress.text());
        }
        if let Some(reason) = &card.reason {
            line = format!("{line} ({reason})");
        }
        if card.is_attached {
            line += ", attached";
        }
        lines.push(line);
    }
    for finding in &picture.findings {
        lines.push(format!("= found {}: {}", world.name(&finding.workstream), finding.verdict.as_str()));
    }
    for (id, outcome) in picture.shutdown.iter().flat_map(|ending| &ending.outcomes) {
        let outcome = match outcome {
            ShutdownOutcome::Waiting => "waits",
            ShutdownOutcome::Paused => "paused",
            ShutdownOutcome::KeptRunning => "kept running",
            ShutdownOutcome::Failed(reason) => reason,
        };
        lines.push(format!("= ending {}: {outcome}", world.name(id)));
    }
    lines
}

/// One effect, on one line.
pub(super) fn tell(world: &World, effect: &Effect) -> String {
    let told = format!("{effect:?}");
    let kind = told.split([' ', '{']).next().unwrap_or_default();
    let line = match effect {
        Effect::WriteIntent { workstream, intent, .. } => {
            format!("{} {}", world.name(workstream), operation(&intent.operation))
        }
        Effect::TrackContainer { workstream, delta, .. }
        | Effect::UntrackContainer { workstream, delta, .. } => match &**delta {
            Delta::Track(container) => format!("{} {}", world.name(workstream), container.state),
            Delta::Untrack(id) => world.name(id),
        },
        Effect::SaveState { state, .. } => entries(world, state),
        Effect::ResolveBase { workstream, wish, .. } => {
            format!("{} for {}", world.name(workstream), beginning(wish))
        }
        Effect::RemoveWorktree { workstream, keep_branch: true, .. } => {
            format!("{} keeping the branch", world.name(workstream))
        }
        Effect::CreateContainer { workstream, spec, .. } => {
            format!("{} {}", world.name(workstream), spec.name)
        }
        Effect::PullImage { workstream, image, .. } => format!("{} {image}", world.name(workstream)),
        Effect::RemoveContainer { workstream, name, .. } => format!("{} {name}", world.name(workstream)),
        Effect::ClearIntent { workstream, .. }
        | Effect::PinBase { workstream, .. }
        | Effect::AddWorktree { workstream, .. }
        | Effect::BuildHome { workstream, .. }
        | Effect::InspectWork { workstream, .. }
        | Effect::SnapshotWork { workstream, .. }
        | Effect::RemoveWorktree { workstream, keep_branch: false, .. }
        | Effect::RetireHome { workstream, .. }
        | Effect::AbandonPull { workstream }
        | Effect::RestoreWork { workstream, .. }
        | Effect::CloseSession { workstream } => world.name(workstream),
        Effect::JudgeMerge { workstream, head, wish, .. } => {
            let onto = wish.onto.as_deref().unwrap_or("its branch");
            format!("{} {} onto {onto}", world.name(workstream), &head.as_str()[..4])
        }
        Effect::PushWork { workstream, head, wish, .. } => {
            let forced = if wish.is_forced { " forced" } else { "" };
            format!("{} {}{forced}", world.name(workstream), &head.as_str()[..4])
        }
        Effect::MoveBranch { workstream, moving, .. } => {
            let (from, to) = (&moving.from.as_str()[..4], &moving.to.as_str()[..4]);
            format!("{} {} {from}..{to}", world.name(workstream), moving.branch)
        }
        Effect::AimRebase { workstream, onto, .. } => {
            format!("{} {}", world.name(workstream), onto.as_deref().unwrap_or("its branch"))
        }
        Effect::RebaseWork { .. } | Effect::MoveBase { .. } => way(world, effect),
        Effect::FetchWork { workstream, container, .. }
        | Effect::UploadHolder { workstream, container, .. }
        | Effect::StartContainer { workstream, container, .. }
        | Effect::PauseContainer { workstream, container, .. }
        | Effect::UnpauseContainer { workstream, container, .. }
        | Effect::StopContainer { workstream, container, .. }
        | Effect::OpenSession { workstream, container, .. }
        | Effect::RestartAgent { workstream, container, .. } => {
            format!("{} {container}", world.name(workstream))
        }
        Effect::PingEngine | Effect::ListContainers { .. } | Effect::WatchEngine { .. } => String::new(),
        Effect::Beat { sequence } => sequence.to_string(),
        Effect::Reply { request, outcome } => reply(request.0, outcome),
        Effect::Notify { level, text } => format!("{}: {text}", level_of(*level)),
        Effect::Exit { is_complete } => (if *is_complete { "complete" } else { "incomplete" }).to_string(),
    };
    format!("-> {kind} {line}").trim_end().to_string()
}

/// What begins, and from what other workstream.
fn beginning(wish: &crate::ports::BaseWish) -> String {
    let from = wish.fork.as_ref().map_or(String::new(), |fork| {
        let is_running = if fork.container.is_some() { "" } else { " at rest" };
        format!(" from {}{is_running}", fork.name)
    });
    format!("{}{from}", wish.branch)
}

/// What is asked for, and from where to where a base moves.
fn way(world: &World, effect: &Effect) -> String {
    let way = |moving: &crate::ports::BaseMove| {
        format!("{}..{}", &moving.from.as_str()[..4], &moving.to.as_str()[..4])
    };
    if let Effect::RebaseWork { workstream, call, moving, .. } = effect {
        format!("{} {call:?} {}", world.name(workstream), way(moving))
    } else if let Effect::MoveBase { workstream, moving, .. } = effect {
        format!("{} {}", world.name(workstream), way(moving))
    } else {
        String::new()
    }
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Create => "create".to_string(),
        Operation::Merge => "merge".to_string(),
        Operation::Rebase => "rebase".to_string(),
        Operation::Restore { unsettled_since } => {
            format!("restore{}", if unsettled_since.is_some() { " unsettled" } else { "" })
        }
        Operation::Destroy { keep_branch, unsettled_since, is_settling } => {
            let kept = if *keep_branch { " keep-branch" } else { "" };
            let unsettled = if unsettled_since.is_some() { " unsettled" } else { "" };
            let settling = if *is_settling { " settling" } else { "" };
            format!("destroy{kept}{unsettled}{settling}")
        }
    }
}

fn entries(world: &World, state: &StateRecord) -> String {
    let tell = |entry: &crate::record::StateEntry| {
        let mut text = world.name(&entry.facts.id);
        if entry.was_paused_by_quit {
            text += " (paused by quit)";
        }
        if entry.was_stopped_by_user {
            text += " (stopped by user)";
        }
        if let Some(open) = &entry.rebase {
            text += if open.files.is_some() { " (rebase stopped)" } else { " (rebase begun)" };
        }
        text
    };
    let names: Vec<_> = state.workstreams.iter().map(tell).collect();
    if names.is_empty() { "of nothing".to_string() } else { format!("of {}", names.join(", ")) }
}

fn reply(number: u64, outcome: &Result<crate::effect::Done, crate::effect::Refusal>) -> String {
    match outcome {
        Ok(done) => format!("{number} ok {}", done.note),
        Err(refusal) => {
            let kind = match refusal.kind {
                RefusalKind::Failed => "failed",
                RefusalKind::NotFound => "not found",
                RefusalKind::Conflict => "conflict",
                RefusalKind::Clash => "clash",
                RefusalKind::Timeout => "timeout",
                RefusalKind::Usage => "usage",
            };
            let work = refusal.work.as_ref().map_or(String::new(), |work| {
                format!(" [{}]", [&work.modified[..], &work.untracked[..]].concat().join(", "))
            });
            format!("{number} {kind}: {}{work}", refusal.text)
        }
    }
}

fn level_of(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

#[test]
fn a_conversation_that_goes_another_way_fails() {
    let wrong = [
        "show\n = running",
        "show",
        "boot\n -> Beat 1\n -> ListContainers\n -> WatchEngine",
        "boot",
        "ok WriteIntent",
        "dance",
    ];
    for text in wrong {
        let outcome = std::panic::catch_unwind(|| drop(check(text)));
        assert!(outcome.is_err(), "{text}");
    }
    check("show\n = not begun");
}
