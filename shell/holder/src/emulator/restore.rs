//! Brings a terminal to the state that a snapshot tells, private commands included.
//!
//! A snapshot may come from a broken or hostile holder: every number in it is checked against the terminal it is for.

use std::io::Write as _;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::Processor;
use ccells_core::limits::CLUSTER_CHARS;

use super::Emulator;
use super::scan::Unit;

/// How a private command begins.
pub(super) const LAYOUT: &str = "\x1b]7701;";
/// The same within the command.
const LAYOUT_PAYLOAD: &[u8] = b"7701;";
/// What a patch may say of a cell's shape.
const SHAPE: Flags = Flags::WRAPLINE
    .union(Flags::WIDE_CHAR)
    .union(Flags::WIDE_CHAR_SPACER)
    .union(Flags::LEADING_WIDE_CHAR_SPACER);

impl Emulator {
    /// Takes a piece of a snapshot. Other than by [`Emulator::feed`], its private commands are obeyed.
    pub fn restore(&mut self, piece: &[u8]) {
        self.guard(|emulator| {
            let mut scanner = std::mem::take(&mut emulator.scanner);
            scanner.scan(piece, |unit| match unit {
                Unit::Osc { payload, .. } if payload.starts_with(LAYOUT_PAYLOAD) => {
                    // One that makes no sense changes nothing.
                    let _ = emulator.obey(&payload[LAYOUT_PAYLOAD.len()..]);
                }
                Unit::Osc { .. } | Unit::Plain(_) | Unit::Csi(_) | Unit::Question(_) => emulator.apply(unit),
            });
            emulator.scanner = scanner;
        });
    }

    fn obey(&mut self, command: &[u8]) -> Option<()> {
        let mut words = std::str::from_utf8(command).ok()?.split(';');
        match words.next()? {
            "p" => self.place_cursor(words.next()?, words.next()?, words.next()?),
            "c" => self.patch(words.next()?, words.next()?, words.next()?),
            "w" => {
                let (line, last) = (self.term.grid().cursor.point.line, self.term.columns() - 1);
                self.term.grid_mut()[line][Column(last)].flags.insert(Flags::WRAPLINE);
                Some(())
            }
            "r" => {
                // A new parser has printed nothing yet.
                self.parser = Processor::new();
                self.shadow.last = None;
                self.print_aside(character(words.next()?)?)
            }
            "h" => {
                self.shadow.links = words.next()?.parse().ok()?;
                Some(())
            }
            _ => None,
        }
    }

    fn place_cursor(&mut self, line: &str, column: &str, needs_wrap: &str) -> Option<()> {
        let line: i32 = line.parse().ok()?;
        let column: usize = column.parse().ok()?;
        let is_inside = (0..=self.term.bottommost_line().0).contains(&line) && column < self.term.columns();
        is_inside.then_some(())?;
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.line = Line(line);
        cursor.point.column = Column(column);
        cursor.input_needs_wrap = needs_wrap == "1";
        Some(())
    }

    /// Gives a cell of the cursor's row its characters and shape; its looks it has already.
    fn patch(&mut self, column: &str, shape: &str, characters: &str) -> Option<()> {
        let column: usize = column.parse().ok().filter(|column| *column < self.term.columns())?;
        let shape = Flags::from_bits(u16::from_str_radix(shape, 16).ok()?)?.intersection(SHAPE);
        let mut characters = characters.split(',').take(CLUSTER_CHARS).map(character);
        let line = self.term.grid().cursor.point.line;
        let cell = &mut self.term.grid_mut()[line][Column(column)];
        cell.c = characters.next()??;
        cell.flags.insert(shape);
        for mark in characters {
            cell.push_zerowidth(mark?);
        }
        Some(())
    }

    /// Makes a character the one printed last, and leaves the grid as it was.
    fn print_aside(&mut self, c: char) -> Option<()> {
        let (row, cursor) = (self.term.grid()[Line(0)].clone(), self.term.grid().cursor.clone());
        self.place_cursor("0", "0", "0")?;
        // Printing over half a wide character would change the row above.
        for column in 0..self.term.columns() {
            self.term.grid_mut()[Line(0)][Column(column)] = Cell::default();
        }
        self.advance(c.encode_utf8(&mut [0; 4]).as_bytes());
        let grid = self.term.grid_mut();
        grid[Line(0)] = row;
        grid.cursor = cursor;
        Some(())
    }
}

/// A character that a cell may hold: none that would command the terminal around us.
fn character(hexadecimal: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(hexadecimal, 16).ok()?).filter(|c| !c.is_control())
}

/// The command that gives a cell what printing cannot.
pub(super) fn put_patch(out: &mut Vec<u8>, column: usize, cell: &Cell) {
    let shape = cell.flags.intersection(SHAPE).bits();
    write!(out, "{LAYOUT}c;{column};{shape:x};{:x}", u32::from(cell.c)).expect("a Vec takes every byte");
    for mark in cell.zerowidth().unwrap_or_default() {
        write!(out, ",{:x}", u32::from(*mark)).expect("a Vec takes every byte");
    }
    out.extend(b"\x1b\\");
}
