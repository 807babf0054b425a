//! Rows of a terminal in a few bytes a cell: text in UTF-8, and marks where its looks change. Reading a row back gives
//! the very cells that were put in.

use std::collections::VecDeque;
use std::sync::Arc;

use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Rgb};

/// Rows that are dropped together, and copied when somebody looks back while they are being filled.
const CHUNK_ROWS: usize = 256;
/// From this many equal cells on it is shorter to say how many.
const SHORTEST_RUN: usize = 4;

/// The marks between characters. No cell holds a control character but the tab.
const LOOKS: u8 = 1;
const ADORNED: u8 = 2;
const WIDE: u8 = 3;
const MARKS: u8 = 4;
const RUN: u8 = 5;
const WIDE_MARKS: u8 = 6;
const LITERAL: u8 = 7;

/// How a colour is told: below this a colour with a name, and then these.
const INDEXED: u8 = 0x40;
const DIRECT: u8 = 0x41;
const NO_COLOUR: u8 = 0x42;

/// One row: its cells without the blank ones at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The cells.
    pub cells: Vec<Cell>,
    /// How many columns the terminal had.
    pub columns: usize,
    /// Whether the line goes on in the next row.
    pub is_wrapped: bool,
}

impl Row {
    /// Takes a row of a grid.
    pub fn of(cells: &[Cell]) -> Self {
        let (used, is_wrapped) = measure(cells);
        let mut row = Self { cells: cells[..used].to_vec(), columns: cells.len(), is_wrapped };
        if let Some(last) = row.cells.get_mut(cells.len() - 1) {
            last.flags.remove(Flags::WRAPLINE);
        }
        row
    }
}

/// How many cells of a row say anything, and whether its line goes on.
fn measure(cells: &[Cell]) -> (usize, bool) {
    let is_wrapped = cells.last().is_some_and(|last| last.flags.contains(Flags::WRAPLINE));
    let last = cells.len() - 1;
    let is_said = |(column, cell): (usize, &Cell)| !is_blank(cell, is_wrapped && column == last);
    let used = cells.iter().enumerate().rposition(is_said).map_or(0, |column| column + 1);
    (used, is_wrapped)
}

fn is_blank(cell: &Cell, is_wrapped_last: bool) -> bool {
    let flags = if is_wrapped_last { cell.flags - Flags::WRAPLINE } else { cell.flags };
    cell.c == ' '
        && flags.is_empty()
        && cell.fg == Color::Named(NamedColor::Foreground)
        && cell.bg == Color::Named(NamedColor::Background)
        && cell.extra.is_none()
}

/// Packed rows, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    chunks: VecDeque<Arc<Chunk>>,
    open: Chunk,
    /// Rows of the oldest chunk that are dropped already.
    skipped: usize,
    rows: usize,
    bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<u32>,
    links: Vec<Hyperlink>,
    link_bytes: usize,
}

