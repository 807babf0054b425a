//! What looking back, selecting and copying change.

use std::sync::Arc;

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{CLICK_MS, COPY_BYTES, DRAG_SCROLL_MS, LOOK_HELD};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::{actions, mouse, typing};
use crate::terminal::search::Found;
use crate::terminal::selection::Shape;
use crate::terminal::transcript::Transcript;
use crate::tui::Clipboard;
use crate::tui::action::{Action, Context};
use crate::tui::clip;
use crate::tui::copy::{Fetch, Intent, Look, Looking, Outcome, Why};
use crate::tui::model::{Mode, Model, Press};
use crate::tui::msg::Msg;
use crate::tui::wish::{Past, Ticket, Wish};

/// Lines of one step of the wheel.
const WHEEL_LINES: usize = 3;
/// Clicks at one place that mean something.
const MOST_CLICKS: u8 = 3;

/// Looks back in the focused pane.
pub(super) fn look_back(model: &mut Model, intent: Intent, wishes: &mut Vec<Wish>) {
    match model.focused.clone() {
        Some(id) => fetch(model, id, intent, wishes),
        None => model.toast(Level::Info, "there is no pane to look back in"),
    }
}

/// Scrolls the focused pane by half pages: positive goes back in time.
pub(super) fn scroll(model: &mut Model, halves: i8, wishes: &mut Vec<Wish>) {
    let rows = model.focused.clone().map_or(0, |id| usize::from(content_of(model, &id).height));
    let lines = (rows / 2).max(1) * usize::from(halves.unsigned_abs());
    let focused = model.focused.clone();
    match model.looking.as_mut().filter(|looking| Some(&looking.workstream) == focused.as_ref()) {
        Some(looking) if halves > 0 => looking.scroll_back(lines),
        Some(looking) => looking.scroll_on(lines),
        None if halves > 0 => look_back(model, Intent::Scroll { lines, has_keys: true }, wishes),
        None => {}
    }
}

/// Has a transcript made. Until it is there, what is done to it waits.
fn fetch(model: &mut Model, workstream: WorkstreamId, intent: Intent, wishes: &mut Vec<Wish>) {
    give_up(model);
    model.next_ticket += 1;
    let ticket = Ticket(model.next_ticket);
    model.fetch = Some(Fetch { ticket, workstream: workstream.clone(), intent, since: model.now });
    wishes.push(Wish::LookBack(ticket, workstream));
}

/// Nobody waits for a transcript any more, nor for what was to be done to it.
fn give_up(model: &mut Model) {
    if model.fetch.take().is_some() {
        model.held.clear();
        if let Some(press) = &mut model.press {
            (press.is_down, press.edge) = (false, None);
        }
    }
}

/// Keeps what has to wait for a transcript, or for a place in one; `None` where it does, or ends the wait.
pub(super) fn hold(model: &mut Model, msg: Msg) -> Option<Msg> {
    let is_steering = model.dialog.is_none() && !model.is_shutting_down();
    let has_keys = |fetch: &Fetch| fetch.has_keys() && Some(&fetch.workstream) == model.focused.as_ref();
    let is_fetching = is_steering && model.fetch.as_ref().is_some_and(has_keys);
    let is_hunting =
        is_steering && model.is_looking() && model.looking.as_ref().is_some_and(Looking::is_hunting);
    let waits = if matches!(msg, Msg::Key(_) | Msg::Paste(_)) {
        is_fetching || is_hunting
    } else {
        matches!(msg, Msg::Mouse(_)) && is_steering && model.fetch.is_some()
    };
    if !waits {
        return Some(msg);
    }
    if let Msg::Key(key) = &msg {
        // The end of a press, or a key that does nothing by itself, is for whoever got what came before.
        if key.kind == KeyEventKind::Release || typing::is_lone(key) {
            return Some(msg);
        }
        if key.code == KeyCode::Esc || model.leader.is(key) {
            give_up(model);
            model.held.clear();
            if let Some(looking) = &mut model.looking {
                looking.hunt = None;
            }
            return None;
        }
    }
    if let Msg::Key(key) = &msg {
        typing::keep(model, key);
    }
    if model.held.len() < LOOK_HELD {
        model.held.push(msg);
    }
    None
}

