//! Panes drawn alone: the frame is the one that drawing all of it would give.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ratatui::layout::Rect;

use super::*;
use crate::tui::screen::Cursor;

/// What programs write, and what terminals are known to forget when they tell what changed.
const TEXT: &str = "(\\x1b\\[[0-9]{0,2}[HKJmABLMPX@STb]|\\x1b\\[[0-9]{1,2};[0-9]{1,2}[Hr]|\\x1b\\[(4|\\?1049|\\?25|\\?6)[hl]|\\x1bM|\\x1b#8|\\r\\n|\\t|\\x08\
    |[a-z]{1,9}|日本|e\u{301}|\u{301}|👩\u{200d}💻|❤\u{fe0f}|\u{1f3fd}| ){0,12}";

fn whole(stage: &Stage, buffer: &mut Buffer) -> Cursor {
    buffer.reset();
    view::draw(buffer, &stage.model, &stage.panes)
}

proptest! {
    #[test]
    fn a_pane_drawn_alone_is_as_in_the_whole_frame(
        texts in proptest::collection::vec((1_usize..4, TEXT), 1..8),
        types in any::<bool>(),
        told in proptest::collection::vec("[a-z ]{1,150}", 0..3),
    ) {
        let cards = (1..4).map(|number| card(number, "name", CardState::Running)).collect();
        let mut stage = Stage::with(100, 24, cards);
        (1..4).for_each(|number| stage.feed(number, "$ "));
        stage.press(if types { "i" } else { "" });
        for text in &told {
            stage.model.toast(ccells_core::effect::Level::Error, text);
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 24));
        let mut cursor = whole(&stage, &mut buffer);
        for (number, text) in texts {
            stage.feed(number, &text);
            let (before, mut areas) = (buffer.clone(), Vec::new());
            prop_assert!(view::is_plain(&stage.model));
            let changed = BTreeSet::from([id(number)]);
            let moved = view::redraw(&mut buffer, &stage.model, &stage.panes, &changed, &mut areas);
            cursor = moved.unwrap_or(cursor);
            let mut fresh = before.clone();
            prop_assert_eq!(cursor, whole(&stage, &mut fresh));
            prop_assert_eq!(&buffer, &fresh);
            let is_told = |x, y| areas.iter().any(|area| area.contains((x, y).into()));
            for y in 0..24 {
                for x in 0..100 {
                    prop_assert!(is_told(x, y) || before[(x, y)] == buffer[(x, y)], "({}, {}) changed untold", x, y);
                }
            }
        }
    }
}

#[test]
fn what_lies_above_the_panes_has_them_drawn_whole() {
    let mut stage = Stage::with(100, 24, vec![card(1, "name", CardState::Running)]);
    assert!(view::is_plain(&stage.model));
    stage.press("?");
    assert!(!view::is_plain(&stage.model));
    stage.press("<esc>");
    assert!(view::is_plain(&stage.model));
    stage.model.toast(ccells_core::effect::Level::Error, "something");
    assert!(view::is_plain(&stage.model), "what is told is drawn over them again");
}
