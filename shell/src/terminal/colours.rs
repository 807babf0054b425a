//! How many colours a terminal can show, and the nearest of them to one that it cannot.

use ratatui::style::Color;

/// What the six steps of the colour cube are.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
/// The sixteen colours as most terminals show them, to find the nearest.
const SIXTEEN: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];
/// Terminals that show every colour and do not always say so.
const RICH: [&str; 6] = ["xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot", "contour"];

/// How many colours there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: the terminal has none, or the user wants none.
    None,
    /// The sixteen of the terminal's own theme.
    Sixteen,
    /// Those and a cube and a ramp of greys.
    Indexed,
    /// All.
    #[default]
    All,
}

impl Depth {
    /// What the environment, in which `variable` looks, says of the terminal and of the user's wish.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).unwrap_or_default();
        let (term, colours) = (get("TERM"), get("COLORTERM").to_lowercase());
        if !get("NO_COLOR").is_empty() || term == "dumb" {
            Self::None
        } else if matches!(colours.as_str(), "truecolor" | "24bit")
            || term.ends_with("-direct")
            || RICH.iter().any(|rich| term.starts_with(rich))
        {
            Self::All
        } else if term.contains("256col") || !colours.is_empty() {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// `colour`, or the nearest to it that there is.
    pub fn reduce(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::All, _) | (_, Color::Reset) => colour,
            (Self::None, _) => Color::Reset,
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(indexed((r, g, b))),
            (Self::Sixteen, Color::Rgb(r, g, b)) => Color::Indexed(nearest((r, g, b))),
            (Self::Sixteen, Color::Indexed(index @ 16..)) => Color::Indexed(nearest(shown(index))),
            (Self::Indexed | Self::Sixteen, _) => colour,
        }
    }
}

/// The nearest of the cube and the greys.
fn indexed(colour: (u8, u8, u8)) -> u8 {
    let step = |value: u8| {
        let near = |step: &usize| value.abs_diff(STEPS[*step]);
        (0..STEPS.len()).min_by_key(near).and_then(|step| u8::try_from(step).ok()).unwrap_or(0)
    };
    let cube = 16 + 36 * step(colour.0) + 6 * step(colour.1) + step(colour.2);
    let grey = (232..=255).min_by_key(|index| distance(colour, shown(*index))).unwrap_or(232);
    if distance(colour, shown(grey)) < distance(colour, shown(cube)) { grey } else { cube }
}

/// The nearest of the sixteen.
fn nearest(colour: (u8, u8, u8)) -> u8 {
    let near = |index: &u8| distance(colour, SIXTEEN[usize::from(*index)]);
    (0..16).min_by_key(near).unwrap_or(0)
}

/// What a colour of the 256 looks like.
fn shown(index: u8) -> (u8, u8, u8) {
    match index {
        0..16 => SIXTEEN[usize::from(index)],
        16..232 => {
            let cube = usize::from(index - 16);
            (STEPS[cube / 36], STEPS[cube / 6 % 6], STEPS[cube % 6])
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

/// How far apart two colours look: the eye is keenest for green and least keen for blue.
fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8, weight: u32| weight * u32::from(a.abs_diff(b)).pow(2);
    part(a.0, b.0, 3) + part(a.1, b.1, 4) + part(a.2, b.2, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(variables: &[(&str, &str)]) -> Depth {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Depth::detect(|name| find(name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn the_environment_tells_what_there_is() {
        for (variables, depth) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], Depth::All),
            (&[("TERM", "xterm-kitty")], Depth::All),
            (&[("TERM", "xterm-direct")], Depth::All),
            (&[("TERM", "screen-256color")], Depth::Indexed),
            (&[("TERM", "linux")], Depth::Sixteen),
            (&[], Depth::Sixteen),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::None),
            (&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")], Depth::None),
            (&[("TERM", "xterm-kitty"), ("NO_COLOR", "")], Depth::All),
        ] {
            assert_eq!(detected(variables), depth, "{variables:?}");
        }
    }

    #[test]
    fn the_nearest_colour_is_found() {
        let few = |colour| Depth::Sixteen.reduce(colour);
        assert_eq!(few(Color::Rgb(250, 10, 10)), Color::Indexed(9));
        assert_eq!(few(Color::Rgb(0, 0, 0)), Color::Indexed(0));
        assert_eq!(few(Color::Indexed(196)), Color::Indexed(9));
        assert_eq!((few(Color::Indexed(3)), few(Color::Reset)), (Color::Indexed(3), Color::Reset));
        let more = |colour| Depth::Indexed.reduce(colour);
        assert_eq!(more(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(more(Color::Rgb(128, 128, 128)), Color::Indexed(244));
        assert_eq!(more(Color::Indexed(200)), Color::Indexed(200));
        assert_eq!(Depth::None.reduce(Color::Red), Color::Reset);
    }

    #[test]
    fn a_colour_that_is_there_already_is_itself() {
        for index in 16..=255_u8 {
            let (r, g, b) = shown(index);
            let Color::Indexed(found) = Depth::Indexed.reduce(Color::Rgb(r, g, b)) else {
                panic!("a colour of the 256")
            };
            assert_eq!(shown(found), (r, g, b), "{index}");
        }
    }
}
