//! The table: medians of the rounds, and what ours is of each peer's.

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
        line.push_str(&format!("  {name} {value:.2}"));
    }
    for (name, value) in medians.iter().filter(|(name, _)| *name != Peer::Ccells.name()) {
        line.push_str(&format!("  ours/{name} {:.2}", ours / value));
    }
    println!("{line}");
}

fn median(rounds: &[f64]) -> f64 {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}
