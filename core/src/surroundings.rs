//! What the terminal around a session is like, as far as programs ask about it: its colours, and what it can tell of keys.

use core::fmt;

/// What a session shows the agent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether it tells when a key is repeated, and when it is let go.
    pub has_key_events: bool,
    /// The colour of text: red, green and blue; `None` when it does not say.
    pub foreground: Option<[u8; 3]>,
    /// The colour behind it.
    pub background: Option<[u8; 3]>,
}

impl Surroundings {
    /// All of it in 56 bits.
    pub fn to_number(self) -> u64 {
        let flag = |is_on: bool, bit: u64| if is_on { 1 << bit } else { 0 };
        let colour = |colour: Option<[u8; 3]>| {
            colour.unwrap_or_default().iter().fold(0, |all, part| all << 8 | u64::from(*part))
        };
        let flags = flag(self.has_key_events, 48)
            | flag(self.foreground.is_some(), 49)
            | flag(self.background.is_some(), 50);
        flags | colour(self.foreground) << 24 | colour(self.background)
    }

    /// What [`Surroundings::to_number`] made a number of. Bits without a meaning are left to later versions.
    pub fn from_number(number: u64) -> Self {
        let [_, flags, red, green, blue, rest @ ..] = number.to_be_bytes();
        let colour = |bit: u8, colour: [u8; 3]| (flags & 1 << bit != 0).then_some(colour);
        Self {
            has_key_events: flags & 1 != 0,
            foreground: colour(1, [red, green, blue]),
            background: colour(2, rest),
        }
    }

    /// Whether dark text on a light ground suits it.
    pub fn is_light(self) -> bool {
        // The eye sees most of its light in green and least in blue.
        self.background.is_some_and(|[red, green, blue]| {
            299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) > 127_500
        })
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { has_key_events, foreground, background } = self;
        write!(f, "text {foreground:?} on {background:?}")?;
        f.write_str(if *has_key_events { ", with key events" } else { "" })
    }
}
