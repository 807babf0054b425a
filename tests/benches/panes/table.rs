//! The table: medians of the rounds, and what ours is of each peer's.

use std::fmt::Write as _;

use crate::peers::Peer;

/// Prints one line: the median of every peer, and the ratios of ours to the others'.
pub(crate) fn tell(what: &str, peers: &[Peer], rounds: &[Vec<f64>]) {
    tell_with(what, peers, &[], rounds);
}

/// The same with more columns behind those of the peers.
pub(crate) fn tell_with(what: &str, peers: &[Peer], more: &[&str], rounds: &[Vec<f64>]) {
    let names = peers.iter().map(|peer| peer.name()).chain(more.iter().copied());
    let medians: Vec<(&str, f64)> = names.zip(rounds.iter().map(|rounds| median(rounds))).collect();
    let ours = medians.iter().find(|(name, _)| *name == Peer::Ccells.name()).map_or(0.0, |(_, value)| *value);
    let mut line = format!("{what:<36}");
    for (name, value) in &medians {
        let _ = write!(line, "  {name} {value:.2}");
    }
    for (name, value) in medians.iter().filter(|(name, _)| *name != Peer::Ccells.name()) {
        let _ = write!(line, "  ours/{name} {:.2}", ours / value);
    }
    println!("{line}");
}

/// Prints what ours is of the slower of what bounds it: the bare terminal, which comes first in `rounds`, and the emulator
/// alone, which comes last.
pub(crate) fn tell_share(what: &str, peers: &[Peer], rounds: &[Vec<f64>]) {
    let of = |wanted: Peer| peers.iter().position(|peer| *peer == wanted).map(|index| median(&rounds[index]));
    let (Some(bare), Some(ours), Some(alone)) = (of(Peer::Bare), of(Peer::Ccells), rounds.last()) else {
        return;
    };
    let bound = bare.min(median(alone));
    let title = format!("{what}: ours of what is possible");
    println!("{title:<36}  {:.2}", ours / bound);
}

fn median(rounds: &[f64]) -> f64 {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}