impl Packed {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How much memory they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes + self.open.size()
    }

    /// Adds the newest row.
    pub fn push(&mut self, cells: &[Cell]) {
        self.open.push(cells);
        self.rows += 1;
        if self.open.ends.len() == CHUNK_ROWS {
            let mut chunk = std::mem::take(&mut self.open);
            chunk.bytes.shrink_to_fit();
            chunk.links.shrink_to_fit();
            self.bytes += chunk.size();
            self.chunks.push_back(Arc::new(chunk));
        }
    }

    /// Drops the oldest until there are at most so many rows, and at most so many bytes.
    pub fn trim(&mut self, rows: usize, bytes: usize) {
        while let Some(oldest) = self.chunks.front() {
            let live = oldest.ends.len() - self.skipped;
            if self.rows.saturating_sub(live) < rows && self.bytes() <= bytes {
                break;
            }
            self.bytes -= oldest.size();
            self.rows -= live;
            self.skipped = 0;
            self.chunks.pop_front();
        }
        let excess = self.rows.saturating_sub(rows);
        self.skipped += excess;
        self.rows -= excess;
        if self.rows == 0 {
            self.clear();
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rows, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Row> {
        let chunks = self.chunks.iter().map(AsRef::as_ref).chain([&self.open]);
        chunks.flat_map(|chunk| (0..chunk.ends.len()).map(|place| chunk.row(place))).skip(self.skipped)
    }
}

impl Chunk {
    fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len() + self.link_bytes
    }

    fn row(&self, place: usize) -> Row {
        let end = |place: usize| self.ends[place] as usize;
        let begin = place.checked_sub(1).map_or(0, end);
        Reader { rest: &self.bytes[begin..end(place)], links: &self.links }.row()
    }

    fn push(&mut self, cells: &[Cell]) {
        let (used, is_wrapped) = measure(cells);
        self.put_number(cells.len() << 1 | usize::from(is_wrapped));
        let mut looks = Looks::default();
        let mut column = 0;
        while column < used {
            let cell = &cells[column];
            let spacer = cells.get(column + 1).filter(|spacer| is_spacer_of(cell, spacer));
            let mut flags = cell.flags;
            flags.set(Flags::WIDE_CHAR, flags.contains(Flags::WIDE_CHAR) && spacer.is_none());
            if column + 1 == cells.len() {
                flags.remove(Flags::WRAPLINE);
            }
            self.put_looks(cell, flags, &mut looks);
            if spacer.is_some() {
                self.bytes.push(WIDE);
            }
            self.put_char(cell.c);
            column += 1 + usize::from(spacer.is_some());
            if let Some(marks) = cell.zerowidth().filter(|marks| !marks.is_empty()) {
                self.bytes.push(if spacer.is_some() { WIDE_MARKS } else { MARKS });
                self.put_number(marks.len());
                for mark in marks {
                    self.put_number(u32::from(*mark) as usize);
                }
            } else if spacer.is_none() && cell.extra.is_none() {
                column += self.put_run(cell, &cells[column..used]);
            }
        }
        let end = u32::try_from(self.bytes.len()).expect("a chunk of rows that fit a screen is below 4 GB");
        self.ends.push(end);
    }

    /// Tells how many of the cells that follow are the same, when that is shorter, and how many they are.
    fn put_run(&mut self, cell: &Cell, following: &[Cell]) -> usize {
        let is_same = |next: &&Cell| {
            next.c == cell.c
                && next.flags == cell.flags
                && next.fg == cell.fg
                && next.bg == cell.bg
                && next.extra.is_none()
        };
        let run = following.iter().take_while(is_same).count();
        if run < SHORTEST_RUN {
            return 0;
        }
        self.bytes.push(RUN);
        self.put_number(run);
        run
    }

    fn put_looks(&mut self, cell: &Cell, flags: Flags, looks: &mut Looks) {
        if (looks.fg, looks.bg, looks.flags) != (cell.fg, cell.bg, flags) {
            (looks.fg, looks.bg, looks.flags) = (cell.fg, cell.bg, flags);
            self.bytes.push(LOOKS);
            self.bytes.extend(flags.bits().to_le_bytes());
            self.put_colour(cell.fg);
            self.put_colour(cell.bg);
        }
        if cell.extra.is_none() && !looks.is_adorned {
            return;
        }
        let (underline, link) = (cell.underline_color(), cell.hyperlink());
        if (&looks.underline, &looks.link) != (&underline, &link) {
            self.bytes.push(ADORNED);
            match underline {
                Some(colour) => self.put_colour(colour),
                None => self.bytes.push(NO_COLOUR),
            }
            let number = link.as_ref().map_or(0, |link| self.number_of(link));
            self.put_number(number);
            looks.is_adorned = underline.is_some() || link.is_some();
            (looks.underline, looks.link) = (underline, link);
        }
    }

    /// The number of a link, counted from one.
    fn number_of(&mut self, link: &Hyperlink) -> usize {
        // The same link is most often the last one.
        let known = self.links.iter().rposition(|known| known == link);
        known.map_or_else(
            || {
                self.link_bytes += link.id().len() + link.uri().len() + size_of::<Hyperlink>();
                self.links.push(link.clone());
                self.links.len()
            },
            |place| place + 1,
        )
    }

    fn put_char(&mut self, c: char) {
        if u32::from(c) <= u32::from(LITERAL) {
            self.bytes.push(LITERAL);
        }
        self.bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn put_number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }

    fn put_colour(&mut self, colour: Color) {
        match colour {
            Color::Named(name) => {
                let place = NAMES.iter().position(|known| *known == name);
                self.bytes.push(place.expect("the list has every name").to_le_bytes()[0]);
            }
            Color::Indexed(index) => self.bytes.extend([INDEXED, index]),
            Color::Spec(Rgb { r, g, b }) => self.bytes.extend([DIRECT, r, g, b]),
        }
    }
}