/// Does what has waited, as far as it need not go on waiting.
fn go_on(model: &mut Model, wishes: &mut Vec<Wish>) {
    let mut held = std::mem::take(&mut model.held);
    if !model.is_looking() || model.dialog.is_some() {
        // A key that was meant for what is looked at is for nothing that came between.
        held.retain(|msg| matches!(msg, Msg::Mouse(_)));
    }
    for msg in held {
        super::take(model, msg, wishes);
    }
}

/// The focused pane shows what is now.
pub(super) fn leave(model: &mut Model) {
    let focused = model.focused.clone();
    if model.fetch.as_ref().is_some_and(|fetch| Some(&fetch.workstream) == focused.as_ref()) {
        give_up(model);
    }
    if model.looking.as_ref().is_some_and(|looking| Some(&looking.workstream) == focused.as_ref()) {
        model.looking = None;
    }
}

/// A transcript came.
pub(super) fn on_transcript(
    model: &mut Model,
    ticket: Ticket,
    transcript: Option<Arc<Transcript>>,
    wishes: &mut Vec<Wish>,
) {
    let Some(fetch) = model.fetch.take_if(|fetch| fetch.ticket == ticket) else { return };
    let Some(transcript) = transcript else {
        model.held.clear();
        return model.toast(Level::Info, "there is nothing to look back at yet");
    };
    let rows = usize::from(content_of(model, &fetch.workstream).height);
    let mut looking = Looking::at(fetch.workstream, transcript, rows);
    looking.begin(fetch.intent);
    model.looking = Some(looking);
    go_on(model, wishes);
}

/// It is known where something is.
pub(super) fn on_found(model: &mut Model, ticket: Ticket, found: Vec<Found>, wishes: &mut Vec<Wish>) {
    if let Some(looking) = &mut model.looking {
        looking.found(ticket, found);
        if !looking.is_hunting() && model.fetch.is_none() {
            go_on(model, wishes);
        }
    }
}

/// Takes a key while keys move about in what a pane has shown.
pub(super) fn on_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    if model.leader.is(key) {
        model.mode = Mode::Navigate;
        return leave(model);
    }
    let act = match model.keys.look_up(Context::Looking, key) {
        Some(Action::Look(act)) => Some(act),
        Some(_) | None => None,
    };
    let Some(looking) = model.looking_with_keys() else { return };
    match looking.key(key, act) {
        Outcome::Stay => {}
        Outcome::Leave => leave(model),
        Outcome::Tell(why) => tell(model, why),
        Outcome::Copy(selection) => {
            wishes.push(Wish::TakeSelected(Past(Arc::clone(&looking.transcript)), selection));
            leave(model);
        }
    }
}

fn tell(model: &mut Model, why: Why) {
    let key = |act| model.keys.first_keys(&[Action::Look(act)]);
    let text = match why {
        Why::NothingSelected => {
            format!(
                "nothing is selected; {} begins, {} copies a line",
                key(Look::Select),
                key(Look::CopyLine)
            )
        }
        Why::EmptyLine => "the line is empty".to_owned(),
        Why::NoSearch => format!("nothing is looked for; {} begins", key(Look::Search)),
        Why::Nowhere => "it is nowhere".to_owned(),
    };
    model.toast(Level::Info, &text);
}

/// What was selected is a text now.
pub(super) fn on_selected(model: &mut Model, text: String, wishes: &mut Vec<Wish>) {
    if text.is_empty() {
        return model.toast(Level::Info, "nothing was copied: there is only blank space");
    }
    copy(model, text, wishes);
}

/// Puts a text on the clipboard, and says so.
pub(super) fn copy(model: &mut Model, text: String, wishes: &mut Vec<Wish>) {
    if model.clipboard == Clipboard::Off {
        return model.toast(Level::Info, "nothing was copied: the setting `clipboard` is \"off\"");
    }
    if text.len() > COPY_BYTES {
        return model.toast(Level::Warning, "that is too much for a clipboard; e writes it to a file");
    }
    let count = text.chars().count();
    model.toast(Level::Info, &format!("copied {}", clip::counted(count, "character", "characters")));
    wishes.push(Wish::Copy(text));
}

