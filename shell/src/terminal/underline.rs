//! How a cell is underlined, beyond whether it is. It is carried in those bits of a cell's attributes that nobody else
//! uses, so that cells stay as small as they are and are compared as they were.

use ratatui::style::Modifier;

/// The bits in question. [`Modifier`] names none of them.
const BITS: u16 = 0b111 << SHIFT;
const SHIFT: u16 = 12;

/// The styles, by the number that follows `4:` in the words of terminals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Underline {
    /// One line.
    #[default]
    Single = 1,
    /// Two lines.
    Double = 2,
    /// A wave.
    Curly = 3,
    /// Dots.
    Dotted = 4,
    /// Dashes.
    Dashed = 5,
}

impl Underline {
    /// That of a cell with these attributes; `None` when it is not underlined, whatever its other bits say.
    pub fn of(modifier: Modifier) -> Option<Self> {
        let style = match (modifier.bits() & BITS) >> SHIFT {
            2 => Self::Double,
            3 => Self::Curly,
            4 => Self::Dotted,
            5 => Self::Dashed,
            _ => Self::Single,
        };
        modifier.contains(Modifier::UNDERLINED).then_some(style)
    }

    /// The attributes of a cell that is underlined so.
    pub const fn modifier(self) -> Modifier {
        // One line is what everybody takes an underlined cell for.
        let bits = match self {
            Self::Single => 0,
            Self::Double | Self::Curly | Self::Dotted | Self::Dashed => (self as u16) << SHIFT,
        };
        Modifier::UNDERLINED.union(Modifier::from_bits_retain(bits))
    }

    /// The attributes without the bits that only this file knows.
    pub const fn strip(modifier: Modifier) -> Modifier {
        Modifier::from_bits_retain(modifier.bits() & !BITS)
    }
}

const _: () = assert!(Modifier::all().bits() & BITS == 0, "the library has come to use these bits");
