//! The screen as a person meets it: pictures of frames, keys and what they lead to, and the loop over a fake terminal.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the one wish it is about")]

mod arranging;
mod changes;
mod copying;
mod frames;
mod hostile;
mod keys;
mod looping;
mod outward;
mod parts;
mod screens;
mod starting;
mod texts;
mod undo;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ccells_core::agent::{AgentLife, AgentReport, AgentStatus};
use ccells_core::event::{Access, OnQuit, Previous};
use ccells_core::ids::{Commit, PathText, RepoId, WorkstreamId};
use ccells_core::ports::BaseMove;
use ccells_core::record::{OpenRebase, ViewRecord};
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};
use ccells_core::time::{Mono, Wall};
use ccells_core::wire::Surroundings;
use ccells_holder::emulator::{Emulator, Outward};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::model::Model;
use super::msg::Msg;
use super::update::update;
use super::wish::Wish;
use super::{Change, Leader, NoErrands, PaneScreen, Panes, Preferences, Rows, Settings, Theme, Usage, view};
use crate::backlog::{Backlog, Progress};
use crate::terminal::history::{Frozen, History};
use crate::terminal::transcript::Transcript;

/// The time of all pictures.
const NOW: Mono = Mono(100_000);

/// The id of the workstream with this number.
fn id(number: usize) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r{number:04}")).expect("the form is right")
}

fn card(number: usize, name: &str, state: CardState) -> Card {
    Card {
        id: id(number),
        name: name.to_owned(),
        prompt: format!("Please take care of {name} and add tests"),
        branch: format!("ccells/{name}"),
        image: "ccells/agent:1".to_owned(),
        worktree: PathText::from("/home/u/.claude-cells/worktrees/web/1"),
        directory: PathText::from("/home/u/.claude-cells/workstreams/1"),
        created_at: Wall(0),
        state,
        progress: None,
        reason: None,
        container_id: None,
        container_state: None,
        exit: None,
        agent: (state == CardState::Running).then(|| report(AgentStatus::Working)),
        is_attached: state == CardState::Running,
        is_recovered: false,
        rebase: None,
    }
}

/// A rebase that has stopped at these files.
fn stopped(files: &[&str]) -> OpenRebase {
    let commit = |digit: &str| Commit::parse(&digit.repeat(40)).expect("the form is right");
    let moving = BaseMove { target: "main".to_owned(), from: commit("a"), to: commit("b") };
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    OpenRebase { moving, files: Some(files), begun_at: Wall(0) }
}

fn report(status: AgentStatus) -> AgentReport {
    AgentReport { life: AgentLife::Running, starts: 1, status, title: String::new(), bells: 0 }
}

fn snapshot(cards: Vec<Card>) -> Snapshot {
    Snapshot {
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        repo_path: PathText::from("/home/u/src/web"),
        access: Access::Write,
        previous: Previous::Clean,
        engine: EngineState::Up,
        degraded: None,
        workstreams: cards,
        view: ViewRecord::default(),
        shutdown: None,
        findings: Vec::new(),
        notices: Vec::new(),
    }
}

/// Real emulators, fed with bytes.
#[derive(Default)]
struct FakePanes {
    screens: Mutex<BTreeMap<WorkstreamId, Emulator>>,
    written: Mutex<Vec<(WorkstreamId, Vec<u8>)>>,
    damaged: Mutex<Vec<WorkstreamId>>,
    surroundings: Mutex<Vec<Surroundings>>,
}

impl FakePanes {
    fn feed(&self, number: usize, size: (u16, u16), text: &str) {
        self.feed_bytes(number, size, text.as_bytes());
    }

    fn feed_bytes(&self, number: usize, (columns, rows): (u16, u16), bytes: &[u8]) {
        let mut screens = self.screens.lock().expect("no test panics while it holds it");
        let screen = screens.entry(id(number)).or_insert_with(|| Emulator::pane(columns, rows, 1_000));
        screen.resize(columns, rows);
        screen.feed(bytes);
        self.damaged.lock().expect("no test panics while it holds it").push(id(number));
    }

    fn written(&self) -> Vec<(WorkstreamId, Vec<u8>)> {
        std::mem::take(&mut self.written.lock().expect("no test panics while it holds it"))
    }
}

