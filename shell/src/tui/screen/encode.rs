//! Cells become bytes: the shortest way to the next cell, and only what differs of its looks. Colours that the terminal
//! does not have are replaced by the nearest it has.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthChar;

use crate::terminal::underline::Underline;

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// None are to be used.
    Monochrome,
    /// Its own sixteen.
    Sixteen,
    /// The table of 256.
    Table,
    /// All.
    #[default]
    True,
}

impl Depth {
    /// That of the terminal which `environment` (a variable's value by its name) tells of.
    pub fn of(environment: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        let has_true = |name: &&str| term.contains(name);
        match variable("COLORTERM").as_deref() {
            _ if variable("NO_COLOR").is_some() => Self::Monochrome,
            Some("truecolor" | "24bit") => Self::True,
            _ if ["direct", "kitty", "ghostty", "alacritty", "wezterm", "foot"].iter().any(has_true) => {
                Self::True
            }
            _ if term.contains("256color") => Self::Table,
            _ if term == "dumb" || term.starts_with("vt") => Self::Monochrome,
            Some(_) | None => Self::Sixteen,
        }
    }

    /// The nearest colour that there is.
    fn nearest(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::True, _) | (_, Color::Reset) => colour,
            (Self::Monochrome, _) => Color::Reset,
            (Self::Table, Color::Rgb(red, green, blue)) => Color::Indexed(in_table(red, green, blue)),
            (Self::Sixteen, Color::Rgb(red, green, blue)) => in_sixteen(red, green, blue),
            (Self::Sixteen, Color::Indexed(index @ 16..)) => {
                let [red, green, blue] = from_table(index);
                in_sixteen(red, green, blue)
            }
            (Self::Table | Self::Sixteen, _) => colour,
        }
    }
}

/// Which lines a terminal draws under text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Underlines {
    /// One, in the colour of the text.
    Plain,
    /// Five styles, in any colour it has.
    Styled,
}

/// What is part of the name of terminals that draw them all, wherever they run.
const STYLED_TERMS: [&str; 10] =
    ["kitty", "ghostty", "alacritty", "wezterm", "foot", "contour", "mintty", "rio", "vte", "tmux"];
/// What such terminals call themselves where their `TERM` is that of another.
const STYLED_PROGRAMS: [&str; 9] =
    ["iTerm.app", "WezTerm", "ghostty", "kitty", "vscode", "mintty", "rio", "contour", "tmux"];
/// Since 0.52 all terminals of the VTE library draw them.
const STYLED_VTE: u32 = 5_200;
/// Since 22.04 Konsole does.
const STYLED_KONSOLE: u32 = 220_400;

impl Underlines {
    /// Those of the terminal which `environment` tells of. A terminal that is not known to have the styles gets the
    /// plain line: one that does not know the form `4:3` may take it for anything. A tmux turns it into what the
    /// terminal around it has.
    pub(super) fn of(environment: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        let program = variable("TERM_PROGRAM").unwrap_or_default();
        let is_since = |name, version: u32| {
            variable(name).and_then(|value| value.parse::<u32>().ok()).is_some_and(|value| value >= version)
        };
        let is_styled = STYLED_TERMS.iter().any(|name| term.contains(name))
            || STYLED_PROGRAMS.contains(&program.as_str())
            || is_since("VTE_VERSION", STYLED_VTE)
            || is_since("KONSOLE_VERSION", STYLED_KONSOLE)
            || variable("WT_SESSION").is_some();
        // GNU screen hands nothing on, and its windows inherit the variables of the terminal around it.
        let is_screen = term.starts_with("screen") && variable("TMUX").is_none();
        if is_styled && !is_screen { Self::Styled } else { Self::Plain }
    }
}

/// Gathers the bytes of one frame.
#[derive(Debug)]
pub(super) struct Encoder {
    depth: Depth,
    underlines: Underlines,
    /// Where the terminal writes next; `None` when that is not certain.
    at: Option<(u16, u16)>,
    /// How it writes; `None` when that is not certain.
    pen: Option<Pen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
    /// How what is underlined is underlined.
    underline: Underline,
    /// In which colour; that of the text when it is not.
    underline_color: Color,
}

