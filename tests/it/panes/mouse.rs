//! The mouse: clicks, the wheel, and what is selected with it.

use crate::rig::Rig;

/// The wheel, away from the user and towards them.
const WHEEL_UP: u16 = 64;
const WHEEL_DOWN: u16 = 65;
/// The left button while the mouse moves.
const DRAG: u16 = 32;

/// The row in which the screen shows `text`.
fn row_of(screen: &str, text: &str) -> u16 {
    let row = screen.lines().position(|line| line.contains(text));
    u16::try_from(row.unwrap_or_else(|| panic!("{text:?} is not shown:\n{screen}"))).unwrap()
}

#[test]
fn a_click_focuses_and_the_wheel_scrolls_what_it_is_over() {
    let rig = Rig::talkers(2);
    rig.click(70, 10);
    rig.until("the second pane focused", |screen| screen.contains("━ 2  "));
    for _ in 0..4 {
        rig.mouse(WHEEL_UP, 10, 10, false);
    }
    let screen = rig.until("the first pane twelve lines back", |screen| screen.contains("↑ 12/"));
    let (left, right) = screen.lines().next().unwrap().split_at(screen.find(['│', '┃']).unwrap());
    assert!(left.contains("↑ 12/") && !right.contains("↑ 12/"), "{screen}");
    for _ in 0..4 {
        rig.mouse(WHEEL_DOWN, 10, 10, false);
    }
    rig.until("the newest lines in both", |screen| screen.matches("line 200 of the build").count() == 2);
    rig.quit();
}

#[test]
fn what_is_dragged_over_is_copied() {
    let rig = Rig::talkers(2);
    let row = row_of(&rig.terminal.screen(), "line 190 of");
    rig.mouse(0, 0, row, false);
    rig.mouse(DRAG, 4, row, false);
    rig.mouse(DRAG, 7, row + 1, false);
    rig.mouse(0, 7, row + 1, true);
    rig.see("copied 30 characters");
    // `line 190 of the build`, a new line, `line 191`: the text of one pane, not a row of the screen.
    rig.hear("\x1b]52;c;bGluZSAxOTAgb2YgdGhlIGJ1aWxkCmxpbmUgMTkx\x1b\\");
    rig.quit();
}

#[test]
fn two_clicks_take_a_word_and_three_a_line() {
    let rig = Rig::talkers(1);
    let row = row_of(&rig.terminal.screen(), "line 190 of");
    // Without a wait in between: on a busy machine the third would come too late to belong to the others.
    for _ in 0..3 {
        rig.click(18, row);
    }
    rig.hear("\x1b]52;c;YnVpbGQ=\x1b\\");
    rig.hear("\x1b]52;c;bGluZSAxOTAgb2YgdGhlIGJ1aWxk\x1b\\");
    rig.quit();
}