impl Panes for FakePanes {
    fn with_screen(&self, id: &WorkstreamId, look: &mut dyn FnMut(PaneScreen<'_>)) -> bool {
        let screens = self.screens.lock().expect("no test panics while it holds it");
        let Some(emulator) = screens.get(id) else { return false };
        let term = emulator.term();
        look(PaneScreen::of(term));
        true
    }

    fn write(&self, id: &WorkstreamId, bytes: Vec<u8>) -> bool {
        self.written.lock().expect("no test panics while it holds it").push((id.clone(), bytes));
        true
    }

    fn surround(&self, surroundings: Surroundings) {
        self.surroundings.lock().expect("no test panics while it holds it").push(surroundings);
    }

    fn resize(&self, id: &WorkstreamId, columns: u16, rows: u16) {
        let mut screens = self.screens.lock().expect("no test panics while it holds it");
        if let Some(emulator) = screens.get_mut(id) {
            emulator.resize(columns, rows);
        }
    }

    fn freeze(&self, id: &WorkstreamId) -> Option<Frozen> {
        let screens = self.screens.lock().expect("no test panics while it holds it");
        screens.get(id).map(|emulator| History::new(0).freeze(emulator))
    }

    fn paste(&self, id: &WorkstreamId, text: String, is_bracketed: bool) -> bool {
        let backlog = Backlog::default();
        let is_taken = backlog.paste(text, is_bracketed);
        let bytes = std::iter::from_fn(|| backlog.take(16)).flatten().collect();
        is_taken && self.write(id, bytes)
    }

    fn cancel_paste(&self, _id: &WorkstreamId) {}

    fn pasting(&self, _id: &WorkstreamId) -> Option<Progress> {
        None
    }

    fn take_damage(&self) -> Vec<WorkstreamId> {
        std::mem::take(&mut self.damaged.lock().expect("no test panics while it holds it"))
    }

    fn take_outward(&self, _now: Mono) -> Vec<(WorkstreamId, Outward)> {
        let mut screens = self.screens.lock().expect("no test panics while it holds it");
        let said = |(id, emulator): (&WorkstreamId, &mut Emulator)| {
            emulator.take_outward().into_iter().map(|what| (id.clone(), what)).collect::<Vec<_>>()
        };
        screens.iter_mut().flat_map(said).collect()
    }

    fn take_rows(&self, id: &WorkstreamId) -> Rows {
        let mut screens = self.screens.lock().expect("no test panics while it holds it");
        screens.get_mut(id).map_or(Rows::ALL, |emulator| Rows::take(emulator.term_mut()))
    }
}

/// A screen of some size with a model and panes.
struct Stage {
    model: Model,
    panes: FakePanes,
    /// Whether what is worked out elsewhere is left to the test.
    is_slow: bool,
}

impl Stage {
    fn new(columns: u16, rows: u16) -> Self {
        let mut model = Model::new((columns, rows), Preferences::default(), NOW);
        model.wall = Wall(7_500_000);
        Self { model, panes: FakePanes::default(), is_slow: false }
    }

    fn with(columns: u16, rows: u16, cards: Vec<Card>) -> Self {
        let mut stage = Self::new(columns, rows);
        stage.show(snapshot(cards));
        stage
    }

    fn show(&mut self, snapshot: Snapshot) -> Vec<Wish> {
        self.send(Msg::Snapshot(Arc::new(snapshot)))
    }

    fn send(&mut self, msg: Msg) -> Vec<Wish> {
        let now = self.model.now;
        let wishes = update(&mut self.model, msg, now);
        for wish in &wishes {
            if let Wish::Resize(id, columns, rows) = wish {
                self.panes.resize(id, *columns, *rows);
            }
        }
        let mut all = Vec::new();
        for wish in wishes {
            match wish {
                wish if self.is_slow => all.push(wish),
                Wish::LookBack(ticket, workstream) => {
                    let frozen = self.panes.freeze(&workstream);
                    let transcript = frozen.map(|frozen| Arc::new(Transcript::of(frozen)));
                    all.extend(self.send(Msg::Transcript { ticket, transcript }));
                }
                Wish::Find(ticket, past, wanted) => {
                    let found = crate::terminal::search::find(&past.0, &wanted);
                    all.extend(self.send(Msg::Found { ticket, found }));
                }
                Wish::TakeSelected(past, selection) => {
                    all.extend(self.send(Msg::Selected(selection.text(&past.0))));
                }
                wish => all.push(wish),
            }
        }
        all
    }

    /// Presses keys: characters for themselves, and names in angle brackets.
    fn press(&mut self, keys: &str) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for key in parse_keys(keys) {
            wishes.extend(self.send(Msg::Key(key)));
        }
        wishes
    }

    fn wait(&mut self, ms: u64) -> Vec<Wish> {
        self.model.now = self.model.now.after(ms);
        self.send(Msg::Tick)
    }

    /// The frame as text.
    fn frame(&self) -> String {
        self.terminal().backend().to_string()
    }

    /// The frame as cells.
    fn buffer(&self) -> Buffer {
        self.terminal().backend().buffer().clone()
    }

    fn terminal(&self) -> Terminal<TestBackend> {
        let (columns, rows) = self.model.size;
        let mut terminal =
            Terminal::new(TestBackend::new(columns, rows)).expect("memory asks the system nothing");
        terminal
            .draw(|frame| {
                view::draw(frame.buffer_mut(), &self.model, &self.panes);
            })
            .expect("memory asks the system nothing");
        terminal
    }

    /// Feeds a pane at the size it has on the screen.
    fn feed(&self, number: usize, bytes: &str) {
        let size = self.model.told_sizes.get(&id(number)).copied().unwrap_or((80, 24));
        self.panes.feed(number, size, bytes);
    }
}

fn parse_keys(keys: &str) -> Vec<KeyEvent> {
    let mut events = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let (code, held, length) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((name, _)) => {
                let (code, held) = named_key(name);
                (code, held, name.len() + 2)
            }
            None => (KeyCode::Char(first), KeyModifiers::NONE, first.len_utf8()),
        };
        events.push(KeyEvent::new(code, held));
        rest = &rest[length..];
    }
    events
}

fn named_key(name: &str) -> (KeyCode, KeyModifiers) {
    if let Some(rest) = name.strip_prefix("C-") {
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(letter), None) => KeyCode::Char(letter),
            _ => named_key(rest).0,
        };
        return (code, KeyModifiers::CONTROL);
    }
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "back" => KeyCode::Backspace,
        "del" => KeyCode::Delete,
        "less" => KeyCode::Char('<'),
        other => panic!("no key is called {other}"),
    };
    (code, KeyModifiers::NONE)
}
