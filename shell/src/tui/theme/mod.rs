//! The colours and attributes of everything that is not an agent's own screen, by what they are for. Nothing is told
//! by colour alone: every mark has a shape and a word as well.

mod built_in;
mod file;

use ccells_core::effect::Level;
use ccells_core::snapshot::CardState;
use ratatui::style::{Color, Modifier, Style};

pub use file::{ThemeError, load};

use super::screen::Depth;

/// How something looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    letters: Option<Color>,
    ground: Option<Color>,
    attributes: Modifier,
}

impl Look {
    fn style(self) -> Style {
        Style { fg: self.letters, bg: self.ground, ..Style::new() }.add_modifier(self.attributes)
    }
}

/// What has a look of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Text,
    Faint,
    Strong,
    Key,
    Navigate,
    Input,
    Focus,
    FocusInput,
    Attention,
    Running,
    Creating,
    Paused,
    Failed,
    Stopped,
    Error,
    WarningBar,
    ErrorBar,
    Bar,
    Chosen,
    Dialog,
    Status,
    Added,
    Removed,
    Hunk,
}

/// All of them, in order, with their names in theme files.
const PARTS: [(Part, &str); 24] = [
    (Part::Text, "text"),
    (Part::Faint, "faint"),
    (Part::Strong, "strong"),
    (Part::Key, "key"),
    (Part::Navigate, "navigate"),
    (Part::Input, "input"),
    (Part::Focus, "focus"),
    (Part::FocusInput, "focus-input"),
    (Part::Attention, "attention"),
    (Part::Running, "running"),
    (Part::Creating, "creating"),
    (Part::Paused, "paused"),
    (Part::Failed, "failed"),
    (Part::Stopped, "stopped"),
    (Part::Error, "error"),
    (Part::WarningBar, "warning-bar"),
    (Part::ErrorBar, "error-bar"),
    (Part::Bar, "bar"),
    (Part::Chosen, "chosen"),
    (Part::Dialog, "dialog"),
    (Part::Status, "status"),
    (Part::Added, "added"),
    (Part::Removed, "removed"),
    (Part::Hunk, "hunk"),
];

/// The styles of everything that is not an agent's own screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    looks: [Look; PARTS.len()],
}

impl Default for Theme {
    fn default() -> Self {
        built_in::terminal()
    }
}

impl Theme {
    /// The same for a terminal with so many colours. Where there are none, what had a ground is reversed and what was
    /// faint is dim, so that nothing is lost but the hue; where there are few, the nearest are found when frames are
    /// written.
    #[must_use]
    pub fn reduced(mut self, depth: Depth) -> Self {
        if depth != Depth::Monochrome {
            return self;
        }
        for ((part, _), look) in PARTS.iter().zip(&mut self.looks) {
            let is_chip = look.ground.is_some() && !matches!(part, Part::Dialog | Part::Status);
            let is_faint = matches!(part, Part::Faint | Part::Stopped);
            look.attributes.set(Modifier::REVERSED, is_chip || look.attributes.contains(Modifier::REVERSED));
            look.attributes.set(Modifier::DIM, is_faint || look.attributes.contains(Modifier::DIM));
            (look.letters, look.ground) = (None, None);
        }
        self
    }

    fn style(&self, part: Part) -> Style {
        self.looks[part as usize].style()
    }

    /// Plain text.
    pub(crate) fn text(self) -> Style {
        self.style(Part::Text)
    }

    /// Text that matters less.
    pub(crate) fn faint(self) -> Style {
        self.style(Part::Faint)
    }

    /// Text that matters more.
    pub(crate) fn strong(self) -> Style {
        self.style(Part::Strong)
    }

    /// The name of a key.
    pub(crate) fn key(self) -> Style {
        self.style(Part::Key)
    }

    /// The mode word while keys steer ccells.
    pub(crate) fn navigate(self) -> Style {
        self.style(Part::Navigate)
    }

    /// The mode word, and the header of the pane, while keys go to an agent.
    pub(crate) fn input(self) -> Style {
        self.style(Part::Input)
    }

