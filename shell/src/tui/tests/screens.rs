//! Pictures of what lies beside the panes: list, pages, filter, log, resources, settings, themes. Each was read line by
//! line before it was accepted.

use ccells_core::effect::Level;
use ccells_core::snapshot::EngineState;
use insta::assert_snapshot;

use super::frames::{HELLO, blocked, creating, exited, failed, five};
use super::*;
use crate::tui::dialog::Dialog;
use crate::tui::screen::Depth;
use crate::tui::{Keymap, Notice, Origin, Setting, load_theme};

const SIZES: [(u16, u16); 3] = [(120, 30), (80, 24), (40, 10)];

fn all_kinds() -> Vec<Card> {
    let aged = |minutes: u64, card: Card| Card { created_at: Wall(7_500_000 - minutes * 60_000), ..card };
    vec![
        aged(
            3,
            Card {
                branch: "ccells/fix-login-when-the-session-expired".to_owned(),
                ..card(1, "fix-login", CardState::Running)
            },
        ),
        aged(125, blocked(2, "new-api")),
        aged(1, card(3, "docs", CardState::Paused)),
        aged(60, Card { id: id(4), ..exited(4, "a name that is much longer than a column of it") }),
        aged(0, Card { id: id(5), ..creating() }),
        aged(7, Card { id: id(6), ..failed() }),
    ]
}

