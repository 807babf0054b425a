//! Keys, and the screens they lead to.

use crate::harness::{SOON, eventually};
use crate::rig::{Rig, shell};
use crate::terminal::ESCAPE;

/// Whether the header of this pane is that of the focused one.
fn is_focused(screen: &str, pane: usize) -> bool {
    screen.contains(&format!("━ {}  ", pane + 1))
}

/// What the headers say, from left to right and from top to bottom.
fn headers(screen: &str) -> Vec<String> {
    let lines = screen.lines().filter(|line| line.contains(['━', '─']));
    let parts = lines.flat_map(|line| line.split(['│', '┃']));
    let names = parts.filter_map(|part| part.split_whitespace().find(|word| word.starts_with("pane-")));
    names.map(str::to_owned).collect()
}

#[test]
fn the_list_is_walked_and_left_for_a_pane() {
    let rig = Rig::talkers(3);
    rig.keys("v");
    let is_listed =
        |screen: &str| ["3 workstreams", " LIST ", "▸  1"].iter().all(|part| screen.contains(part));
    rig.until("the list, the first marked", is_listed);
    rig.keys("jj");
    rig.see("▸  3");
    rig.keys("v");
    rig.until("the panes, the third focused", |screen| is_focused(screen, 2) && screen.contains(" NAV "));
    rig.quit();
}

#[test]
fn a_filter_leaves_what_matches_until_it_is_dropped() {
    let rig = Rig::talkers(3);
    rig.keys("/");
    rig.see(" FILTER ");
    rig.keys("pane-2");
    rig.until("one of three", |screen| screen.contains("1 of 3") && headers(screen) == ["pane-2"]);
    rig.keys("\r");
    rig.until("the filter kept", |screen| screen.contains(" NAV ") && headers(screen) == ["pane-2"]);
    rig.keys(ESCAPE);
    rig.until("all three again", |screen| headers(screen).len() == 3);
    rig.quit();
}

#[test]
fn the_palette_finds_an_action_and_does_it() {
    let rig = Rig::talkers(2);
    rig.keys(":");
    rig.see("Do ─");
    rig.keys("zoom");
    rig.see("zoom; again: all panes");
    rig.keys("\r");
    rig.until("the first pane alone", |screen| headers(screen) == ["pane-0"]);
    rig.keys(":zoo\r");
    rig.until("both", |screen| headers(screen).len() == 2);
    rig.quit();
}

#[test]
fn w_goes_to_whoever_waits() {
    let rig = Rig::talkers(3);
    rig.order("waits 2 mark-1");
    rig.until("one that waits", |screen| {
        screen.contains("mark-1") && screen.contains("1 waits for you") && screen.contains("asks: permission")
    });
    rig.keys("w");
    rig.until("the third focused", |screen| is_focused(screen, 2));
    rig.quit();
}

#[test]
fn keys_look_back_select_and_yank() {
    let rig = Rig::talkers(1);
    rig.keys("[");
    rig.see(" COPY ");
    rig.keys("gg");
    rig.see("line 1 of the build");
    rig.keys("jvj$y");
    rig.see("copied 39 characters");
    // `line 2 of the build`, a new line, `line 3 of the build`.
    rig.hear("\x1b]52;c;bGluZSAyIG9mIHRoZSBidWlsZApsaW5lIDMgb2YgdGhlIGJ1aWxk\x1b\\");
    rig.until("the newest line again", |screen| {
        screen.contains(" NAV ") && screen.contains("line 200 of the build")
    });
    rig.quit();
}

#[test]
fn a_search_finds_and_goes_on() {
    let rig = Rig::talkers(1);
    rig.keys("\x06");
    rig.until("the search line", |screen| screen.lines().any(|line| line.starts_with('?')));
    rig.keys("line 17 ");
    let screen = rig.until("one match", |screen| screen.contains("1 of 1"));
    assert!(screen.contains("line 17 of the build"), "{screen}");
    rig.keys("\r");
    rig.keys("?line 1");
    rig.see(" of 111");
    rig.calm();
    rig.see("line 200 of the build");
    rig.quit();
}

