//! Layouts, order, edges, pages, list and filter: keys and the mouse, and what becomes of the screen.

use ccells_core::event::Ask;
use ccells_core::record::Layout;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::frames::{creating, five};
use super::*;
use crate::tui::dialog::Dialog;
use crate::tui::list::Sort;
use crate::tui::model::Mode;

fn many(count: usize, (columns, rows): (u16, u16)) -> Stage {
    let cards =
        (1..=count).map(|number| card(number, &format!("task-{number}"), CardState::Running)).collect();
    let mut stage = Stage::with(columns, rows, cards);
    stage.wait(1_000);
    stage
}

fn outer(stage: &Stage, number: usize) -> Rect {
    let page = stage.model.page();
    page.panes.iter().find(|pane| pane.index + 1 == number).expect("it is on the page").outer
}

fn saved(wishes: &[Wish]) -> Option<ViewRecord> {
    wishes.iter().find_map(|wish| match wish {
        Wish::Ask(_, Ask::View(view)) => Some(view.clone()),
        _ => None,
    })
}

fn mouse(stage: &mut Stage, kind: MouseEventKind, column: u16, row: u16) -> Vec<Wish> {
    stage.send(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

#[test]
fn layouts_follow_one_another_round() {
    let mut stage = many(4, (160, 40));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(stage.model.layout);
        stage.press("L");
    }
    assert_eq!(seen, [Layout::Grid, Layout::MainStack, Layout::MainRow, Layout::Rows, Layout::Columns]);
    assert_eq!(stage.model.layout, Layout::Grid);
}

#[test]
fn a_pane_is_made_wider_and_taller_by_keys_and_even_again() {
    let mut stage = many(4, (160, 41));
    let even = outer(&stage, 1);
    stage.press(">>+");
    let grown = outer(&stage, 1);
    assert_eq!((grown.width, grown.height), (even.width + 4, even.height + 1));
    stage.press("4<C-left>");
    assert_eq!(outer(&stage, 4).width, even.width - 2, "the last one gives at its other edge");
    stage.press("1<less><C-up>=");
    assert_eq!(outer(&stage, 1), even);
}

#[test]
fn an_edge_stops_before_a_pane_is_gone() {
    let mut stage = many(2, (100, 30));
    for _ in 0..100 {
        stage.press(">");
    }
    assert!(outer(&stage, 2).width >= 12, "{:?}", outer(&stage, 2));
    stage.press("+");
    assert_eq!(
        stage.model.toasts.last().map(|it| it.text.as_str()),
        Some("no pane above or below could give or take rows")
    );
}

#[test]
fn agents_learn_a_new_size_when_the_edge_rests() {
    let mut stage = many(2, (100, 30));
    let width = outer(&stage, 1).width;
    assert!(!stage.press(">>>").iter().any(|wish| matches!(wish, Wish::Resize(..))));
    let wishes = stage.wait(50);
    assert!(wishes.contains(&Wish::Resize(id(1), width + 6 - 1, 28)), "{wishes:?}");
}

#[test]
fn the_mouse_drags_the_edges_between_panes() {
    let mut stage = many(4, (160, 41));
    let (first, third) = (outer(&stage, 1), outer(&stage, 3));
    let gutter = first.right() - 1;
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), gutter, first.y + 5);
    assert_eq!(stage.model.focused, Some(id(1)), "taking hold of an edge focuses nobody");
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), gutter + 10, first.y + 9);
    mouse(&mut stage, MouseEventKind::Up(MouseButton::Left), gutter + 10, first.y + 9);
    assert_eq!(outer(&stage, 1).width, first.width + 10);
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), gutter, first.y + 9);
    assert_eq!(outer(&stage, 1).width, first.width + 10, "it was let go");
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), third.x + 3, third.y);
    assert_eq!(stage.model.focused, Some(id(3)), "a click on a header focuses");
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), third.x + 3, third.y - 6);
    assert_eq!(outer(&stage, 3).y, third.y - 6, "and a drag moves it");
}

