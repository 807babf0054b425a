//! Hostile texts and hostile programs before the real screen in a terminal: nothing comes out but characters to see and
//! the short list of sequences that we send.

use ccells_tests::{agents, corpus};
use strangers::{bell, copy, notification, probe, stranger};

use crate::rig::{Rig, agent, shell};
use crate::terminal::Terminal;

#[path = "../../../shell/holder/tests/hostile/strangers.rs"]
mod strangers;

/// How many attacks there are at least.
const ATTACKS: usize = 120;

/// Keys that open a dialog, and the words by which it is known.
const DIALOGS: [(&str, &str); 6] = [
    ("d", " DISCARD "),
    ("U", " USAGE "),
    ("!", "Log: all"),
    ("s", "Settings (config.toml)"),
    ("D", " since "),
    ("n", " NEW "),
];
/// The end of a frame.
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// What was written so far, without what was taken before, must be ours.
#[track_caller]
fn check(terminal: &Terminal, seen: &mut usize, what: &str, more: &[fn(&str) -> Option<usize>]) {
    let bytes = terminal.bytes();
    // What comes after the last whole frame is looked at with the next one.
    let end = memchr::memmem::rfind(&bytes, FRAME_END).map_or(*seen, |at| at + FRAME_END.len());
    assert_eq!(stranger(&bytes[*seen..end], more), None, "{what}: this went out");
    *seen = end;
}

/// Every name, branch, path, error and report is an attack, one after the other, on every screen that shows it.
#[test]
fn no_text_from_outside_acts_on_the_terminal() {
    assert!(corpus::count() >= ATTACKS, "{}", corpus::count());
    let rig = Rig::start(&vec![shell("cat"); 3], (120, 40));
    rig.see("pane-2");
    let mut seen = 0;
    for number in 0..corpus::count() {
        rig.order(&format!("hostile {number} at-{number}"));
        rig.see(&format!("at-{number} "));
        rig.keys("v");
        rig.see(" LIST ");
        rig.keys("v");
        rig.see(" NAV ");
        // Each of the dialogs in turn: what it shows of this attack another one shows of the next.
        let (keys, words) = DIALOGS[number % DIALOGS.len()];
        rig.keys(keys);
        rig.see(words);
        if keys == "d" {
            rig.keys("y");
        }
        rig.calm();
        check(&rig.terminal, &mut seen, corpus::name(number), &[probe]);
    }
    rig.order("down at-down");
    rig.see("engine: down");
    rig.order("found at-found");
    rig.see(" RECOVER ");
    rig.order("calm at-rest");
    rig.see("at-rest");
    check(&rig.terminal, &mut seen, "the end", &[probe]);
    rig.quit();
}

/// A program sends every attack, with everything allowed that can be.
#[test]
fn nothing_of_a_program_acts_on_the_terminal_but_what_was_allowed() {
    let settings = "agent_clipboard = 'allow'\nclipboard = 'osc52'\n";
    let rig = Rig::start_with(&[agent(0, &["attack"]), shell("cat")], (120, 40), settings);
    rig.see(&agents::ready_sign(0).to_string());
    rig.keys("i");
    rig.see(" INPUT ");
    // Nobody looks at the window: notifications go to the desktop.
    rig.keys("\x1b[O");
    let mut seen = 0;
    for number in 0..corpus::count() {
        rig.keys(&format!("#{number}\r"));
        let sign = agents::attack_sign(number).to_string();
        rig.until(corpus::name(number), |screen| screen.contains(&sign));
        check(&rig.terminal, &mut seen, corpus::name(number), &[probe, bell, copy, notification]);
    }
    let bytes = rig.terminal.bytes();
    for (what, wanted) in
        [("a bell", &b"\x07"[..]), ("a copy", b"\x1b]52;c;"), ("a notification", b"\x1b]9;")]
    {
        assert!(memchr::memmem::find(&bytes, wanted).is_some(), "{what} was allowed, and went out");
    }
    rig.quit();
}
