//! What the terminal answers to the questions of the program in it, in the order they were asked.

use std::sync::{Arc, Mutex, PoisonError};

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::vte::ansi::{NamedColor, Rgb};
use ccells_core::limits::REPLY_BYTES;
use ccells_core::wire::Surroundings;

/// Width of a cell in the pixels that programs are told of.
pub(super) const CELL_WIDTH: usize = 8;
/// Height of a cell in the pixels that programs are told of.
pub(super) const CELL_HEIGHT: usize = 16;

/// The answers that wait to be sent; deaf in a terminal that only shows.
#[derive(Clone, Debug, Default)]
pub struct Replies(Option<Arc<Mutex<Vec<u8>>>>);

impl Replies {
    /// Of a terminal that answers.
    pub(super) fn answering() -> Self {
        Self(Some(Arc::default()))
    }

    /// Adds an answer. What a program that never reads them asks for is dropped.
    pub(super) fn push(&self, answer: &[u8]) {
        if let Some(waiting) = &self.0 {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() + answer.len() <= REPLY_BYTES {
                waiting.extend(answer);
            }
        }
    }

    /// Takes all answers.
    pub(super) fn take(&self) -> Vec<u8> {
        match &self.0 {
            Some(waiting) => std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Vec::new(),
        }
    }
}

impl EventListener for Replies {
    fn send_event(&self, event: Event) {
        // Everything else that the terminal underneath tells is seen before it gets there.
        if let Event::PtyWrite(answer) = event {
            self.push(answer.as_bytes());
        }
    }
}

/// The name and version a program is told when it asks which terminal this is.
pub(super) fn version() -> String {
    format!("\x1bP>|ccells({})\x1b\\", env!("CARGO_PKG_VERSION"))
}

/// The colour a program is told for one that it has not set: that of the terminal around, or of the 256 usual ones, light
/// grey on black.
pub(super) fn default_color(index: usize, surroundings: Surroundings) -> Rgb {
    const NAMED: [u32; 16] = [
        0x00_0000, 0xcd_0000, 0x00_cd00, 0xcd_cd00, 0x00_00ee, 0xcd_00cd, 0x00_cdcd, 0xe5_e5e5, 0x7f_7f7f,
        0xff_0000, 0x00_ff00, 0xff_ff00, 0x5c_5cff, 0xff_00ff, 0x00_ffff, 0xff_ffff,
    ];
    const FOREGROUND: usize = NamedColor::Foreground as usize;
    const BACKGROUND: usize = NamedColor::Background as usize;
    const CURSOR: usize = NamedColor::Cursor as usize;
    let told = |colour: Option<[u8; 3]>, usual: u8| {
        let [r, g, b] = colour.unwrap_or([usual; 3]);
        Rgb { r, g, b }
    };
    let step = |level: usize| if level == 0 { 0 } else { 55 + 40 * level };
    let rgb = |r: usize, g: usize, b: usize| {
        let byte = |level: usize| u8::try_from(level).unwrap_or(u8::MAX);
        Rgb { r: byte(r), g: byte(g), b: byte(b) }
    };
    match index {
        0..16 => {
            let [_, r, g, b] = NAMED[index].to_be_bytes();
            Rgb { r, g, b }
        }
        16..232 => rgb(step((index - 16) / 36), step((index - 16) / 6 % 6), step((index - 16) % 6)),
        232..256 => rgb(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)),
        FOREGROUND | CURSOR => told(surroundings.foreground, 0xe5),
        BACKGROUND => told(surroundings.background, 0),
        _ => rgb(0, 0, 0),
    }
}
