//! Pictures of frames. Each was read line by line before it was accepted.

use ccells_core::agent::{AgentExit, AgentLife, AgentStatus, BlockedKind};
use ccells_core::container::ContainerExit;
use ccells_core::effect::{Level, Refusal, RefusalKind};
use ccells_core::event::{Access, Previous};
use ccells_core::ids::{RepoId, RunId};
use ccells_core::ports::WorkReport;
use ccells_core::record::{BeatRecord, Layout};
use ccells_core::recovery::Verdict;
use ccells_core::snapshot::{
    Card, CardState, EngineState, Finding, Progress, ShutdownOutcome, ShutdownState,
};
use ccells_core::time::Mono;
use insta::assert_snapshot;

use super::*;
use crate::tui::Notice;
use crate::tui::screen::Depth;
use crate::tui::wish::Ticket;

pub(super) const HELLO: &str = "\x1b[1mclaude\x1b[0m  ~/workspace\r\n\r\n> fix the login\r\n\r\n\x1b[32m●\x1b[0m I'll look at the \
                     session code first.\r\n  Read src/session.rs (120 lines)\r\n  日本語 and e\u{301} line up\r\n";

pub(super) fn creating() -> Card {
    let since = Mono(NOW.0 - 3_000);
    let progress = Progress { step: "creating the container", index: 6, of: 12, since, pull: None };
    Card { progress: Some(progress), ..card(1, "fix-login", CardState::Creating) }
}

pub(super) fn failed() -> Card {
    let reason = "pulling the image: no such image ccells/agent:1; build it with `docker build`".to_owned();
    Card { reason: Some(reason), ..card(2, "new-api", CardState::Failed) }
}

pub(super) fn blocked(number: usize, name: &str) -> Card {
    let status = AgentStatus::Blocked { kind: BlockedKind::Permission, message: "rm -rf build".to_owned() };
    Card { agent: Some(report(status)), ..card(number, name, CardState::Running) }
}

pub(super) fn exited(number: usize, name: &str) -> Card {
    let life = AgentLife::Exited(AgentExit::Code(1));
    Card {
        agent: Some(AgentReport { life, ..report(AgentStatus::Unknown) }),
        ..card(number, name, CardState::Running)
    }
}

pub(super) fn five() -> Vec<Card> {
    vec![
        card(1, "fix-login", CardState::Running),
        blocked(2, "new-api"),
        card(3, "docs", CardState::Paused),
        card(4, "flaky-test-on-arm", CardState::Stopped),
        Card { state: CardState::Creating, ..Card { id: id(5), ..creating() } },
    ]
}

pub(super) fn crashed() -> Previous {
    Previous::Crashed(BeatRecord {
        version: 1,
        pid: 4711,
        timestamp: 0,
        run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right"),
        repo_id: RepoId::parse("web-1a2b3c").expect("the form is right"),
        sequence: 1,
        boot_id: String::new(),
        start_ticks: 0,
    })
}

#[test]
fn before_anything_is_known() {
    for (columns, rows) in [(120, 30), (60, 8), (40, 10)] {
        assert_snapshot!(format!("starting_{columns}x{rows}"), Stage::new(columns, rows).frame());
    }
}

