//! The screen of the program, before a terminal that says anything at all.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ccells_core::agent::{AgentLife, AgentReport, AgentStatus};
use ccells_core::effect::{Done, Level, Refusal, RefusalKind};
use ccells_core::event::{Access, Ask, NewWorkstream, Previous};
use ccells_core::ids::{PathText, RepoId, WorkstreamId};
use ccells_core::limits;
use ccells_core::ports::{Clock, WorkReport};
use ccells_core::record::{Facts, ViewRecord};
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::{Mono, Now, Wall};
use ccells_holder::emulator::Emulator;
use ccells_shell::adapters::git::{FileDiff, Status, WorkDiff};
use ccells_shell::patch::Patch;
use ccells_shell::terminal::history::{Frozen, History};
use ccells_shell::tui::{
    Change, Ended, Errands, Input, NoDesktop, Notice, Origin, PaneScreen, Panes, Preferences, Screen,
    Setting, Settings, Subject, TuiAsk, TuiPorts, Usage, run,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{Notify, mpsc, watch};

use crate::choices::Choices;
use crate::keys;

/// Most that is typed into one screen.
const EVENTS: usize = 300;
/// States of the workstreams that are shown.
const STATES: [CardState; 8] = [
    CardState::Running,
    CardState::Creating,
    CardState::Failed,
    CardState::Paused,
    CardState::Stopped,
    CardState::Lost,
    CardState::Unknown,
    CardState::Removing,
];

/// Whatever is pressed, pasted, clicked and resized: the screen goes on until its terminal is gone, and what it asks for
/// is within bounds and harmless.
pub fn tui_input(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (columns, rows) = (u16::from(choices.byte()) % 140, u16::from(choices.byte()) % 50);
    let snapshot = snapshot(&mut choices);
    let mut events = Vec::new();
    while !choices.is_over() && events.len() < EVENTS {
        let event = keys::event(&mut choices);
        events.push(Input::Event(event));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let ended = runtime.expect("a runtime asks little of the system").block_on(show(
        snapshot,
        events,
        (columns, rows),
    ));
    assert!(matches!(ended, Ended::TerminalGone | Ended::Left));
}

async fn show(snapshot: Snapshot, events: Vec<Input>, (columns, rows): (u16, u16)) -> Ended {
    let panes = Arc::new(Held::default());
    for card in snapshot.workstreams.iter().filter(|card| card.is_attached) {
        let mut emulator = Emulator::pane(40, 10, 20);
        emulator.feed("\x1b[?1000h\x1b[?1006h\x1b[?2004hwide: 日本 \x1b[7mx\r\n".repeat(12).as_bytes());
        panes.lock().push((card.id.clone(), emulator));
    }
    let (keep_snapshots, snapshots) = watch::channel(Some(Arc::new(snapshot)));
    let (asks, mut asked) = mpsc::channel::<TuiAsk>(16);
    let (tell, notices) = mpsc::unbounded_channel();
    let (keep_interrupts, interrupts) = mpsc::channel(1);
    let told = tell.send(Notice { level: Level::Warning, text: "the disk is full".repeat(9) });
    told.expect("the screen listens");
    let ports = TuiPorts {
        snapshots,
        panes,
        asks,
        notices,
        damage: Arc::new(Notify::new()),
        interrupts,
        clock: Arc::new(Steps::default()),
        draw_identity: Box::new(|| (id(9), "session".to_owned())),
        desktop: Arc::new(NoDesktop),
        errands: Arc::new(Nobody),
        preferences: Preferences::default(),
    };
    let inputs = Box::pin(stream::iter(events).chain(stream::once(async { Input::Gone })));
    let sink = Sink::default();
    let mut screen = Screen::over(Box::new(sink.clone()), columns, rows);
    screen.take().expect("no real terminal is asked for anything");
    let core = async {
        let mut count = 0;
        while let Some(TuiAsk { ask, reply }) = asked.recv().await {
            check(&ask);
            count += 1;
            // Whoever does not wait for it any more has gone.
            let _ = reply.send(outcome(count));
        }
    };
    let (ended, ()) = tokio::join!(run(ports, screen, inputs), core);
    drop((keep_snapshots, keep_interrupts, tell));
    assert!(!sink.0.load(Ordering::Relaxed), "frames are text, without controls of the other kind");
    ended
}

fn check(ask: &Ask) {
    if let Ask::New(new) = ask {
        let NewWorkstream { name, prompt, branch, base, image, .. } = &**new;
        assert!(prompt.len() <= limits::PROMPT_BYTES);
        assert!(prompt.chars().all(|c| c == '\n' || !c.is_control()), "{prompt:?}");
        for field in [name, branch, base, image].into_iter().flatten() {
            assert!(!field.is_empty() && !field.chars().any(char::is_control), "{field:?}");
        }
    }
}

fn outcome(count: usize) -> Result<Done, Refusal> {
    let work = || WorkReport { modified: vec!["file".repeat(60)], ..WorkReport::default() };
    match count % 3 {
        0 => Ok(Done { workstream: None, note: "done".to_owned() }),
        1 => {
            let work = Some(Box::new(work()));
            Err(Refusal { kind: RefusalKind::Conflict, text: "it has work".to_owned(), work })
        }
        _ => Err(Refusal { kind: RefusalKind::Failed, text: "no".repeat(200), work: None }),
    }
}

fn id(number: usize) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{number:04}")).expect("the form is right")
}

fn snapshot(choices: &mut Choices<'_>) -> Snapshot {
    let cards = (0..choices.below(6)).map(|number| card(number, choices)).collect();
    Snapshot {
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        repo_path: PathText::from("/home/u/src/web"),
        access: if choices.below(8) == 7 {
            Access::ReadOnly { holder: "pid 6".to_owned() }
        } else {
            Access::Write
        },
        previous: Previous::Clean,
        engine: EngineState::Up,
        degraded: choices.flag().then(|| "the disk is full".to_owned()),
        workstreams: cards,
        view: ViewRecord::default(),
        shutdown: None,
        findings: Vec::new(),
        notices: Vec::new(),
    }
}

fn card(number: usize, choices: &mut Choices<'_>) -> Card {
    let state = choices.pick(&STATES);
    let is_running = state == CardState::Running;
    let report = AgentReport {
        life: AgentLife::Running,
        starts: 1,
        status: AgentStatus::Done,
        title: "日本 é".to_owned(),
        bells: 2,
    };
    Card {
        id: id(number),
        name: ["fix", "日本語の名前がとても長い", "e\u{301}👩\u{200d}🚀"][number % 3].to_owned(),
        prompt: "Please take care of it".to_owned(),
        branch: "ccells/fix".to_owned(),
        image: "image".to_owned(),
        worktree: PathText::from("/home/u/worktrees/1"),
        directory: PathText::from("/home/u/workstreams/1"),
        created_at: Wall(0),
        state,
        progress: None,
        reason: (state == CardState::Failed).then(|| "it failed for a long reason ".repeat(12)),
        container_id: None,
        container_state: None,
        exit: None,
        agent: is_running.then_some(report),
        is_attached: is_running,
        is_recovered: false,
        rebase: None,
    }
}

/// Whoever is asked for something and knows little.
struct Nobody;

impl Errands for Nobody {
    fn measure(&self, subjects: Vec<Subject>) -> BoxFuture<'static, Vec<Usage>> {
        let usage = |subject: Subject| Usage {
            workstream: Some(subject.workstream),
            memory: Some(u64::MAX),
            trouble: Some("it is down ".repeat(9)),
            ..Usage::default()
        };
        futures_util::future::ready(subjects.into_iter().map(usage).collect()).boxed()
    }

    fn settings(&self, change: Option<Change>) -> BoxFuture<'static, Result<Settings, String>> {
        let about = "what it means and what it takes ".repeat(9);
        let row = Setting {
            key: "image".to_owned(),
            value: "日本語".repeat(40),
            origin: Origin::File,
            about,
            is_live: true,
        };
        let settings = Settings { rows: vec![row; 40], preferences: Box::default() };
        let answer = if change.is_some() { Err("no ".repeat(90)) } else { Ok(settings) };
        futures_util::future::ready(answer).boxed()
    }

    fn compare(&self, directory: PathText) -> BoxFuture<'static, Result<Patch, String>> {
        let lines = "@@ -1,9 +1,9 @@\n 日本\te\u{301}\n-x\n+\x1b[31my\n".repeat(9);
        let patch =
            format!("diff --git a/日本 b/日本\n{lines}diff --git a/b b/b\nnew mode 100755\n").into_bytes();
        let file = |path: &str| FileDiff {
            path: path.into(),
            old_path: None,
            status: Status::Modified,
            modes: (0o100_644, 0o100_755),
            lines: Some((9, 9)),
        };
        let unknown = Some(format!("{} is strange", directory.as_str()));
        let diff = WorkDiff { files: vec![file("日本"), file("b")], patch, unknown };
        futures_util::future::ready(Ok(Patch::of(diff, "1a2b3c"))).boxed()
    }

    fn last_removed(&self) -> BoxFuture<'static, Result<Option<Box<Facts>>, String>> {
        futures_util::future::ready(Err("the trash is full of strange things ".repeat(9))).boxed()
    }
}