/// Joins the characters beside it into one, on terminals that can.
const JOINER: char = '\u{200d}';

/// What every frame begins with, and SGR 0 leaves.
const PLAIN: Pen = Pen {
    fg: Color::Reset,
    bg: Color::Reset,
    modifier: Modifier::empty(),
    underline: Underline::Single,
    underline_color: Color::Reset,
};

/// The attributes and the parameters that turn them on.
const ATTRIBUTES: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

impl Encoder {
    /// One for a terminal with so many colours and such lines.
    pub(super) fn new(depth: Depth, underlines: Underlines) -> Self {
        Self { depth, underlines, at: None, pen: None }
    }

    /// Begins a frame: whatever the terminal was told meanwhile, nothing is taken for granted.
    pub(super) fn begin(&mut self) {
        (self.at, self.pen) = (None, None);
    }

    /// Writes one cell; `is_narrow` when it takes one column.
    pub(super) fn cell(&mut self, place: (u16, u16), cell: &Cell, is_narrow: bool, out: &mut Vec<u8>) {
        self.cell_of(place, cell, if is_narrow { 1 } else { 2 }, true, out);
    }

    /// Writes one cell of so many columns, and no more of it than has room in them apart, unless it `may_spread`.
    pub(super) fn cell_of(
        &mut self,
        (x, y): (u16, u16),
        cell: &Cell,
        columns: usize,
        may_spread: bool,
        out: &mut Vec<u8>,
    ) {
        if self.at != Some((x, y)) {
            go(self.at, (x, y), out);
        }
        let pen = self.pen_of(cell);
        if self.pen != Some(pen) {
            write_pen(self.pen, pen, out);
            self.pen = Some(pen);
        }
        let symbol = cell.symbol();
        let written = if may_spread { symbol } else { within(symbol, columns) };
        out.extend_from_slice(written.as_bytes());
        self.at = (columns == 1 && is_surely_narrow(symbol)).then_some((x + 1, y));
    }

    /// How a cell is written on this terminal.
    fn pen_of(&self, cell: &Cell) -> Pen {
        let (fg, bg) = (self.depth.nearest(cell.fg), self.depth.nearest(cell.bg));
        let modifier = Underline::strip(cell.modifier);
        match (self.underlines, Underline::of(cell.modifier)) {
            (Underlines::Styled, Some(underline)) => {
                let underline_color = self.depth.nearest(cell.underline_color);
                Pen { fg, bg, modifier, underline, underline_color }
            }
            (Underlines::Plain, _) | (_, None) => Pen { fg, bg, modifier, ..PLAIN },
        }
    }

    /// Goes to a place without writing.
    pub(super) fn go_to(&mut self, place: (u16, u16), out: &mut Vec<u8>) {
        if self.at != Some(place) {
            go(self.at, place, out);
            self.at = Some(place);
        }
    }

    /// The end of a row is no place to go on from: the terminal waits there with its wrap.
    pub(super) fn end_row(&mut self) {
        self.at = None;
    }
}

/// Whether no terminal takes it for anything but one column. After all else the place is told anew, so that
/// a disagreement about a width cannot shift the rest of a row.
fn is_surely_narrow(symbol: &str) -> bool {
    match symbol.as_bytes() {
        [_] => true,
        [0xc2 | 0xc3, _] => true,
        // Lines and blocks, U+2500 to U+259F.
        [0xe2, 0x94 | 0x95, _] => true,
        [0xe2, 0x96, last] => *last <= 0x9f,
        _ => false,
    }
}

fn go(from: Option<(u16, u16)>, (x, y): (u16, u16), out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    match from {
        Some((column, row)) if row == y && column < x => {
            if x - column > 1 {
                number(x - column, out);
            }
            out.push(b'C');
        }
        Some(_) | None => {
            number(y + 1, out);
            out.push(b';');
            number(x + 1, out);
            out.push(b'H');
        }
    }
}