#[test]
fn a_screen_that_is_too_small_says_what_it_takes() {
    for (columns, rows) in [(19, 4), (20, 3), (10, 1)] {
        let stage = Stage::with(columns, rows, five());
        assert_snapshot!(format!("too_small_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn empty_repository() {
    for (columns, rows) in [(120, 30), (80, 20), (40, 10)] {
        let stage = Stage::with(columns, rows, Vec::new());
        assert_snapshot!(format!("empty_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn one_pane() {
    for (columns, rows) in [(120, 30), (80, 14), (40, 10)] {
        let stage = Stage::with(columns, rows, vec![card(1, "fix-login", CardState::Running)]);
        stage.feed(1, HELLO);
        assert_snapshot!(format!("one_pane_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn two_panes_on_a_screen_for_one() {
    let stage = Stage::with(40, 10, vec![card(1, "fix-login", CardState::Running), blocked(2, "new-api")]);
    stage.feed(1, HELLO);
    assert_snapshot!("one_of_two_40x10", stage.frame());
}

#[test]
fn two_panes_one_of_them_typed_into() {
    for (columns, rows) in [(160, 32), (100, 14), (40, 10)] {
        let cards = vec![card(1, "fix-login", CardState::Running), exited(2, "new-api")];
        let mut stage = Stage::with(columns, rows, cards);
        stage.feed(1, HELLO);
        stage.feed(2, HELLO);
        stage.press("i");
        assert_snapshot!(format!("two_panes_input_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn five_panes() {
    let mut stage = Stage::with(160, 32, five());
    for number in 1..=3 {
        stage.feed(number, HELLO);
    }
    stage.press("<right>");
    assert_snapshot!("five_panes_160x32", stage.frame());
    stage.send(Msg::Resized(80, 24));
    stage.wait(50);
    assert_snapshot!("five_panes_80x24", stage.frame());
    stage.press("L");
    assert_snapshot!("five_panes_main_80x24", stage.frame());
}

#[test]
fn a_zoomed_and_scrolled_pane() {
    for (columns, rows) in [(120, 30), (80, 12), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("z");
        let lines: Vec<String> = (1..=60).map(|line| format!("line {line}\r\n")).collect();
        stage.feed(1, &lines.concat());
        stage.press("<C-u><C-u>");
        assert_eq!(stage.model.layout, Layout::Zoom);
        assert_snapshot!(format!("zoomed_and_scrolled_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn cards_of_every_state() {
    let oom = Some(ContainerExit { code: 137, was_out_of_memory: true });
    let progress = Some(Progress { step: "removing the worktree", index: 5, of: 9, since: NOW, pull: None });
    let cards = vec![
        creating(),
        failed(),
        Card { is_attached: false, ..card(3, "reattach", CardState::Running) },
        card(4, "docs", CardState::Paused),
        Card { exit: oom, ..card(5, "big-build", CardState::Stopped) },
        card(6, "lost-one", CardState::Lost),
        card(7, "unheard", CardState::Unknown),
        Card { progress, ..card(8, "old-idea", CardState::Removing) },
        Card { is_recovered: true, ..card(9, "ccells-web-r0009", CardState::Paused) },
    ];
    let stage = Stage::with(150, 40, cards.clone());
    assert_snapshot!("cards_150x40", stage.frame());
    for (index, card) in cards.into_iter().enumerate() {
        let stage = Stage::with(40, 10, vec![card]);
        assert_snapshot!(format!("card_{}_40x10", index + 1), stage.frame());
    }
}

#[test]
fn a_paused_and_a_stopped_pane_keep_their_last_screen() {
    for (columns, rows) in [(160, 32), (100, 12), (40, 10)] {
        let cards = vec![card(1, "docs", CardState::Paused), card(2, "tests", CardState::Stopped)];
        let stage = Stage::with(columns, rows, cards);
        stage.feed(1, HELLO);
        stage.feed(2, HELLO);
        assert_snapshot!(format!("last_screens_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn read_only() {
    for (columns, rows) in [(120, 30), (80, 12), (40, 10)] {
        let mut stage = Stage::new(columns, rows);
        let access = Access::ReadOnly { holder: "ccells (pid 4711) on tty2 since 09:14".to_owned() };
        stage.show(Snapshot { access, ..snapshot(vec![card(1, "fix-login", CardState::Running)]) });
        stage.feed(1, HELLO);
        stage.press("i");
        assert_snapshot!(format!("read_only_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn the_engine_is_down() {
    let down = EngineState::Down {
        reason: "cannot connect to /var/run/docker.sock: connection refused".to_owned(),
        since: Mono(NOW.0 - 5_000),
    };
    for (columns, rows) in [(120, 14), (80, 24), (40, 10)] {
        let mut stage = Stage::new(columns, rows);
        let cards = vec![card(1, "fix-login", CardState::Unknown), card(2, "docs", CardState::Unknown)];
        stage.show(Snapshot { engine: down.clone(), ..snapshot(cards) });
        stage.feed(1, HELLO);
        assert_snapshot!(format!("engine_down_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn the_disk_takes_no_writes() {
    for (columns, rows) in [(120, 30), (80, 12), (40, 10)] {
        let mut stage = Stage::new(columns, rows);
        let degraded = Some("no space left on device: /home/u/.claude-cells/state/web/state.json".to_owned());
        stage.show(Snapshot { degraded, ..snapshot(vec![card(1, "fix-login", CardState::Running)]) });
        stage.feed(1, HELLO);
        assert_snapshot!(format!("degraded_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn toasts_stack_above_the_status_line() {
    for (columns, rows) in [(120, 30), (80, 14), (40, 10)] {
        let mut stage = Stage::with(columns, rows, vec![card(1, "fix-login", CardState::Running)]);
        stage.feed(1, HELLO);
        for (level, text) in [
            (Level::Info, "paused `docs`"),
            (Level::Warning, "the engine is slow"),
            (
                Level::Error,
                "could not pause `fix-login`: the engine says that its container is not running; resume it, or look at `ccells logs`",
            ),
            (Level::Info, "from outside: \x1b[31mred\u{202e}"),
        ] {
            stage.send(Msg::Notice(Notice { level, text: text.to_owned() }));
        }
        assert_snapshot!(format!("toasts_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn new_workstream() {
    for (columns, rows) in [(100, 30), (60, 16), (40, 10)] {
        let mut stage = Stage::with(columns, rows, vec![card(1, "fix-login", CardState::Running)]);
        stage.press("n");
        stage.send(Msg::Paste(
            "Fix the login: it loops when the session\nhas expired. Add a test.".to_owned(),
        ));
        stage.press("<tab>login");
        assert_snapshot!(format!("new_{columns}x{rows}"), stage.frame());
        stage.press("<C-s>");
        let text = "branch `login` exists already; choose another".to_owned();
        let refusal = Refusal { kind: RefusalKind::Conflict, text, work: None };
        let ticket = *stage.model.pending.keys().last().expect("it was sent");
        stage.send(Msg::Replied { ticket, outcome: Err(refusal) });
        assert_snapshot!(format!("new_refused_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn discard() {
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let start = || Stage::with(columns, rows, vec![card(1, "fix-login", CardState::Running)]);
        let mut stage = start();
        stage.press("d");
        assert_snapshot!(format!("discard_{columns}x{rows}"), stage.frame());
        stage.press("y");
        assert_snapshot!(format!("discard_trying_{columns}x{rows}"), stage.frame());
        let work = WorkReport {
            modified: (1..7).map(|number| format!("src/part{number}.rs")).collect(),
            untracked: vec!["notes.md".to_owned()],
            has_commits: true,
            has_worktree: true,
            unknown: None,
        };
        refuse(&mut stage, "it holds work", Some(work));
        stage.press("fix-lo");
        assert_snapshot!(format!("discard_confirm_{columns}x{rows}"), stage.frame());
        let mut stage = start();
        stage.press("dby");
        let why = "could not remove the container of `fix-login`: the engine does not answer; try again when it does";
        refuse(&mut stage, why, None);
        assert_snapshot!(format!("discard_refused_{columns}x{rows}"), stage.frame());
        let mut stage = Stage::with(columns, rows, vec![creating()]);
        stage.press("<esc>");
        assert_snapshot!(format!("discard_creating_{columns}x{rows}"), stage.frame());
    }
}

fn refuse(stage: &mut Stage, text: &str, work: Option<WorkReport>) {
    let (kind, text) = (RefusalKind::Conflict, text.to_owned());
    let refusal = Refusal { kind, text, work: work.map(Box::new) };
    stage.send(Msg::Replied { ticket: last_ticket(stage), outcome: Err(refusal) });
}

pub(super) fn last_ticket(stage: &Stage) -> Ticket {
    *stage.model.pending.keys().last().expect("something was asked for")
}

#[test]
fn quit() {
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("q");
        assert_snapshot!(format!("quit_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn merge() {
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("M");
        assert_snapshot!(format!("merge_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn push() {
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("P");
        assert_snapshot!(format!("push_{columns}x{rows}"), stage.frame());
        stage.press("<tab><tab><enter>");
        assert_snapshot!(format!("push_force_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn rebase() {
    let sizes = [(100, 24), (60, 16), (40, 10)];
    for (columns, rows) in sizes {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("B");
        assert_snapshot!(format!("rebase_{columns}x{rows}"), stage.frame());
    }
    let files = ["Cargo.toml", "src/deep/down/in/a/long/path/of/modules.rs", "src/main.rs"];
    for (columns, rows) in sizes {
        let mut cards = five();
        cards[0].rebase = Some(stopped(&files));
        let mut stage = Stage::with(columns, rows, cards);
        stage.press("B");
        assert_snapshot!(format!("rebase_stopped_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn shutdown() {
    let outcomes = vec![
        (id(1), ShutdownOutcome::Paused),
        (id(2), ShutdownOutcome::Waiting),
        (id(3), ShutdownOutcome::KeptRunning),
        (id(4), ShutdownOutcome::Failed("the engine did not answer in 2 s".to_owned())),
    ];
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let mut stage = Stage::new(columns, rows);
        let shutdown = ShutdownState { since: Mono(NOW.0 - 2_000), outcomes: outcomes.clone() };
        stage.show(Snapshot { shutdown: Some(shutdown), ..snapshot(five()) });
        assert_snapshot!(format!("shutdown_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn recovery() {
    let found = [Verdict::Adopt, Verdict::OfferResume, Verdict::OfferRetry, Verdict::OfferRecreate];
    let findings: Vec<Finding> = found
        .iter()
        .enumerate()
        .map(|(index, verdict)| Finding { workstream: id(index + 1), verdict: *verdict })
        .collect();
    for (columns, rows) in [(100, 24), (60, 16), (40, 10)] {
        let mut stage = Stage::new(columns, rows);
        stage.show(Snapshot { findings: findings.clone(), previous: crashed(), ..snapshot(five()) });
        stage.press("<down><right>");
        assert_snapshot!(format!("recovery_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn help() {
    for (columns, rows) in [(100, 30), (60, 24), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("?");
        assert_snapshot!(format!("help_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn without_colour_every_state_still_has_its_mark_and_its_word() {
    let mut stage = Stage::with(150, 40, five());
    stage.model.theme = Theme::default().reduced(Depth::Monochrome);
    stage.press("d");
    let buffer = stage.buffer();
    let is_plain = |cell: &ratatui::buffer::Cell| {
        cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset
    };
    assert!(buffer.content.iter().all(is_plain));
    stage.press("<esc>");
    let frame = stage.frame();
    for words in ["● running", "‖ paused", "■ stopped", "+ creating"] {
        assert!(frame.contains(words), "{words}");
    }
}

#[test]
fn no_size_and_no_state_panics() {
    for columns in (1..60).step_by(3) {
        for rows in 1..14 {
            let mut stage = Stage::with(columns, rows, five());
            stage.feed(1, HELLO);
            for keys in [
                "n", "<esc>d", "y", "<esc>q", "<esc>?", "<esc>L", "L", "L", "L", "z", "z+", "v", "/n",
                "<esc>!", "<esc>u", "<esc>s", "<esc>:", "<esc>zi",
            ] {
                stage.press(keys);
                assert!(!stage.frame().is_empty(), "{columns}x{rows} {keys}");
            }
        }
    }
}

#[test]
fn nothing_from_outside_acts_on_the_terminal() {
    let evil = "a\x1b]0;x\x07\u{202e}b\u{9b}31m\r\nc".to_owned();
    let mut one = card(1, "x", CardState::Failed);
    (one.name, one.branch, one.prompt, one.image) = (evil.clone(), evil.clone(), evil.clone(), evil.clone());
    one.reason = Some(evil.clone());
    let mut two = exited(2, "y");
    two.name.clone_from(&evil);
    let mut stage = Stage::new(120, 30);
    let engine = EngineState::Down { reason: evil.clone(), since: NOW };
    let access = Access::Write;
    stage.show(Snapshot {
        engine,
        access,
        degraded: Some(evil.clone()),
        notices: vec![evil.clone()],
        ..snapshot(vec![one, two])
    });
    stage.feed(2, "\x1b]0;t\x07tab\there \u{202e}turned\u{7f}");
    for keys in ["", "d", "<esc>n", "<esc>q"] {
        stage.press(keys);
        stage.send(Msg::Paste(evil.clone()));
        let frame = stage.frame();
        let acts = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
        assert!(!frame.contains(acts), "{frame}");
    }
}

#[test]
fn palette() {
    for (columns, rows) in [(100, 30), (60, 24), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press(":pa<down>");
        assert_snapshot!(format!("palette_{columns}x{rows}"), stage.frame());
    }
}