    /// Lines round the pane that has the focus.
    pub(crate) fn focused(self) -> Style {
        self.style(Part::Focus)
    }

    /// Lines round the pane that keys go to.
    pub(crate) fn focused_input(self) -> Style {
        self.style(Part::FocusInput)
    }

    /// What waits for a person.
    pub(crate) fn attention(self) -> Style {
        self.style(Part::Attention)
    }

    /// A state's mark and word.
    pub(crate) fn state(self, state: CardState) -> Style {
        self.style(match state {
            CardState::Running => Part::Running,
            CardState::Creating => Part::Creating,
            CardState::Paused | CardState::Lost => Part::Paused,
            CardState::Failed => Part::Failed,
            CardState::Stopped | CardState::Unknown | CardState::Removing => Part::Stopped,
        })
    }

    /// What went wrong.
    pub(crate) fn error(self) -> Style {
        self.style(Part::Error)
    }

    /// A bar across the screen that warns.
    pub(crate) fn warning_bar(self) -> Style {
        self.style(Part::WarningBar)
    }

    /// A bar across the screen that tells of a failure.
    pub(crate) fn error_bar(self) -> Style {
        self.style(Part::ErrorBar)
    }

    /// A bar over a pane that tells a fact.
    pub(crate) fn bar(self) -> Style {
        self.style(Part::Bar)
    }

    /// What is chosen in a dialog.
    pub(crate) fn chosen(self) -> Style {
        self.style(Part::Chosen)
    }

    /// What lies under a dialog.
    pub(crate) fn dialog(self) -> Style {
        self.style(Part::Dialog)
    }

    /// The line at the bottom, and the one that names the pages.
    pub(crate) fn status(self) -> Style {
        self.style(Part::Status)
    }

    /// A line that came.
    pub(crate) fn added(self) -> Style {
        self.style(Part::Added)
    }

    /// A line that went.
    pub(crate) fn removed(self) -> Style {
        self.style(Part::Removed)
    }

    /// The head of a hunk.
    pub(crate) fn hunk(self) -> Style {
        self.style(Part::Hunk)
    }

    /// How loud a line of the log is.
    pub(crate) fn level(self, level: Level) -> Style {
        match level {
            Level::Info => self.faint(),
            Level::Warning => self.attention(),
            Level::Error => self.error(),
        }
    }

    /// A toast.
    pub(crate) fn toast(self, level: Level) -> Style {
        match level {
            Level::Info => self.bar(),
            Level::Warning => self.warning_bar(),
            Level::Error => self.error_bar(),
        }
    }
}

/// The mark of a state: a shape of its own, one column wide.
pub(crate) fn mark(state: CardState) -> &'static str {
    match state {
        CardState::Creating => "+",
        CardState::Failed => "✗",
        CardState::Running => "●",
        CardState::Paused => "‖",
        CardState::Stopped => "■",
        CardState::Lost => "◇",
        CardState::Unknown => "?",
        CardState::Removing => "−",
    }
}

/// The mark of a notice.
pub(crate) fn level_mark(level: Level) -> &'static str {
    match level {
        Level::Info => "i",
        Level::Warning => "!",
        Level::Error => "✗",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_own_place() {
        for (place, (part, name)) in PARTS.iter().enumerate() {
            assert_eq!(*part as usize, place, "{name}");
        }
    }

    #[test]
    fn without_colours_what_mattered_still_stands_out() {
        for (name, theme) in built_in::ALL {
            let plain = theme().reduced(Depth::Monochrome);
            for style in PARTS.map(|(part, _)| plain.style(part)) {
                assert_eq!((style.fg, style.bg), (None, None), "{name}");
            }
            for style in [plain.input(), plain.attention(), plain.error_bar(), plain.chosen(), plain.bar()] {
                assert!(style.add_modifier.contains(Modifier::REVERSED), "{name}");
            }
            assert!(plain.faint().add_modifier.contains(Modifier::DIM), "{name}");
        }
    }
}