/// Whether `spacer` is the other half of `cell`, and says nothing of its own.
fn is_spacer_of(cell: &Cell, spacer: &Cell) -> bool {
    cell.flags.contains(Flags::WIDE_CHAR)
        && spacer.c == ' '
        && spacer.flags == (cell.flags - Flags::WIDE_CHAR) | Flags::WIDE_CHAR_SPACER
        && (spacer.fg, spacer.bg) == (cell.fg, cell.bg)
        && spacer.zerowidth().unwrap_or_default().is_empty()
        && spacer.underline_color() == cell.underline_color()
        && spacer.hyperlink() == cell.hyperlink()
}

/// How the cells look that are being told.
#[derive(Clone)]
struct Looks {
    fg: Color,
    bg: Color,
    flags: Flags,
    is_adorned: bool,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Looks {
    fn default() -> Self {
        let Cell { fg, bg, .. } = Cell::default();
        Self { fg, bg, flags: Flags::empty(), is_adorned: false, underline: None, link: None }
    }
}

impl Looks {
    fn cell(&self, c: char) -> Cell {
        let mut cell = Cell { c, fg: self.fg, bg: self.bg, flags: self.flags, extra: None };
        if self.is_adorned {
            cell.set_underline_color(self.underline);
            cell.set_hyperlink(self.link.clone());
        }
        cell
    }
}

/// Reads what a chunk has put. It is our own memory, so what does not read is a defect of ours.
struct Reader<'a> {
    rest: &'a [u8],
    links: &'a [Hyperlink],
}

impl Reader<'_> {
    fn row(mut self) -> Row {
        let head = self.number();
        let mut row = Row { cells: Vec::new(), columns: head >> 1, is_wrapped: head & 1 == 1 };
        row.cells.reserve_exact(self.rest.len().min(row.columns));
        let mut looks = Looks::default();
        while let Some(first) = self.rest.first() {
            match *first {
                LOOKS => {
                    self.byte();
                    looks.flags = Flags::from_bits_retain(u16::from_le_bytes([self.byte(), self.byte()]));
                    (looks.fg, looks.bg) = (self.some_colour(), self.some_colour());
                }
                ADORNED => {
                    self.byte();
                    looks.underline = self.colour();
                    looks.link = self.number().checked_sub(1).map(|place| self.links[place].clone());
                    looks.is_adorned = looks.underline.is_some() || looks.link.is_some();
                }
                WIDE => {
                    self.byte();
                    let c = self.character();
                    let (mut cell, mut spacer) = (looks.cell(c), looks.cell(' '));
                    cell.flags.insert(Flags::WIDE_CHAR);
                    spacer.flags.insert(Flags::WIDE_CHAR_SPACER);
                    row.cells.extend([cell, spacer]);
                }
                MARKS => {
                    self.byte();
                    self.marks(row.cells.last_mut());
                }
                // The other half of the character is there already.
                WIDE_MARKS => {
                    self.byte();
                    self.marks(row.cells.iter_mut().nth_back(1));
                }
                RUN => {
                    self.byte();
                    let count = self.number();
                    let cell = row.cells.last().expect(OURS).clone();
                    row.cells.extend(std::iter::repeat_n(cell, count));
                }
                LITERAL => {
                    self.byte();
                    let c = char::from(self.byte());
                    row.cells.push(looks.cell(c));
                }
                byte if byte < 0x80 => {
                    self.byte();
                    row.cells.push(looks.cell(char::from(byte)));
                }
                _ => {
                    let c = self.character();
                    row.cells.push(looks.cell(c));
                }
            }
        }
        row
    }

    fn marks(&mut self, cell: Option<&mut Cell>) {
        let cell = cell.expect(OURS);
        for _ in 0..self.number() {
            let mark = u32::try_from(self.number()).ok().and_then(char::from_u32);
            cell.push_zerowidth(mark.expect(OURS));
        }
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().expect(OURS);
        self.rest = rest;
        *first
    }

    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn character(&mut self) -> char {
        let length = match self.rest.first().expect(OURS) {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
        };
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()).expect(OURS)
    }

    fn colour(&mut self) -> Option<Color> {
        match self.byte() {
            INDEXED => Some(Color::Indexed(self.byte())),
            DIRECT => Some(Color::Spec(Rgb { r: self.byte(), g: self.byte(), b: self.byte() })),
            NO_COLOUR => None,
            name => Some(Color::Named(NAMES[usize::from(name)])),
        }
    }

    fn some_colour(&mut self) -> Color {
        self.colour().expect(OURS)
    }
}

