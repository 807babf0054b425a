//! Texts from outside that are attacks: names, branches, paths, errors of the engine and of git, files, lines of the log,
//! what is used, what is set, what is pasted. Every screen and dialog shows every one of them, and the bytes that go to the
//! terminal are looked at.

use ccells_core::agent::{AgentExit, AgentLife, BlockedKind};
use ccells_core::effect::{Level, Refusal, RefusalKind};
use ccells_core::ports::WorkReport;
use ccells_core::recovery::Verdict;
use ccells_core::snapshot::{Finding, ShutdownOutcome, ShutdownState};

use super::frames::{crashed, creating, last_ticket};
use super::hostile::Recorder;
use super::hostile::corpus::CORPUS;
use super::hostile::strangers::{bell, copy, notification, stranger};
use super::*;
use crate::adapters::git::{FileDiff, Status, WorkDiff};
use crate::patch::Patch;
use crate::tui::{Notice, Origin, Setting};

/// Most bytes of an attack as a text: names, paths and errors are cut long before.
const TEXT_BYTES: usize = 2_000;

/// Workstreams in every state, all of whose texts are this one.
fn cards(text: &str) -> Vec<Card> {
    let message = || text.to_owned();
    let blocked = AgentStatus::Blocked { kind: BlockedKind::Permission, message: message() };
    let titled = |status| AgentReport { title: message(), ..report(status) };
    let exited = AgentReport { life: AgentLife::Exited(AgentExit::Code(1)), ..titled(AgentStatus::Unknown) };
    let base = |number, state| Card {
        prompt: message(),
        branch: message(),
        image: message(),
        worktree: PathText::from(text),
        directory: PathText::from(text),
        reason: Some(message()),
        ..card(number, text, state)
    };
    let running = |number, report| Card { agent: Some(report), ..base(number, CardState::Running) };
    vec![
        running(1, titled(blocked)),
        running(2, titled(AgentStatus::Error { message: message() })),
        running(3, exited),
        base(4, CardState::Failed),
        Card { progress: creating().progress, ..base(5, CardState::Creating) },
        base(6, CardState::Paused),
        base(7, CardState::Stopped),
        base(8, CardState::Lost),
    ]
}

fn world(text: &str) -> Snapshot {
    let reason = text.to_owned();
    Snapshot {
        repo_path: PathText::from(text),
        engine: EngineState::Down { reason, since: NOW },
        degraded: Some(text.to_owned()),
        access: Access::ReadOnly { holder: text.to_owned() },
        notices: vec![text.to_owned()],
        ..snapshot(cards(text))
    }
}

fn refusal(text: &str, work: Option<WorkReport>) -> Refusal {
    Refusal { kind: RefusalKind::Failed, text: text.to_owned(), work: work.map(Box::new) }
}

fn work(text: &str) -> WorkReport {
    WorkReport {
        modified: vec![text.to_owned(); 3],
        untracked: vec![text.to_owned(); 3],
        has_commits: true,
        has_worktree: true,
        unknown: Some(text.to_owned()),
    }
}

/// The panes, the list, and what is said for a while.
fn show_panes(text: &str, to: &mut Recorder) {
    let mut stage = Stage::new(super::hostile::SIZE.0, super::hostile::SIZE.1);
    stage.show(world(text));
    to.show(&stage);
    for level in [Level::Info, Level::Warning, Level::Error] {
        stage.send(Msg::Notice(Notice { level, text: text.to_owned() }));
    }
    to.show(&stage);
    stage.show(Snapshot { access: Access::Write, degraded: None, ..world(text) });
    for keys in
        ["<esc>", "L", "L", "z", "z<tab><tab><tab>", "z", "zv", "o", "o", "v!", "<esc>?", "<esc>q", "<esc>"]
    {
        stage.press(keys);
        to.show(&stage);
    }
    let outcomes = vec![(id(1), ShutdownOutcome::Failed(text.to_owned())), (id(2), ShutdownOutcome::Waiting)];
    stage.show(Snapshot { shutdown: Some(ShutdownState { since: NOW, outcomes }), ..world(text) });
    to.show(&stage);
}

/// The dialogs that ask the machine, with what is typed into them and what is answered.
fn show_questions(text: &str, to: &mut Recorder) {
    let mut stage = Stage::with(super::hostile::SIZE.0, super::hostile::SIZE.1, cards(text));
    let paste = || Msg::Paste(text.to_owned());
    for (keys, answer) in [("d", None), ("d", Some(work(text)))] {
        stage.press(keys);
        to.show(&stage);
        stage.press("y");
        let outcome = Err(refusal(text, answer));
        stage.send(Msg::Replied { ticket: last_ticket(&stage), outcome });
        stage.send(paste());
        to.show(&stage);
        stage.press("<esc>");
    }
    stage.press("n");
    for _ in 0..5 {
        stage.send(paste());
        to.show(&stage);
        stage.press("<tab>");
    }
    stage.press("<C-s>");
    if let Some(ticket) = stage.model.pending.keys().last().copied() {
        stage.send(Msg::Replied { ticket, outcome: Err(refusal(text, None)) });
    }
    to.show(&stage);
    stage.press("<esc>");
    for keys in [":", "/"] {
        stage.press(keys);
        stage.send(paste());
        to.show(&stage);
        stage.press("<esc>");
    }
    let verdicts = [Verdict::OfferResume, Verdict::OfferRetry, Verdict::OfferRecreate, Verdict::Adopt];
    let finding = |(index, verdict)| Finding { workstream: id(index + 1), verdict };
    let findings = verdicts.into_iter().enumerate().map(finding).collect();
    stage.show(Snapshot { findings, previous: crashed(), ..snapshot(cards(text)) });
    to.show(&stage);
    stage.press("<down><right>");
    to.show(&stage);
}

