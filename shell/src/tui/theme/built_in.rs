//! The themes that come with the program.

use ratatui::style::{Color, Modifier};

use super::{Look, PARTS, Part, Theme};

/// Makes a theme.
type Make = fn() -> Theme;

/// All of them by name, the usual one first.
pub(super) const ALL: [(&str, Make); 4] =
    [("terminal", terminal), ("dark", dark), ("light", light), ("contrast", contrast)];

/// The few colours a theme is made from.
struct Palette {
    /// Letters and ground of dialogs and of the line at the bottom, where they are not the terminal's own.
    panel: Option<(Color, Color)>,
    faint: Color,
    blue: Color,
    green: Color,
    yellow: Color,
    red: Color,
    cyan: Color,
    /// Letters on blue and red, and on the others.
    on_cold: Color,
    on_warm: Color,
}

/// The sixteen colours of the terminal, so that it follows the terminal's own theme.
pub(super) fn terminal() -> Theme {
    theme(&Palette {
        panel: None,
        faint: Color::DarkGray,
        blue: Color::Blue,
        green: Color::Green,
        yellow: Color::Yellow,
        red: Color::Red,
        cyan: Color::Cyan,
        on_cold: Color::White,
        on_warm: Color::Black,
    })
}

fn dark() -> Theme {
    theme(&Palette {
        panel: Some((Color::Rgb(0xd4, 0xd9, 0xe3), Color::Rgb(0x1d, 0x21, 0x2b))),
        faint: Color::Rgb(0x86, 0x90, 0xa3),
        blue: Color::Rgb(0x5b, 0x9d, 0xf5),
        green: Color::Rgb(0x76, 0xc8, 0x83),
        yellow: Color::Rgb(0xe8, 0xb8, 0x4a),
        red: Color::Rgb(0xf2, 0x6d, 0x6d),
        cyan: Color::Rgb(0x58, 0xc4, 0xd2),
        on_cold: Color::Rgb(0x10, 0x13, 0x1a),
        on_warm: Color::Rgb(0x10, 0x13, 0x1a),
    })
}

fn light() -> Theme {
    theme(&Palette {
        panel: Some((Color::Rgb(0x24, 0x29, 0x32), Color::Rgb(0xee, 0xf0, 0xf4))),
        faint: Color::Rgb(0x63, 0x6c, 0x7a),
        blue: Color::Rgb(0x1f, 0x5f, 0xc9),
        green: Color::Rgb(0x1c, 0x7a, 0x35),
        yellow: Color::Rgb(0x8f, 0x62, 0x00),
        red: Color::Rgb(0xbd, 0x26, 0x2e),
        cyan: Color::Rgb(0x0b, 0x6f, 0x83),
        on_cold: Color::Rgb(0xff, 0xff, 0xff),
        on_warm: Color::Rgb(0xff, 0xff, 0xff),
    })
}

/// Pure colours on black, and nothing that is faint.
fn contrast() -> Theme {
    let white = Color::Rgb(0xff, 0xff, 0xff);
    let black = Color::Rgb(0, 0, 0);
    theme(&Palette {
        panel: Some((white, black)),
        faint: white,
        blue: Color::Rgb(0x6c, 0xb4, 0xff),
        green: Color::Rgb(0x00, 0xff, 0x66),
        yellow: Color::Rgb(0xff, 0xff, 0x00),
        red: Color::Rgb(0xff, 0x70, 0x70),
        cyan: Color::Rgb(0x00, 0xff, 0xff),
        on_cold: black,
        on_warm: black,
    })
}

fn theme(palette: &Palette) -> Theme {
    let Palette { faint, blue, green, yellow, red, cyan, on_cold, on_warm, .. } = *palette;
    let plain = Look::default();
    let bold = |look: Look| Look { attributes: look.attributes | Modifier::BOLD, ..look };
    let letters = |colour| Look { letters: Some(colour), ..plain };
    let chip = |ink, colour| bold(Look { letters: Some(ink), ground: Some(colour), ..plain });
    let reversed = Look { attributes: Modifier::REVERSED, ..plain };
    let panel = palette.panel.map_or(plain, |(ink, ground)| Look {
        letters: Some(ink),
        ground: Some(ground),
        ..plain
    });
    let look = |part| match part {
        Part::Text => plain,
        Part::Faint | Part::Stopped => letters(faint),
        Part::Strong => bold(plain),
        Part::Key => bold(letters(cyan)),
        Part::Navigate => chip(on_cold, blue),
        Part::Input => chip(on_warm, green),
        Part::Focus => bold(letters(blue)),
        Part::FocusInput => bold(letters(green)),
        Part::Attention | Part::WarningBar => chip(on_warm, yellow),
        Part::Running | Part::Added => letters(green),
        Part::Creating | Part::Hunk => letters(cyan),
        Part::Removed => letters(red),
        Part::Paused => letters(yellow),
        Part::Failed | Part::Error => bold(letters(red)),
        Part::ErrorBar => chip(on_cold, red),
        Part::Bar => reversed,
        Part::Chosen => bold(reversed),
        Part::Dialog | Part::Status => panel,
    };
    Theme { looks: PARTS.map(|(part, _)| look(part)) }
}