fn write_pen(from: Option<Pen>, to: Pen, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    let start = out.len();
    // What is on and shall not be is turned off together with everything else.
    let from = from.filter(|from| to.modifier.contains(from.modifier)).unwrap_or_else(|| {
        out.extend_from_slice(b"0;");
        PLAIN
    });
    let new = to.modifier.difference(from.modifier);
    if !new.is_empty() {
        for (attribute, parameter) in ATTRIBUTES {
            if attribute == Modifier::UNDERLINED && new.contains(attribute) {
                underline(to.underline, out);
            } else if new.contains(attribute) {
                out.extend_from_slice(&[b'0' + parameter, b';']);
            }
        }
    }
    if to.underline != from.underline && !new.contains(Modifier::UNDERLINED) {
        underline(to.underline, out);
    }
    if to.fg != from.fg {
        colour(to.fg, 30, out);
    }
    if to.bg != from.bg {
        colour(to.bg, 40, out);
    }
    if to.underline_color != from.underline_color {
        underline_colour(to.underline_color, out);
    }
    if out.len() > start {
        out.pop();
    }
    out.push(b'm');
}

/// The parameter that underlines so, with its semicolon.
fn underline(style: Underline, out: &mut Vec<u8>) {
    out.push(b'4');
    if style != Underline::Single {
        out.extend_from_slice(&[b':', b'0' + style as u8]);
    }
    out.push(b';');
}

/// The parameter for the colour of underlines, with its semicolon. Its parts are bound by colons: whoever does not know
/// it skips it whole.
fn underline_colour(colour: Color, out: &mut Vec<u8>) {
    if let Color::Rgb(red, green, blue) = colour {
        out.extend_from_slice(b"58:2:");
        for part in [red, green, blue] {
            out.push(b':');
            number(u16::from(part), out);
        }
    } else if let Color::Indexed(index) = colour {
        out.extend_from_slice(b"58:5:");
        number(u16::from(index), out);
    } else {
        // Panes have no others.
        out.extend_from_slice(b"59");
    }
    out.push(b';');
}

/// The parameters for a colour of the foreground (`base` 30) or the background (40), each with its semicolon.
fn colour(colour: Color, base: u16, out: &mut Vec<u8>) {
    match colour {
        Color::Reset => number(base + 9, out),
        Color::Rgb(red, green, blue) => {
            number(base + 8, out);
            out.extend_from_slice(b";2");
            for part in [red, green, blue] {
                out.push(b';');
                number(u16::from(part), out);
            }
        }
        Color::Indexed(index @ 16..) => {
            number(base + 8, out);
            out.extend_from_slice(b";5;");
            number(u16::from(index), out);
        }
        Color::Indexed(index) => named(index, base, out),
        Color::Black => named(0, base, out),
        Color::Red => named(1, base, out),
        Color::Green => named(2, base, out),
        Color::Yellow => named(3, base, out),
        Color::Blue => named(4, base, out),
        Color::Magenta => named(5, base, out),
        Color::Cyan => named(6, base, out),
        Color::Gray => named(7, base, out),
        Color::DarkGray => named(8, base, out),
        Color::LightRed => named(9, base, out),
        Color::LightGreen => named(10, base, out),
        Color::LightYellow => named(11, base, out),
        Color::LightBlue => named(12, base, out),
        Color::LightMagenta => named(13, base, out),
        Color::LightCyan => named(14, base, out),
        Color::White => named(15, base, out),
    }
    out.push(b';');
}

/// One of the sixteen.
fn named(index: u8, base: u16, out: &mut Vec<u8>) {
    let index = u16::from(index);
    number(if index < 8 { base + index } else { base + 60 + index - 8 }, out);
}