/// What is used, what is set, what is written, and what agents say.
fn show_answers(text: &str, to: &mut Recorder) {
    let mut stage = Stage::with(super::hostile::SIZE.0, super::hostile::SIZE.1, cards(text));
    stage.press("U");
    let usage =
        |number| Usage { workstream: Some(id(number)), trouble: Some(text.to_owned()), ..Usage::default() };
    stage.send(Msg::Measured((1..=8).map(usage).collect()));
    to.show(&stage);
    stage.press("<esc>D");
    let file = |status| FileDiff {
        path: text.into(),
        old_path: Some(text.into()),
        status,
        modes: (0, 0o120_000),
        lines: Some((2, 1)),
    };
    let lines: Vec<_> = text.lines().map(|line| format!(" {line}\n-{line}\n+{line}\n")).collect();
    let lines = lines.concat();
    let section = format!("diff --git \"a/x\" \"b/x\"\n{text}\n@@ -1,9 +1,9 @@ {text}\n{lines}").repeat(2);
    let files = vec![file(Status::Renamed), file(Status::Added)];
    let diff = WorkDiff { files, patch: section.into_bytes(), unknown: Some(text.to_owned()) };
    stage.send(Msg::Compared(id(1), Ok(Arc::new(Patch::of(diff, text)))));
    for keys in ["", "jjjc", "x<tab>", "<right>", "}/", "<esc>"] {
        stage.press(keys);
        stage.send(Msg::Paste(text.to_owned()));
        to.show(&stage);
    }
    for wish in stage.press("C") {
        let Wish::Say(_, lines) = wish else { continue };
        assert!(lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
    }
    stage.send(Msg::Compared(id(1), Err(text.to_owned())));
    stage.send(Msg::LastRemoved(Err(text.to_owned())));
    to.show(&stage);
    stage.press("<esc>s");
    stage.send(Msg::Settings(Err(text.to_owned())));
    to.show(&stage);
    let (key, value, about) = (text.to_owned(), text.to_owned(), text.to_owned());
    let row = Setting { key, value, origin: Origin::File, about, is_live: true };
    stage.send(Msg::Settings(Ok(Settings { rows: vec![row; 3], preferences: Box::default() })));
    to.show(&stage);
    stage.press("<enter>");
    stage.send(Msg::Paste(text.to_owned()));
    to.show(&stage);
    stage.press("<esc><esc>");
    stage.feed(1, "$ ");
    stage.press("e");
    stage.send(Msg::Paste(text.to_owned()));
    to.show(&stage);
    for outcome in [Err(text.to_owned()), Ok(text.to_owned())] {
        stage.send(Msg::Exported(outcome));
        to.show(&stage);
    }
    stage.press("<esc><esc>");
    stage.send(Msg::WindowFocus(false));
    let (title, body) = (text.to_owned(), text.to_owned());
    for what in [Outward::Notify { title, body }, Outward::Bell, Outward::Copy { text: text.to_owned() }] {
        say(&mut stage, what, to);
    }
    stage.wait(100);
    to.show(&stage);
    for wish in stage.press("y") {
        perform(wish, to);
    }
    to.show(&stage);
}

fn say(stage: &mut Stage, what: Outward, to: &mut Recorder) {
    for wish in stage.send(Msg::Outward(id(1), what)) {
        perform(wish, to);
    }
    to.show(stage);
}

/// Does what the loop does with wishes that reach the terminal.
fn perform(wish: Wish, to: &mut Recorder) {
    match wish {
        Wish::Copy(text) => to.screen.copy(&text),
        Wish::Notify(text) => to.screen.notify(&text),
        Wish::Ring => to.screen.ring(),
        _ => {}
    }
}

/// Has `show` show every attack, and holds that what goes out is ours; what went out for each.
fn show_all(show: fn(&str, &mut Recorder)) -> Vec<(&'static str, Vec<u8>)> {
    let attack = |(name, bytes, times): &(&'static str, &[u8], usize)| {
        let times = (*times).min(TEXT_BYTES / bytes.len()).max(1);
        let text = String::from_utf8_lossy(&bytes.repeat(times)).into_owned();
        let mut recorder = Recorder::new();
        show(&text, &mut recorder);
        let bytes = recorder.end();
        assert_eq!(stranger(&bytes, &[bell, copy, notification]), None, "{name}: this went out");
        (*name, bytes)
    };
    CORPUS.iter().map(attack).collect()
}

#[test]
fn no_text_from_outside_acts_on_the_terminal_in_panes_and_lists() {
    show_all(show_panes);
}

#[test]
fn no_text_from_outside_acts_on_the_terminal_in_questions_and_refusals() {
    show_all(show_questions);
}

#[test]
fn no_text_from_outside_acts_on_the_terminal_in_answers_and_what_agents_say() {
    for (name, bytes) in show_all(show_answers) {
        let went_out = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
        for what in [&b"\x07"[..], b"\x1b]52;c;", b"\x1b]9;"] {
            assert!(went_out(what), "{name}: {what:?} was to be looked at as well");
        }
    }
}