/// What the mouse does in a pane whose agent did not ask for it. The position is relative to the pane.
pub(super) fn on_pane_mouse(model: &mut Model, id: WorkstreamId, event: MouseEvent, wishes: &mut Vec<Wish>) {
    // The agent did not want it after all.
    model.agent_press = None;
    match event.kind {
        MouseEventKind::ScrollUp => turn(model, id, true, wishes),
        MouseEventKind::ScrollDown => turn(model, id, false, wishes),
        MouseEventKind::Down(MouseButton::Left) => on_press(model, id, (event.row, event.column), wishes),
        MouseEventKind::Down(_) => mouse::focus(model, id),
        MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => {}
    }
}

/// The wheel was turned over a pane.
fn turn(model: &mut Model, id: WorkstreamId, is_back: bool, wishes: &mut Vec<Wish>) {
    match model.looking.as_mut().filter(|looking| looking.workstream == id) {
        Some(looking) if is_back => looking.scroll_back(WHEEL_LINES),
        Some(looking) => {
            looking.scroll_on(WHEEL_LINES);
            let is_done = looking.scrolled() == 0 && looking.selection.is_none() && looking.search.is_none();
            if is_done {
                model.looking = None;
            }
        }
        None if is_back => {
            // Keys go on to the agent while they do: scrolling with the wheel takes nothing from it.
            let has_keys = model.mode == Mode::Navigate;
            fetch(model, id, Intent::Scroll { lines: WHEEL_LINES, has_keys }, wishes);
        }
        None => {}
    }
}

fn on_press(model: &mut Model, id: WorkstreamId, at: (u16, u16), wishes: &mut Vec<Wish>) {
    let now = model.now;
    let before = model.press.take().filter(|press| {
        press.workstream == id && press.at == at && !press.is_drag && now.since(press.when) < CLICK_MS
    });
    let clicks = before.map_or(1, |press| press.clicks % MOST_CLICKS + 1);
    let was_focused = model.focused.as_ref() == Some(&id);
    mouse::focus(model, id.clone());
    let press = Press {
        workstream: id.clone(),
        at,
        when: now,
        clicks,
        is_down: true,
        is_drag: false,
        was_focused,
        edge: None,
    };
    model.press = Some(press);
    match clicks {
        2 => select(model, &id, Shape::Words, at, at, wishes),
        3 => select(model, &id, Shape::Lines, at, at, wishes),
        _ => {
            if let Some(looking) = model.looking.as_mut().filter(|looking| looking.workstream == id) {
                looking.selection = None;
                looking.cursor = looking.spot(at);
            }
        }
    }
}

/// Selects in what a pane shows, standing still from now on.
fn select(
    model: &mut Model,
    id: &WorkstreamId,
    shape: Shape,
    anchor: (u16, u16),
    head: (u16, u16),
    wishes: &mut Vec<Wish>,
) {
    match model.looking.as_mut().filter(|looking| looking.workstream == *id) {
        Some(looking) => {
            let (anchor, head) = (looking.spot(anchor), looking.spot(head));
            looking.selection = None;
            looking.drag_to(anchor, head);
            if let Some(selection) = &mut looking.selection {
                selection.shape = shape;
            }
        }
        None => fetch(model, id.clone(), Intent::Select { shape, anchor, head }, wishes),
    }
}

