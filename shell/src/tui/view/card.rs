//! A workstream without a screen: what happened in words, how far it is, and the keys that help.

use ccells_core::event::Previous;
use ccells_core::snapshot::{Card, CardState, Progress};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys;
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::model::Model;
use crate::tui::theme;
use crate::tui::update::is_taken_back;

/// Widest text on a card, so that it stays easy to read.
const COLUMNS: u16 = 76;
/// Longest bar of progress.
const BAR_COLUMNS: usize = 40;

/// Draws the card of `card`.
pub(super) fn draw(model: &Model, card: &Card, area: Rect, buffer: &mut Buffer) {
    let margin = u16::from(area.width > 36) + 1;
    let inner = Rect {
        x: area.x + margin.min(area.width),
        y: area.y + u16::from(area.height > 7),
        width: area.width.saturating_sub(2 * margin).min(COLUMNS),
        height: area.height.saturating_sub(u16::from(area.height > 7)),
    };
    let theme = model.theme;
    let mut lines = headline(model, card, inner.width);
    if let Some(progress) = card.progress {
        lines.extend(progress_lines(model, progress, inner.width));
    }
    if let Some(reason) = &card.reason {
        lines.extend(super::paragraph(&clip::safe(reason), inner.width, theme.error()));
    }
    let hints = hints(card).into_iter().map(|(action, does)| (model.keys.hint(action), does));
    let hints: Vec<(String, &str)> = hints.collect();
    let hints: Vec<(&str, &str)> = hints.iter().map(|(key, does)| (key.as_str(), *does)).collect();
    let hints = keys::hints(&hints, inner.width, theme);
    // The keys are what helps: they are shown even where the facts do not fit.
    let room = usize::from(inner.height.saturating_sub(1));
    lines.truncate(room);
    let mut facts = facts(model, card, inner.width);
    facts.truncate(room.saturating_sub(lines.len() + 2));
    if !facts.is_empty() {
        lines.push(Line::default());
        lines.extend(facts);
    }
    if usize::from(inner.height) > lines.len() + 1 {
        lines.push(Line::default());
    }
    lines.push(hints);
    super::draw_lines(&lines, inner, buffer);
}

fn headline(model: &Model, card: &Card, columns: u16) -> Vec<Line<'static>> {
    let theme = model.theme;
    let text = match card.state {
        CardState::Creating if is_taken_back(model, &card.id) => {
            "It is being taken back. What is in flight is waited for, so that nothing is left of it."
                .to_owned()
        }
        CardState::Creating => "It is being made.".to_owned(),
        CardState::Failed => "It could not be made. Nothing of it is lost.".to_owned(),
        CardState::Running if card.is_attached => "Its terminal is about to show.".to_owned(),
        CardState::Running => "Its agent runs; reaching its terminal …".to_owned(),
        CardState::Paused => "It is paused: frozen in memory, to go on where it was.".to_owned(),
        CardState::Stopped => stopped(card),
        CardState::Lost => "Its container is gone. Its branch and its worktree are not.".to_owned(),
        CardState::Unknown if super::pane::is_engine_down(model) => {
            "The engine does not answer, so nobody knows how it fares. Nothing is deleted meanwhile."
                .to_owned()
        }
        CardState::Unknown => "The engine was not heard yet.".to_owned(),
        CardState::Removing => "It is being taken away.".to_owned(),
    };
    super::paragraph(&format!("{} {text}", theme::mark(card.state)), columns, theme.state(card.state))
}

fn stopped(card: &Card) -> String {
    match card.exit {
        Some(exit) if exit.was_out_of_memory => {
            "Its container ran out of memory and was ended. Its work is kept.".to_owned()
        }
        Some(exit) if exit.code != 0 => {
            format!("Its container ended with code {}. Its work is kept.", exit.code)
        }
        Some(_) | None => "It is stopped. Its work is kept.".to_owned(),
    }
}