/// A clock that goes on by itself, so that frames fall due.
#[derive(Default)]
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> Now {
        let ms = self.0.fetch_add(3, Ordering::Relaxed);
        Now { mono: Mono(1_000 + ms), wall: Wall(0) }
    }
}

/// A terminal that takes everything. It notes what is no text, for it is written to by a thread of its own.
#[derive(Clone, Default)]
struct Sink(Arc<AtomicBool>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let is_text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\u{9b}'));
        self.0.fetch_or(!is_text, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The screens of the agents.
#[derive(Default)]
struct Held(Mutex<Vec<(WorkstreamId, Emulator)>>);

impl Held {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(WorkstreamId, Emulator)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Panes for Held {
    fn with_screen(&self, id: &WorkstreamId, look: &mut dyn FnMut(PaneScreen<'_>)) -> bool {
        let screens = self.lock();
        let Some((_, emulator)) = screens.iter().find(|(known, _)| known == id) else { return false };
        let term = emulator.term();
        look(PaneScreen::of(term));
        true
    }

    fn write(&self, _id: &WorkstreamId, bytes: Vec<u8>) -> bool {
        // An agent that does not read, sometimes.
        bytes.len().is_multiple_of(2)
    }

    fn resize(&self, id: &WorkstreamId, columns: u16, rows: u16) {
        let mut screens = self.lock();
        if let Some((_, emulator)) = screens.iter_mut().find(|(known, _)| known == id) {
            emulator.resize(columns, rows);
        }
    }

    fn freeze(&self, id: &WorkstreamId) -> Option<Frozen> {
        let screens = self.lock();
        let (_, emulator) = screens.iter().find(|(known, _)| known == id)?;
        Some(History::new(0).freeze(emulator))
    }

    fn take_damage(&self) -> Vec<WorkstreamId> {
        Vec::new()
    }
}
