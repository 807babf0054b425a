//! What a viewer's panes take of memory, in a process of its own so that nothing else is counted.

use ccells_core::limits::SCROLLBACK_LINES;
use ccells_shell::terminal::history::History;
use ccells_shell::terminal::transcript::Transcript;

/// Panes that are measured.
const PANES: usize = 9;
/// What they may take together, in kilobytes.
const MOST_KB: u64 = 60 * 1_024;

/// Our share of memory, in kilobytes.
fn share_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("the kernel tells");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("it tells our share");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn nine_panes_of_ten_thousand_lines_fit_into_sixty_megabytes() {
    let before = share_kb();
    let mut panes = Vec::new();
    for pane in 0..PANES {
        let mut history = History::new(SCROLLBACK_LINES);
        let mut emulator = history.emulator(66, 40);
        for line in 0..SCROLLBACK_LINES + 200 {
            let colour = line % 7 + 31;
            let text = format!(
                "\x1b[2m{pane}:{line:5}\x1b[0m \x1b[{colour}m+ let value\x1b[0m = \x1b[1mread\x1b[0m(input, \x1b[38;5;{}m\"key\"\x1b[0m)?; // of them\r\n",
                line % 256
            );
            history.feed(&mut emulator, text.as_bytes());
        }
        panes.push((history, emulator));
    }
    let taken = share_kb() - before;
    assert!(taken < MOST_KB, "{PANES} panes take {taken} kB");
    assert!(taken > 1_024, "{taken} kB is too good to be true");
    for (history, emulator) in &panes {
        let transcript = Transcript::of(history.freeze(emulator));
        assert_eq!(transcript.len(), SCROLLBACK_LINES + 40, "every line is kept");
    }
}