fn progress_lines(model: &Model, progress: Progress, columns: u16) -> [Line<'static>; 2] {
    let theme = model.theme;
    let seconds = clip::duration(model.now.since(progress.since));
    let (step, Progress { index, of, .. }) = (progress.text(), progress);
    let text = format!("step {index}/{of} {step} ({seconds})");
    let length = usize::from(columns).min(BAR_COLUMNS);
    let done = (length * index.saturating_sub(1)).checked_div(of).unwrap_or(0).min(length);
    [
        Line::raw(clip::clip(&text, usize::from(columns))),
        Line::from(vec![
            Span::styled("━".repeat(done), theme.state(CardState::Creating)),
            Span::styled("─".repeat(length - done), theme.faint()),
        ]),
    ]
}

fn facts(model: &Model, card: &Card, columns: u16) -> Vec<Line<'static>> {
    let theme = model.theme;
    let mut lines = Vec::new();
    let mut fact = |word: &str, text: &str| {
        let room = usize::from(columns).saturating_sub(8);
        lines.push(Line::from(vec![
            Span::styled(format!("{word:<8}"), theme.faint()),
            Span::raw(clip::clip(&clip::safe(text), room)),
        ]));
    };
    fact("branch", &card.branch);
    if card.is_recovered {
        fact("note", "found by its container's labels alone; its prompt is not known");
    } else if !card.prompt.is_empty() {
        fact("prompt", &card.prompt);
    }
    fact("image", &card.image);
    lines
}

fn hints(card: &Card) -> Vec<(Action, &'static str)> {
    match card.state {
        CardState::Creating => vec![(Action::Dismiss, "take it back")],
        CardState::Failed => vec![(Action::Resume, "try again"), (Action::Discard, "discard")],
        CardState::Running => {
            vec![(Action::Pause, "pause"), (Action::Stop, "stop"), (Action::Discard, "discard")]
        }
        CardState::Paused => {
            vec![(Action::Resume, "let it go on"), (Action::Stop, "stop"), (Action::Discard, "discard")]
        }
        CardState::Stopped => vec![(Action::Resume, "start again"), (Action::Discard, "discard")],
        CardState::Lost => vec![(Action::Resume, "make another container"), (Action::Discard, "discard")],
        CardState::Unknown | CardState::Removing => Vec::new(),
    }
}

/// Draws the screen of a repository without workstreams.
pub(super) fn draw_empty(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let width = area.width.saturating_sub(4).min(64);
    let mut lines = vec![Line::styled("ccells", theme.strong()), Line::default()];
    let Some(snapshot) = model.snapshot.as_deref() else {
        lines.push(Line::raw("Reading what the last run left …"));
        return draw_middle(&lines, width, area, buffer);
    };
    let path = clip::safe(snapshot.repo_path.as_str());
    lines.extend(super::paragraph(&format!("No workstream in {path} yet."), width, theme.text()));
    let what = "A workstream is a task for an agent: a branch in a worktree of its own, a container round it, and \
                its terminal in a pane here. Many of them work side by side.";
    lines.push(Line::default());
    lines.extend(super::paragraph(what, width, theme.faint()));
    if let Previous::Crashed(beat) = &snapshot.previous {
        let text =
            format!("The run before (pid {}) did not end in good order; it left nothing behind.", beat.pid);
        lines.push(Line::default());
        lines.extend(super::paragraph(&text, width, theme.text()));
    }
    lines.push(Line::default());
    let [new, help, quit] = [Action::New, Action::Help, Action::Quit].map(|action| model.keys.hint(action));
    let hints = keys::hints(&[(&new, "new workstream"), (&help, "all keys"), (&quit, "quit")], width, theme);
    let room = usize::from(area.height);
    if lines.len() >= room {
        // What to do next is worth more than what it is.
        lines.drain(2..);
        lines.extend(super::paragraph("No workstream yet.", width, theme.text()));
        lines.push(Line::default());
    }
    lines.push(hints);
    draw_middle(&lines, width, area, buffer);
}

fn draw_middle(lines: &[Line<'_>], width: u16, area: Rect, buffer: &mut Buffer) {
    let height = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let spot = Rect {
        x: area.x + (area.width - width.min(area.width)) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    super::draw_lines(lines, spot, buffer);
}