/// Writes a number below a thousand quickly, and any other correctly.
fn number(value: u16, out: &mut Vec<u8>) {
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    match value {
        0..=9 => out.push(digit(value)),
        10..=99 => out.extend_from_slice(&[digit(value / 10), digit(value)]),
        100..=999 => out.extend_from_slice(&[digit(value / 100), digit(value / 10), digit(value)]),
        1_000.. => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

/// The steps of the colour cube in the table of 256.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The sixteen as most terminals show them, to measure distances.
const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

/// The nearest of the cube and the greys.
fn in_table(red: u8, green: u8, blue: u8) -> u8 {
    let wanted = [red, green, blue];
    let step = |value: u8| match value {
        0..48 => 0,
        48..115 => 1,
        _ => (value - 35) / 40,
    };
    let [r, g, b] = wanted.map(step);
    let cube = wanted.map(|value| STEPS[usize::from(step(value))]);
    let mean = u8::try_from((u16::from(red) + u16::from(green) + u16::from(blue)) / 3).unwrap_or(u8::MAX);
    let shade = (mean.saturating_sub(3) / 10).min(23);
    let grey = [8 + 10 * shade; 3];
    if distance(grey, wanted) < distance(cube, wanted) { 232 + shade } else { 16 + 36 * r + 6 * g + b }
}

/// What a place of the table beyond the first sixteen looks like.
fn from_table(index: u8) -> [u8; 3] {
    match index {
        0..16 => SIXTEEN[usize::from(index)],
        16..232 => {
            let place = usize::from(index - 16);
            [STEPS[place / 36], STEPS[place / 6 % 6], STEPS[place % 6]]
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

fn in_sixteen(red: u8, green: u8, blue: u8) -> Color {
    let nearest = (0_u8..16).min_by_key(|index| distance(SIXTEEN[usize::from(*index)], [red, green, blue]));
    Color::Indexed(nearest.unwrap_or(7))
}

/// The start of a symbol that takes no more columns than its cell on a terminal that joins no characters.
fn within(symbol: &str, columns: usize) -> &str {
    let mut taken = 0;
    let is_beyond = |(at, character): &(usize, char)| {
        taken += character.width().unwrap_or(0);
        *at > 0 && taken > columns
    };
    match symbol.char_indices().find(is_beyond) {
        Some((at, _)) => symbol[..at].trim_end_matches(JOINER),
        None => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(depth: Depth, cells: &[(u16, Cell)]) -> String {
        written_on(depth, Underlines::Styled, cells)
    }

    fn written_on(depth: Depth, underlines: Underlines, cells: &[(u16, Cell)]) -> String {
        let (mut encoder, mut out) = (Encoder::new(depth, underlines), Vec::new());
        encoder.begin();
        for (x, cell) in cells {
            encoder.cell((*x, 4), cell, true, &mut out);
        }
        String::from_utf8(out).expect("only text was written").replace('\x1b', "^")
    }

    fn cell(symbol: &'static str, fg: Color, modifier: Modifier) -> Cell {
        let mut cell = Cell::new(symbol);
        (cell.fg, cell.modifier) = (fg, modifier);
        cell
    }

    #[test]
    fn neighbours_of_one_look_are_written_as_text() {
        let plain = |symbol| cell(symbol, Color::Reset, Modifier::empty());
        assert_eq!(
            written(Depth::True, &[(2, plain("a")), (3, plain("│")), (4, plain("b"))]),
            "^[5;3H^[0ma│b"
        );
        assert_eq!(written(Depth::True, &[(2, plain("a")), (7, plain("b"))]), "^[5;3H^[0ma^[4Cb");
        assert_eq!(written(Depth::True, &[(2, plain("✳")), (3, plain("b"))]), "^[5;3H^[0m✳^[5;4Hb");
    }

    /// A terminal that joins nothing would draw the others over the neighbours.
    #[test]
    fn of_characters_that_a_joiner_joins_only_those_are_written_that_have_room_apart() {
        for (symbol, wanted) in [
            ("👩\u{200d}💻", "👩"),
            ("👩\u{200d}👩\u{200d}👩\u{200d}👩", "👩"),
            ("👍🏽", "👍"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("🇩🇪", "🇩🇪"),
            ("日\u{301}", "日\u{301}"),
            ("日", "日"),
        ] {
            assert_eq!(within(symbol, 2), wanted);
        }
        assert_eq!((within("e\u{301}", 1), within("日", 1)), ("e\u{301}", "日"));
    }

    #[test]
    fn only_what_differs_is_told() {
        let bold = cell("a", Color::Indexed(1), Modifier::BOLD);
        let both = cell("b", Color::Indexed(1), Modifier::BOLD | Modifier::ITALIC);
        let none = cell("c", Color::LightBlue, Modifier::empty());
        let cells = [(0, bold), (1, both), (2, none)];
        assert_eq!(written(Depth::True, &cells), "^[5;1H^[0;1;31ma^[3mb^[0;94mc");
    }

    #[test]
    fn underlines_keep_their_style_and_colour_where_the_terminal_has_them() {
        let lined = |symbol, style: Underline, colour| {
            let mut cell = cell(symbol, Color::Reset, style.modifier());
            cell.underline_color = colour;
            cell
        };
        let cells = [
            (0, lined("a", Underline::Single, Color::Reset)),
            (1, lined("b", Underline::Curly, Color::Rgb(1, 2, 3))),
            (2, lined("c", Underline::Double, Color::Indexed(9))),
            (3, lined("d", Underline::Dotted, Color::Indexed(9))),
            (4, lined("e", Underline::Single, Color::Reset)),
            (5, cell("f", Color::Reset, Modifier::empty())),
            (6, lined("g", Underline::Dashed, Color::Reset)),
        ];
        let styled = "^[5;1H^[0;4ma^[4:3;58:2::1:2:3mb^[4:2;58:5:9mc^[4:4md^[4;59me^[0mf^[4:5mg";
        assert_eq!(written(Depth::True, &cells), styled);
        let plain = "^[5;1H^[0;4mabcde^[0mf^[4mg";
        assert_eq!(written_on(Depth::True, Underlines::Plain, &cells), plain);
        // A terminal without colours may have lines of every kind.
        assert_eq!(written(Depth::Monochrome, &cells[..2]), "^[5;1H^[0;4ma^[4:3mb");
    }

    #[test]
    fn the_environment_tells_which_underlines_there_are() {
        let of = |variables: &[(&str, &str)]| {
            Underlines::of(|name| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned()))
        };
        for styled in [
            &[("TERM", "xterm-kitty")][..],
            &[("TERM", "tmux-256color")],
            &[("TERM", "screen-256color"), ("TMUX", "/tmp/x"), ("TERM_PROGRAM", "tmux")],
            &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")],
            &[("TERM", "xterm-256color"), ("VTE_VERSION", "7006")],
            &[("TERM", "xterm-256color"), ("WT_SESSION", "x")],
        ] {
            assert_eq!(of(styled), Underlines::Styled, "{styled:?}");
        }
        for plain in [
            &[("TERM", "xterm-256color")][..],
            &[],
            &[("TERM", "linux")],
            &[("TERM", "xterm-256color"), ("VTE_VERSION", "5002")],
            &[("TERM", "screen-256color"), ("TERM_PROGRAM", "iTerm.app")],
            &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")],
        ] {
            assert_eq!(of(plain), Underlines::Plain, "{plain:?}");
        }
    }

    #[test]
    fn colours_that_are_missing_are_replaced_by_the_nearest() {
        let orange = [(0, cell("a", Color::Rgb(255, 135, 0), Modifier::empty()))];
        assert_eq!(written(Depth::True, &orange), "^[5;1H^[0;38;2;255;135;0ma");
        assert_eq!(written(Depth::Table, &orange), "^[5;1H^[0;38;5;208ma");
        assert_eq!(written(Depth::Sixteen, &orange), "^[5;1H^[0;33ma");
        assert_eq!(written(Depth::Monochrome, &orange), "^[5;1H^[0ma");
        assert_eq!((in_table(18, 18, 18), in_table(255, 255, 255), in_table(0, 0, 0)), (233, 231, 16));
        for index in 16..=255 {
            let [red, green, blue] = from_table(index);
            assert_eq!(from_table(in_table(red, green, blue)), [red, green, blue], "{index}");
        }
    }

    #[test]
    fn the_environment_tells_how_many_colours_there_are() {
        let depth = |variables: &[(&str, &str)]| {
            Depth::of(|name| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned()))
        };
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "xterm-kitty")]), Depth::True);
        assert_eq!(depth(&[("TERM", "screen-256color")]), Depth::Table);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "vt220")]), Depth::Monochrome);
        assert_eq!(depth(&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]), Depth::Monochrome);
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), Depth::Table);
    }
}
