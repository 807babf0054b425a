//! The table: medians of the rounds, what ours is of each peer's, and whether that is what was aimed at.

use std::fmt::Write as _;

use crate::peers::Peer;

/// What is aimed at.
pub(crate) struct Goal {
    /// In words.
    pub(crate) words: &'static str,
    /// Whether it is reached; nothing where those it speaks of were not measured.
    pub(crate) is_met: fn(&Medians) -> Option<bool>,
}

/// The medians of one row, by the names of their columns.
pub(crate) struct Medians(Vec<(&'static str, f64)>);

impl Medians {
    /// That of a column.
    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// That of ours.
    pub(crate) fn ours(&self) -> Option<f64> {
        self.of(Peer::Ccells.name())
    }
}

/// Prints one row: the median of every peer, the ratios of ours to the others', and the verdict.
pub(crate) fn tell(what: &str, peers: &[Peer], rounds: &[Vec<f64>], goal: Option<&Goal>) {
    tell_with(what, peers, &[], rounds, goal);
}

/// The same with more columns behind those of the peers.
pub(crate) fn tell_with(
    what: &str,
    peers: &[Peer],
    more: &[&'static str],
    rounds: &[Vec<f64>],
    goal: Option<&Goal>,
) {
    let names = peers.iter().map(|peer| peer.name()).chain(more.iter().copied());
    let medians = Medians(names.zip(rounds.iter().map(|rounds| median(rounds))).collect());
    let mut line = format!("{what:<36}");
    for (name, value) in &medians.0 {
        let _ = write!(line, "  {name} {value:.2}");
    }
    // What is told in brackets is a part of ours, and of nothing there is no multiple.
    let is_other =
        |name: &str, value: f64| name != Peer::Ccells.name() && !name.starts_with('(') && value > 0.0;
    for (name, value) in medians.0.iter().filter(|(name, value)| is_other(name, *value)) {
        let Some(ours) = medians.ours() else { break };
        let _ = write!(line, "  ours/{name} {:.2}", ours / value);
    }
    println!("{line}{}", verdict(goal, &medians));
}

fn verdict(goal: Option<&Goal>, medians: &Medians) -> String {
    let Some(goal) = goal else { return String::new() };
    let verdict = match (goal.is_met)(medians) {
        Some(true) => "",
        Some(false) => "  missed",
        None => "  not measured here",
    };
    format!("  goal {}{verdict}", goal.words)
}

/// Prints what ours is of the slower of what bounds it: the bare terminal, which comes first in `rounds`, and the emulator
/// alone, which comes last.
pub(crate) fn tell_share(what: &str, peers: &[Peer], rounds: &[Vec<f64>]) {
    let of = |wanted: Peer| peers.iter().position(|peer| *peer == wanted).map(|index| median(&rounds[index]));
    let (Some(bare), Some(ours), Some(alone)) = (of(Peer::Bare), of(Peer::Ccells), rounds.last()) else {
        return;
    };
    let share = ours / bare.min(median(alone));
    let title = format!("{what}: ours of what is possible");
    println!("{title:<36}  {share:.2}  goal >= 0.60{}", if share >= 0.6 { "" } else { "  missed" });
}

pub(crate) fn median(rounds: &[f64]) -> f64 {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}