#[test]
fn layout_order_focus_and_sizes_come_back() {
    let mut stage = many(4, (160, 41));
    stage.press("LL>>2}+z");
    let view = saved(&stage.wait(1_000)).expect("it is saved");
    let bytes = serde_json::to_vec(&view).expect("it can be written");
    let view: ViewRecord = serde_json::from_slice(&bytes).expect("it can be read");
    stage.press("z");
    let before: Vec<_> = stage.model.page().panes;
    let cards = (1..=4).map(|number| card(number, &format!("task-{number}"), CardState::Running)).collect();
    let mut again = Stage::new(160, 41);
    again.show(Snapshot { view, ..snapshot(cards) });
    assert_eq!((again.model.layout, again.model.focused.clone()), (Layout::Zoom, Some(id(2))));
    again.press("z");
    assert_eq!(again.model.layout, Layout::MainRow, "what was under the zoom comes back too");
    assert_eq!(again.model.page().panes, before);
    assert_eq!(again.model.order, stage.model.order);
}

#[test]
fn what_a_later_ccells_remembers_of_the_view_is_kept() {
    let text = r#"{"order":[],"focused":null,"layout":"spiral","splits":{"spiral":{"turns":[3]}},"shade":1}"#;
    let view: ViewRecord = serde_json::from_str(text).expect("it can be read");
    assert_eq!(view.layout, Layout::Grid);
    let mut stage = Stage::new(100, 30);
    stage.show(Snapshot { view, ..snapshot(vec![card(1, "one", CardState::Running)]) });
    stage.press("L");
    let view = saved(&stage.wait(1_000)).expect("it is saved");
    let value = serde_json::to_value(&view).expect("it can be written");
    assert_eq!((&value["shade"], &value["splits"]["spiral"]["turns"][0]), (&1.into(), &3.into()));
}

#[test]
fn a_pane_moves_along_the_order() {
    let mut stage = many(3, (160, 40));
    stage.press("}");
    assert_eq!(stage.model.order, [id(2), id(1), id(3)]);
    stage.press("}}");
    assert_eq!(stage.model.order, [id(2), id(3), id(1)], "the last one stays the last");
    stage.press("{{{");
    assert_eq!(stage.model.order, [id(1), id(2), id(3)]);
    assert_eq!(stage.model.focused, Some(id(1)));
}

#[test]
fn pages_are_turned_and_their_names_are_clicked() {
    let mut stage = many(9, (80, 24));
    let pages = stage.model.pages();
    assert!(pages.len() > 1, "{pages:?}");
    stage.press(".");
    assert_eq!(stage.model.focused_index(), pages[1][0]);
    stage.press(",,");
    assert_eq!(stage.model.focused_index(), pages[pages.len() - 1][0], "round and round");
    let row = stage.model.tabs_row().expect("there are pages to name");
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), 2, row.y);
    assert_eq!(stage.model.focused_index(), 0);
    let mut one = many(2, (160, 40));
    assert_eq!(one.model.tabs_row(), None);
    one.press(".");
    assert_eq!(one.model.focused, Some(id(1)));
}

#[test]
fn the_list_goes_up_and_down_in_its_own_order() {
    let mut stage = Stage::with(120, 30, five());
    stage.press("v");
    assert!(stage.model.is_list);
    stage.press("<up>");
    assert_eq!(stage.model.focused, Some(id(2)), "the one that waits is first");
    stage.press("<enter>");
    assert!(!stage.model.is_list, "Enter goes to its pane");
    assert_eq!((stage.model.mode, stage.model.focused.clone()), (Mode::Navigate, Some(id(2))));
    stage.press("vo");
    assert_eq!(stage.model.sort, Sort::Order);
    stage.press("<home>1j");
    assert_eq!(stage.model.focused, Some(id(2)));
    stage.press("<esc><esc>");
    assert!(!stage.model.is_list);
}

#[test]
fn the_ages_in_the_list_go_on_and_a_screen_without_it_rests() {
    let cards = vec![Card { created_at: Wall(7_500_000 - 50_000), ..card(1, "one", CardState::Running) }];
    let mut stage = Stage::with(120, 30, cards);
    stage.wait(1_000);
    assert_eq!(stage.model.next_tick(), None);
    stage.press("v");
    assert!(stage.frame().contains("50 s"), "{}", stage.frame());
    let next = stage.model.next_tick().expect("ages grow").since(stage.model.now);
    assert!((1..=10_000).contains(&next), "{next}");
    stage.model.wall = Wall(7_500_000 + 20_000);
    stage.wait(next);
    assert!(stage.frame().contains("1 min"), "{}", stage.frame());
}