/// The mouse is moved with its button down.
pub(super) fn on_drag(model: &mut Model, event: MouseEvent, wishes: &mut Vec<Wish>) {
    let now = model.now;
    let Some(press) = model.press.clone() else { return };
    let content = content_of(model, &press.workstream);
    let (last_row, last_column) = (content.height.saturating_sub(1), content.width.saturating_sub(1));
    let row = event.row.saturating_sub(content.y).min(last_row);
    let column = event.column.saturating_sub(content.x).min(last_column);
    let is_above = event.row < content.y;
    let is_beyond = is_above || event.row >= content.bottom();
    if (row, column) == press.at && !press.is_drag && !is_beyond {
        return;
    }
    let due = press.edge.map_or(now.after(DRAG_SCROLL_MS), |(_, _, due)| due);
    let edge = is_beyond.then_some((is_above, column, due));
    model.press = Some(Press { is_drag: true, edge, ..press.clone() });
    match model.looking.as_mut().filter(|looking| looking.workstream == press.workstream) {
        Some(looking) => {
            let (anchor, head) = (looking.spot(press.at), looking.spot((row, column)));
            looking.drag_to(anchor, head);
        }
        None => select(model, &press.workstream, Shape::Text, press.at, (row, column), wishes),
    }
}

/// While the pointer is held beyond a pane, its text moves.
pub(super) fn on_time(model: &mut Model) {
    let now = model.now;
    let Some(press) = model.press.as_mut() else { return };
    let Some((is_above, column, due)) = press.edge.filter(|(_, _, due)| *due <= now) else { return };
    press.edge = Some((is_above, column, due.after(DRAG_SCROLL_MS).max(now)));
    let Some(looking) = model.looking.as_mut().filter(|looking| looking.workstream == press.workstream)
    else {
        press.edge = None;
        return;
    };
    if is_above {
        looking.scroll_back(1);
    } else {
        looking.scroll_on(1);
    }
    let row = if is_above { 0 } else { u16::try_from(looking.rows.saturating_sub(1)).unwrap_or(u16::MAX) };
    let head = looking.spot((row, column));
    let anchor = looking.selection.map_or(head, |selection| selection.anchor);
    looking.drag_to(anchor, head);
}

/// The mouse's button is let go.
pub(super) fn on_release(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(press) = model.press.as_mut() else { return };
    press.is_down = false;
    press.edge = None;
    let press = press.clone();
    let looking = model.looking.as_mut().filter(|looking| looking.workstream == press.workstream);
    if !press.is_drag && press.clicks == 1 {
        // Where one looks back, a click places the cursor.
        if looking.is_none() && press.was_focused && model.mode == Mode::Navigate {
            actions::enter_input(model);
        }
        return;
    }
    let Some(looking) = looking else { return };
    if model.is_selecting_only {
        looking.has_keys = true;
        looking.is_passing = false;
        return;
    }
    let is_passing = looking.is_passing && looking.scrolled() == 0;
    if let Some(selection) = looking.selection {
        wishes.push(Wish::TakeSelected(Past(Arc::clone(&looking.transcript)), selection));
    }
    // A double click may become a triple one: what it has selected stays to be seen until something else is done.
    if is_passing && press.is_drag {
        model.looking = None;
    }
}

/// Where the agent's own screen is; nothing when the pane is not shown.
pub(super) fn content_of(model: &Model, id: &WorkstreamId) -> Rect {
    let place = model.order.iter().position(|known| known == id);
    let page = model.page();
    page.panes.iter().find(|pane| Some(pane.index) == place).map_or(Rect::default(), |pane| pane.content)
}

/// Follows what changed elsewhere: the size of the pane, and whether its workstream is there.
pub(super) fn follow(model: &mut Model, wishes: &mut Vec<Wish>) {
    if model.fetch.as_ref().is_some_and(|fetch| model.card(&fetch.workstream).is_none()) {
        give_up(model);
    }
    if model.fetch.is_none() && !model.looking.as_ref().is_some_and(Looking::is_hunting) {
        model.held.clear();
    }
    let Some(id) = model.looking.as_ref().map(|looking| looking.workstream.clone()) else { return };
    if model.card(&id).is_none() {
        model.looking = None;
        return;
    }
    let rows = usize::from(content_of(model, &id).height);
    if let Some(looking) = &mut model.looking {
        looking.fit(rows);
        let ticket = Ticket(model.next_ticket + 1);
        if let Some(wanted) = looking.next_hunt(ticket, model.now) {
            model.next_ticket += 1;
            wishes.push(Wish::Find(ticket, Past(Arc::clone(&looking.transcript)), wanted));
        }
    }
}
