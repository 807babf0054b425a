//! What the programs in the panes say to the world outside. It comes at a bounded rate and harmless; here the user's
//! settings decide what becomes of it.

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use ccells_holder::emulator::Outward;

use super::copy;
use crate::tui::AgentClipboard;
use crate::tui::clip;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::clipboard::ClipboardDialog;
use crate::tui::model::{Mode, Model};
use crate::tui::wish::Wish;

/// An agent said something.
pub(super) fn on_outward(model: &mut Model, id: &WorkstreamId, what: Outward, wishes: &mut Vec<Wish>) {
    let Some(name) = model.card(id).map(|card| card.name.clone()) else { return };
    match what {
        // The holder reports it with the rest of how the agent fares; the header of its pane and the list show it.
        Outward::Title(_) => {}
        Outward::Bell if model.is_bell_off => {}
        Outward::Bell => wishes.push(Wish::Ring),
        Outward::Notify { .. } if model.are_notifications_off => {}
        Outward::Notify { title, body } => {
            let words = [name, title, body].into_iter().filter(|word| !word.is_empty());
            let text = words.collect::<Vec<_>>().join(": ");
            model.toast(Level::Info, &text);
            if !model.has_window_focus {
                wishes.push(Wish::Notify(clip::safe(&text)));
            }
        }
        Outward::Copy { text } => match model.agent_clipboard {
            AgentClipboard::Deny => {}
            AgentClipboard::Allow => copy::copy(model, text, wishes),
            AgentClipboard::Ask => {
                if model.mode == Mode::Input {
                    let leader = model.leader;
                    model.toast(
                        Level::Warning,
                        &format!("`{name}` asks to use the clipboard; {leader} to answer"),
                    );
                }
                model.asked_copy = Some(ClipboardDialog { name, text });
            }
        },
    }
}

/// Asks as soon as nothing else is being asked, and never while somebody types: a key meant for an agent is no yes.
pub(super) fn ask_when_free(model: &mut Model) {
    if model.dialog.is_none()
        && model.mode == Mode::Navigate
        && !model.is_shutting_down()
        && !model.is_looking()
    {
        model.dialog = model.asked_copy.take().map(Dialog::Clipboard);
    }
}