/// Why reading cannot fail.
const OURS: &str = "what was packed here is read here";

/// Every colour with a name.
const NAMES: [NamedColor; 29] = [
    NamedColor::Foreground,
    NamedColor::Background,
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
    NamedColor::Cursor,
    NamedColor::DimBlack,
    NamedColor::DimRed,
    NamedColor::DimGreen,
    NamedColor::DimYellow,
    NamedColor::DimBlue,
    NamedColor::DimMagenta,
    NamedColor::DimCyan,
    NamedColor::DimWhite,
    NamedColor::BrightForeground,
    NamedColor::DimForeground,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(c: char, count: usize) -> Vec<Cell> {
        vec![Cell { c, ..Cell::default() }; count]
    }

    fn text(row: &Row) -> String {
        row.cells.iter().map(|cell| cell.c).collect()
    }

    #[test]
    fn a_row_reads_back_as_it_was() {
        let mut cells = cells(' ', 12);
        for (cell, c) in cells.iter_mut().zip("a\u{1}\té日  xx".chars()) {
            cell.c = c;
        }
        cells[0].fg = Color::Spec(Rgb { r: 1, g: 2, b: 3 });
        cells[0].flags = Flags::BOLD | Flags::UNDERCURL;
        cells[0].set_underline_color(Some(Color::Indexed(9)));
        cells[3].push_zerowidth('\u{301}');
        cells[3].set_hyperlink(Some(Hyperlink::new(Some("id"), "https://example.org".to_owned())));
        cells[4].flags = Flags::WIDE_CHAR;
        cells[4].push_zerowidth('\u{fe0f}');
        cells[5].flags = Flags::WIDE_CHAR_SPACER;
        cells[6].flags = Flags::LEADING_WIDE_CHAR_SPACER;
        cells[9].bg = Color::Named(NamedColor::BrightForeground);
        cells[11].flags = Flags::WRAPLINE;
        let mut packed = Packed::default();
        packed.push(&cells);
        let rows: Vec<Row> = packed.iter().collect();
        assert_eq!(rows, [Row::of(&cells)]);
        assert!(rows[0].is_wrapped && rows[0].columns == 12 && rows[0].cells.len() == 10);
    }

    #[test]
    fn the_oldest_rows_go_first_one_by_one() {
        let mut packed = Packed::default();
        for number in 0..1_000_u32 {
            packed.push(&cells(char::from_u32(0x4e00 + number).expect("a character"), 3));
            packed.trim(300, usize::MAX);
        }
        assert_eq!(packed.len(), 300);
        let first: Vec<String> = packed.iter().take(2).map(|row| text(&row)).collect();
        let expected =
            |number: u32| char::from_u32(0x4e00 + number).expect("a character").to_string().repeat(3);
        assert_eq!(first, [expected(700), expected(701)]);
        assert_eq!(packed.iter().last().map(|row| text(&row)), Some(expected(999)));
        packed.trim(300, 1);
        assert!(packed.bytes() < 4_096, "only the chunk that is being filled is left: {}", packed.bytes());
        packed.trim(0, usize::MAX);
        assert!(packed.is_empty() && packed.iter().next().is_none());
    }

    #[test]
    fn equal_cells_cost_next_to_nothing() {
        let mut packed = Packed::default();
        packed.push(&cells('─', 1_000));
        assert!(packed.bytes() < 20, "{}", packed.bytes());
        assert_eq!(text(&packed.iter().next().expect("a row")), "─".repeat(1_000));
    }
}