#[test]
fn list() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, all_kinds());
        stage.press("v<down>");
        assert_snapshot!(format!("list_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn a_title_that_an_agent_sets_is_shown_safe_and_cut() {
    let mut cards = vec![card(1, "fix-login", CardState::Running), card(2, "map", CardState::Running)];
    let title =
        "✳ Fixing\x1b[31m the\u{202e} login\n of 日本 users, with tests and everything that belongs to it";
    cards[0].agent = Some(AgentReport { title: title.to_owned(), ..report(AgentStatus::Working) });
    cards[1].agent = Some(AgentReport { title: "map".to_owned(), ..report(AgentStatus::Idle) });
    for (columns, rows) in [(160, 12), (100, 12), (40, 10)] {
        let mut stage = Stage::with(columns, rows, cards.clone());
        stage.press("z");
        assert_snapshot!(format!("title_{columns}x{rows}"), stage.frame());
        assert!(!stage.frame().contains(['\u{1b}', '\u{202e}']));
        stage.press("v");
        assert_snapshot!(format!("title_list_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn a_list_in_which_nothing_matches() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, all_kinds());
        stage.press("v/zebra<enter>");
        assert_snapshot!(format!("list_no_match_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn pages() {
    let mut cards: Vec<Card> =
        (1..=20).map(|number| card(number, &format!("task-{number}"), CardState::Running)).collect();
    cards[9] = blocked(10, "task-10");
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, cards.clone());
        stage.press(".");
        stage.feed(stage.model.focused_index() + 1, HELLO);
        assert_snapshot!(format!("pages_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn layouts() {
    let layouts = ["", "L", "LL", "LLL", "LLLL", "z"];
    for (columns, rows) in SIZES {
        for (number, keys) in layouts.iter().enumerate() {
            let mut stage = Stage::with(columns, rows, five());
            stage.feed(1, HELLO);
            stage.press(keys);
            stage.wait(10_000);
            assert_snapshot!(format!("layout_{number}_{columns}x{rows}"), stage.frame());
        }
    }
}

#[test]
fn panes_of_chosen_sizes() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, five());
        stage.press(">>>>>>>>>>+++++");
        assert_snapshot!(format!("resized_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn filter() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("/ccells/");
        assert_snapshot!(format!("filter_typed_{columns}x{rows}"), stage.frame());
        stage.press("docs<enter>");
        assert_snapshot!(format!("filter_kept_{columns}x{rows}"), stage.frame());
        stage.press("/<C-u>zebra<enter>");
        assert_snapshot!(format!("filter_nothing_{columns}x{rows}"), stage.frame());
    }
}

fn with_log(columns: u16, rows: u16) -> Stage {
    let mut stage = Stage::with(columns, rows, five());
    for (level, text) in [
        (Level::Info, "paused `docs`"),
        (Level::Warning, "the engine is slow"),
        (
            Level::Error,
            "could not pause `fix-login`: the engine says that its container is not running; resume it, or look at `ccells logs`",
        ),
    ] {
        stage.model.wall = Wall(stage.model.wall.0 + 61_000);
        stage.send(Msg::Notice(Notice { level, text: text.to_owned() }));
    }
    let mut cards = five();
    cards[2].state = CardState::Running;
    cards.remove(3);
    let reason = "connection refused".to_owned();
    let engine = EngineState::Down { reason, since: NOW };
    stage.show(Snapshot { engine, ..snapshot(cards) });
    stage.press("<esc>!");
    stage
}

#[test]
fn log() {
    for (columns, rows) in SIZES {
        let mut stage = with_log(columns, rows);
        assert_snapshot!(format!("log_{columns}x{rows}"), stage.frame());
        stage.press("w");
        assert_snapshot!(format!("log_warnings_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn the_log_is_scrolled_to_its_ends() {
    let mut stage = Stage::with(80, 12, five());
    for number in 1..=40 {
        stage.model.log.add(Wall(number * 1_000), Level::Info, &format!("line {number}"));
    }
    stage.press("!");
    assert!(stage.frame().contains("line 40") && !stage.frame().contains("line 30"));
    stage.press("<pgup><up>");
    assert!(stage.frame().contains("line 29") && !stage.frame().contains("line 30"));
    stage.press("<home>");
    assert!(stage.frame().contains("line 1 "), "{}", stage.frame());
    stage.press("G<esc>");
    assert_eq!(stage.model.dialog, None);
}

fn usages() -> Vec<Usage> {
    let usage = |number, cpu, memory, written, worktree| Usage {
        workstream: Some(id(number)),
        cpu_percent: cpu,
        memory,
        memory_limit: memory.map(|_| 4_294_967_296),
        written,
        worktree,
        ..Usage::default()
    };
    vec![
        usage(1, None, Some(231_000_000), Some(4_100), Some(87_000_000)),
        usage(2, Some(187.34), Some(1_900_000_000), Some(0), Some(12_000)),
        Usage {
            is_more: true,
            ..usage(3, Some(0.0), Some(80_000_000), Some(52_000_000), Some(9_400_000_000))
        },
        usage(4, None, None, Some(1_200_000), Some(3_000)),
        Usage { trouble: Some("no such container".to_owned()), ..usage(5, None, None, None, None) },
    ]
}

#[test]
fn resources() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::with(columns, rows, five());
        stage.press("U");
        assert_snapshot!(format!("resources_asked_{columns}x{rows}"), stage.frame());
        stage.send(Msg::Measured(usages()));
        assert_snapshot!(format!("resources_{columns}x{rows}"), stage.frame());
        let reason = "cannot connect to /var/run/docker.sock: connection refused".to_owned();
        stage.show(Snapshot { engine: EngineState::Down { reason, since: NOW }, ..snapshot(five()) });
        stage.press("d");
        assert_snapshot!(format!("resources_engine_down_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn resources_are_measured_only_while_they_are_looked_at() {
    let mut stage = Stage::with(120, 30, five());
    stage.wait(1_000);
    let measures = |wishes: &[Wish]| wishes.iter().filter(|wish| matches!(wish, Wish::Measure(_))).count();
    assert_eq!(measures(&stage.press("U")), 1);
    assert_eq!(measures(&stage.wait(10_000)), 0, "the last answer is waited for");
    stage.send(Msg::Measured(usages()));
    assert_eq!(measures(&stage.wait(1_999)), 0);
    assert_eq!(measures(&stage.wait(1)), 1);
    stage.send(Msg::Measured(usages()));
    stage.press("<esc>");
    assert_eq!(stage.model.measure_due, None, "nobody waits for what nobody looks at");
    stage.send(Msg::Measured(usages()));
    assert_eq!((measures(&stage.wait(60_000)), stage.model.measure_due), (0, None));
}

fn settings() -> Settings {
    let row = |key: &str, value: &str, origin, is_live, about: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
        origin,
        about: about.to_owned(),
        is_live,
    };
    Settings {
        rows: vec![
            row(
                "image",
                "ccells-agent:latest",
                Origin::Default,
                false,
                "a text: the image of new workstreams",
            ),
            row("on_quit", "keep", Origin::File, true, "`pause` or `keep`"),
            row(
                "leader",
                "ctrl+g",
                Origin::Environment,
                true,
                "a key that leaves a pane: ctrl+ and a letter other than c, i, m or z, or one of ] \\ ^ _ @",
            ),
            row("keys.new", "[\"n\"]", Origin::Default, true, "a key, or a list of keys: new workstream"),
        ],
        preferences: Box::default(),
    }
}

fn with_settings(columns: u16, rows: u16) -> Stage {
    let mut stage = Stage::with(columns, rows, five());
    assert!(stage.press("s").contains(&Wish::Settings(None)));
    stage.send(Msg::Settings(Ok(settings())));
    stage
}

#[test]
fn settings_screen() {
    for (columns, rows) in SIZES {
        let mut stage = with_settings(columns, rows);
        stage.press("j");
        assert_snapshot!(format!("settings_{columns}x{rows}"), stage.frame());
        stage.press("<enter><C-u>nap<enter>");
        stage.send(Msg::Settings(Err(
            "config.toml: `on_quit` must be `pause` or `keep`, not \"nap\"".to_owned()
        )));
        assert_snapshot!(format!("settings_refused_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn a_setting_is_typed_sent_and_followed() {
    let mut stage = with_settings(100, 30);
    let wishes = stage.press("j<enter><C-u>pause<enter>");
    let change = Change { key: "on_quit".to_owned(), value: Some("pause".to_owned()) };
    assert_eq!(wishes, [Wish::Settings(Some(change))]);
    let bound = [("new".to_owned(), vec!["c".to_owned()])];
    let keys = Keymap::with(&bound, Leader::default()).expect("no key does two things");
    let mut after = settings();
    after.preferences.keys = keys;
    after.preferences.is_calm = true;
    stage.send(Msg::Settings(Ok(after)));
    assert!(stage.frame().contains("on_quit is written; it counts at once"), "{}", stage.frame());
    assert!(stage.model.is_calm);
    stage.press("<esc>c");
    assert!(matches!(stage.model.dialog, Some(Dialog::New(_))), "the new key does it");
}

#[test]
fn what_a_variable_sets_is_not_typed_over_and_a_file_s_value_goes_back() {
    let mut stage = with_settings(100, 30);
    assert_eq!(stage.press("jj<enter>"), []);
    assert!(stage.frame().contains("a variable sets it, and wins over the file"), "{}", stage.frame());
    let change = Change { key: "on_quit".to_owned(), value: None };
    assert_eq!(stage.press("kd"), [Wish::Settings(Some(change))]);
    assert_eq!(stage.press("d"), [], "one at a time");
}

#[test]
fn help_at_its_end() {
    for (columns, rows) in [(100, 30), (60, 24), (40, 10)] {
        let mut stage = Stage::with(columns, rows, five());
        stage.press(&format!("?{}", "<pgdn>".repeat(20)));
        assert_snapshot!(format!("help_end_{columns}x{rows}"), stage.frame());
    }
}

#[test]
fn every_theme_draws_the_same_words() {
    let nowhere = std::path::Path::new("/nonexistent");
    let mut frames = Vec::new();
    for name in ["terminal", "dark", "light", "contrast"] {
        let mut stage = Stage::with(100, 30, five());
        stage.model.theme = load_theme(nowhere, name).expect("it comes with the program");
        stage.press("d");
        let coloured = stage.buffer();
        stage.model.theme = stage.model.theme.reduced(Depth::Monochrome);
        let plain = stage.buffer();
        let words =
            |buffer: &Buffer| buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect::<String>();
        assert_eq!(words(&coloured), words(&plain), "{name}");
        let colours = |buffer: &Buffer| {
            buffer.content.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
        };
        assert!(colours(&coloured) > 0, "{name}");
        assert_eq!(colours(&plain), 0, "{name}");
        frames.push(words(&plain));
    }
    assert!(frames.iter().all(|frame| *frame == frames[0]));
}