#[test]
fn a_screen_that_is_too_small_says_how_much_it_needs() {
    for (columns, rows) in [(19, 10), (40, 3), (10, 1)] {
        assert!(Stage::with(columns, rows, five()).frame().contains("needs 20×4"), "{columns}x{rows}");
    }
}

#[test]
fn the_list_takes_the_keys_of_a_workstream() {
    let mut stage = Stage::with(120, 30, five());
    let wishes = stage.press("vo1p");
    assert!(matches!(wishes.last(), Some(Wish::Ask(_, Ask::Pause(it))) if *it == id(1)), "{wishes:?}");
    assert!(stage.model.is_list);
}

#[test]
fn a_filter_shows_only_what_matches() {
    let mut stage = Stage::with(160, 40, five());
    stage.press("/doc");
    assert_eq!(stage.model.shown(), [2], "while it is typed");
    assert_eq!(stage.model.focused, Some(id(3)), "what is shown has the focus");
    stage.press("<enter>");
    assert_eq!(stage.model.page().panes.len(), 1);
    for (text, shown) in
        [("paused", &[2][..]), ("ccells/ new", &[1]), ("TESTS", &[0, 1, 2, 3, 4]), ("nowhere", &[])]
    {
        stage.press(&format!("/<C-u>{text}<enter>"));
        assert_eq!(stage.model.shown(), shown, "{text}");
    }
    stage.press("<esc>");
    assert_eq!(stage.model.shown().len(), 5);
}

#[test]
fn a_filter_that_is_dropped_leaves_the_focus_where_it_was() {
    let mut stage = Stage::with(160, 40, five());
    stage.press("/docs<esc>");
    assert_eq!((stage.model.focused.clone(), stage.model.filter.is_off()), (Some(id(1)), true));
    stage.press("/docs<enter>/fix<esc>");
    assert_eq!((stage.model.focused.clone(), stage.model.filter.text()), (Some(id(3)), "docs"));
}

#[test]
fn a_filter_gives_way_to_where_one_goes() {
    let mut stage = Stage::with(160, 40, five());
    stage.press("/docs<enter>w");
    assert_eq!((stage.model.focused.clone(), stage.model.filter.is_off()), (Some(id(2)), true));
}

#[test]
fn nobody_types_into_a_pane_that_is_hidden() {
    let mut stage = many(3, (160, 40));
    stage.press("/nowhere<enter>i");
    assert_eq!(stage.model.mode, Mode::Navigate);
    stage.press("<esc><esc>/running<enter>2i");
    let mut cards = stage.model.snapshot.as_deref().expect("there is one").workstreams.clone();
    cards[1].state = CardState::Unknown;
    stage.show(snapshot(cards));
    assert_eq!(
        (stage.model.mode, stage.model.focused.clone()),
        (Mode::Input, Some(id(2))),
        "keys go on to who had them"
    );
    assert!(stage.model.shown().contains(&1));
}

#[test]
fn esc_takes_back_what_is_being_made_after_a_question() {
    let mut stage = Stage::with(100, 30, vec![creating()]);
    let wishes = stage.press("<esc>");
    assert!(matches!(stage.model.dialog, Some(Dialog::Discard(_))), "{wishes:?}");
    assert!(matches!(stage.press("y").last(), Some(Wish::Ask(_, Ask::Cancel(it))) if *it == id(1)));
}

#[test]
fn seconds_are_counted_less_often_where_motion_is_reduced() {
    let mut stage = Stage::with(100, 30, vec![creating()]);
    stage.wait(1_000);
    let next = |stage: &Stage| stage.model.next_tick().map(|at| at.since(stage.model.now));
    assert_eq!(next(&stage), Some(1_000));
    stage.model.is_calm = true;
    assert_eq!(next(&stage), Some(9_000));
}