#[test]
fn an_export_writes_the_whole_text_once() {
    let rig = Rig::talkers(1);
    rig.keys("e");
    rig.see("Write the text of pane-0");
    rig.keys("\r");
    let file = rig.room.join("pane-0.txt");
    let text = eventually("the file is written", SOON, || {
        std::fs::read_to_string(&file).ok().filter(|text| text.contains("line 200"))
    });
    assert!(text.starts_with("line 1 of the build\nline 2 of the build\n"), "{text}");
    rig.see("pane-0.txt");
    rig.keys("e");
    rig.see("Write the text of pane-0");
    rig.keys("\r");
    rig.see("there already");
    rig.quit();
}

#[test]
fn a_paste_reaches_the_agent_in_brackets_where_it_asked_for_them() {
    let script = "stty raw -echo; printf '\\033[?2004hready\\r\\n'; cat -v";
    let rig = Rig::start(&[shell(script)], (100, 30));
    rig.see("ready");
    rig.keys("i");
    rig.see(" INPUT ");
    rig.keys("\x1b[200~one\rtwo\x1b[31m three\x1b[201~");
    let joined = |screen: &str| screen.split_whitespace().collect::<String>();
    let screen = rig.until("the paste in its brackets", |screen| {
        let text = joined(screen);
        text.contains("^[[200~one^Mtwo") && text.contains("three^[[201~")
    });
    assert!(!joined(&screen).contains("^[[31m"), "what would steer is taken out: {screen}");
    rig.quit();
}

#[test]
fn more_panes_than_fit_lie_on_pages() {
    let rig = Rig::start(&vec![shell("echo here; cat"); 14], (100, 30));
    rig.until("the first page", |screen| {
        let names = headers(screen);
        names.contains(&"pane-1".to_owned()) && !names.contains(&"pane-13".to_owned())
    });
    rig.keys(".");
    rig.until("the last page", |screen| {
        headers(screen).contains(&"pane-13".to_owned()) && screen.contains("here")
    });
    rig.keys(",");
    rig.until("the first page", |screen| headers(screen).contains(&"pane-0".to_owned()));
    rig.quit();
}

#[test]
fn panes_zoom_swap_and_lie_in_every_layout() {
    let rig = Rig::talkers(3);
    let grid = rig.terminal.screen();
    rig.keys("z");
    rig.until("one pane", |screen| headers(screen) == ["pane-0"]);
    rig.keys("z\t");
    rig.until("three panes, the second focused", |screen| {
        headers(screen).len() == 3 && is_focused(screen, 1)
    });
    rig.keys(" ");
    rig.until("the second pane in the place of the first", |screen| {
        headers(screen) == ["pane-1", "pane-0", "pane-2"]
    });
    rig.keys("}");
    rig.until("and back", |screen| headers(screen) == ["pane-0", "pane-1", "pane-2"]);
    let mut seen = vec![];
    for _ in 0..5 {
        rig.keys("L");
        let before: Option<String> = seen.last().cloned();
        let shape = |screen: &str| {
            screen.lines().filter(|line| line.contains("pane-")).count().to_string()
                + &screen.lines().nth(5).unwrap_or_default().matches(['│', '┃']).count().to_string()
                + screen.lines().next().unwrap_or_default()
        };
        let screen = rig.until("another layout", |screen| {
            headers(screen).len() == 3 && before.as_deref() != Some(&shape(screen))
        });
        seen.push(shape(&screen));
    }
    assert_eq!(headers(&grid), ["pane-0", "pane-1", "pane-2"]);
    rig.quit();
}

#[test]
fn settings_are_shown_changed_and_written() {
    let rig = Rig::talkers(1);
    rig.keys("s");
    rig.see("on_quit");
    rig.keys("j\r");
    rig.see("write it");
    rig.keys("\x15nap\r");
    rig.see("must be `pause` or `keep`");
    rig.keys("\x15keep\r");
    rig.see("on_quit is written; it counts at once");
    let written = std::fs::read_to_string(rig.room.join("home/config.toml")).unwrap();
    assert_eq!(written, "on_quit = \"keep\"\n");
    rig.quit();
}

#[test]
fn log_and_resources_are_looked_at_and_left() {
    let rig = Rig::talkers(2);
    rig.keys("p");
    rig.see("paused pane-0");
    rig.keys("!");
    rig.until("the log, with what was done", |screen| {
        screen.contains("Log: all") && screen.contains("pane-0")
    });
    rig.calm();
    rig.keys("U");
    rig.until("what they use", |screen| {
        screen.contains("What the containers use") && screen.contains("42 MB")
    });
    rig.calm();
    rig.keys("p");
    rig.see("running pane-0");
    rig.quit();
}
