//! The colours: the sixteen of the terminal, so that they follow its theme, or none at all. Nothing is told by colour
//! alone: every mark has a shape and a word as well.

use std::ffi::OsStr;

use ccells_core::effect::Level;
use ccells_core::snapshot::CardState;
use ratatui::style::{Color, Modifier, Style};

/// The styles of everything that is not an agent's own screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    has_colour: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self { has_colour: true }
    }
}

#[expect(clippy::unused_self, reason = "every style is asked of the theme, whatever it is made from")]
impl Theme {
    /// Follows the convention of `NO_COLOR`: set and not empty means no colour.
    pub fn from_no_color(no_color: Option<&OsStr>) -> Self {
        Self { has_colour: no_color.is_none_or(OsStr::is_empty) }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// A chip: letters that can be read on a colour, or reversed.
    fn chip(self, colour: Color) -> Style {
        let letters = if matches!(colour, Color::Blue | Color::Red) { Color::White } else { Color::Black };
        let style = if self.has_colour {
            Style::new().fg(letters).bg(colour)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        };
        style.add_modifier(Modifier::BOLD)
    }

    /// Plain text.
    pub(crate) fn text(self) -> Style {
        Style::new()
    }

    /// Text that matters less.
    pub(crate) fn faint(self) -> Style {
        if self.has_colour {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// Text that matters more.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The name of a key.
    pub(crate) fn key(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The mode word while keys steer ccells.
    pub(crate) fn navigate(self) -> Style {
        self.chip(Color::Blue)
    }

    /// The mode word, and the header of the pane, while keys go to an agent.
    pub(crate) fn input(self) -> Style {
        self.chip(Color::Green)
    }

    /// Lines round the pane that has the focus.
    pub(crate) fn focused(self) -> Style {
        self.coloured(Color::Blue).add_modifier(Modifier::BOLD)
    }

    /// Lines round the pane that keys go to.
    pub(crate) fn focused_input(self) -> Style {
        self.coloured(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// What waits for a person.
    pub(crate) fn attention(self) -> Style {
        self.chip(Color::Yellow)
    }

    /// A state's mark and word.
    pub(crate) fn state(self, state: CardState) -> Style {
        match state {
            CardState::Running => self.coloured(Color::Green),
            CardState::Creating => self.coloured(Color::Cyan),
            CardState::Paused | CardState::Lost => self.coloured(Color::Yellow),
            CardState::Failed => self.coloured(Color::Red).add_modifier(Modifier::BOLD),
            CardState::Stopped | CardState::Unknown | CardState::Removing => self.faint(),
        }
    }

    /// What went wrong.
    pub(crate) fn error(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A bar across the screen that warns.
    pub(crate) fn warning_bar(self) -> Style {
        self.chip(Color::Yellow)
    }

    /// A bar across the screen that tells of a failure.
    pub(crate) fn error_bar(self) -> Style {
        self.chip(Color::Red)
    }

    /// A bar over a pane that tells a fact.
    pub(crate) fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What is chosen in a dialog.
    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
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
