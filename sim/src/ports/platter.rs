//! What lies on the simulated disk: what processes see of each file and directory, what is durable of it, and what a
//! power cut leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use ccells_core::ports::{FileError, FileOp};

use crate::choice::Choices;

/// How much of what was not synced a power cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// As much as is drawn: of each directory's changes and of each file's bytes a prefix survives.
    Drawn,
    /// All of it.
    Everything,
}

#[derive(Clone, Debug, Hash)]
pub(super) enum Node {
    Directory(Listing),
    File(Content),
}

/// Directories reach the platter independently of each other, each with its changes in order.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Listing {
    /// What processes see.
    pub(super) names: BTreeMap<String, u64>,
    /// What is on the platter.
    pub(super) durable: BTreeMap<String, u64>,
    /// What happened since, oldest first.
    pub(super) log: Vec<Change>,
}

#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Content {
    /// What processes read.
    pub(super) bytes: Vec<u8>,
    /// What is on the platter; `bytes` begins with it unless a sync failed.
    pub(super) durable: Vec<u8>,
    /// Ranges whose bytes were thrown away when a sync failed: the kernel shows them and will never write
    /// them.
    pub(super) dropped: Vec<(usize, usize)>,
    pub(super) has_failed_sync: bool,
}

/// A change of the names in one directory.
#[derive(Clone, Debug, Hash)]
pub(super) enum Change {
    Add(String, u64),
    Remove(String),
    Move(String, String),
}

impl Listing {
    /// Changes what processes see.
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.log.push(change);
    }

    /// Makes all changes durable.
    pub(super) fn sync(&mut self) {
        for change in self.log.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Hashes names and changes with these numbers in place of the nodes' own.
    pub(super) fn hash_with(&self, numbers: &BTreeMap<u64, usize>, hasher: &mut impl Hasher) {
        for names in [&self.names, &self.durable] {
            names.len().hash(hasher);
            for (name, node) in names {
                (name, numbers.get(node)).hash(hasher);
            }
        }
        for change in &self.log {
            match change {
                Change::Add(name, node) => (0, name, numbers.get(node)).hash(hasher),
                Change::Remove(name) => (1, name).hash(hasher),
                Change::Move(from, to) => (2, from, to).hash(hasher),
            }
        }
    }

    /// Of the changes a prefix survives.
    pub(super) fn lose_power(&mut self, choices: &Choices, loss: Loss) {
        if self.log.is_empty() {
            return;
        }
        let all = u32::try_from(self.log.len()).unwrap_or(u32::MAX - 1);
        let lost = match loss {
            Loss::Everything => self.log.len(),
            Loss::Drawn => choices.below("disk", all + 1) as usize,
        };
        let kept = self.log.len() - lost;
        for change in self.log.drain(..).take(kept) {
            change.apply(&mut self.durable);
        }
        self.names.clone_from(&self.durable);
    }
}

impl Change {
    /// The node that gets a name.
    pub(super) fn added(&self) -> Option<u64> {
        match self {
            Self::Add(_, node) => Some(*node),
            Self::Remove(_) | Self::Move(..) => None,
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Add(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Move(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl Content {
    /// Of the bytes beyond the last sync any prefix survives; the rest is missing, or is zeros as of a block
    /// that was allocated and never written.
    pub(super) fn lose_power(&mut self, choices: &Choices, loss: Loss) {
        let mut bytes = self.bytes.clone();
        for (from, to) in &self.dropped {
            bytes[*from..*to].fill(0);
        }
        let dirty = u32::try_from(bytes.len() - self.durable.len()).unwrap_or(u32::MAX - 1);
        if dirty > 0 {
            let lost = match loss {
                Loss::Everything => dirty as usize,
                Loss::Drawn => choices.below("disk", dirty + 1) as usize,
            };
            let kept = bytes.len() - lost;
            if loss == Loss::Drawn && choices.chance("disk", 2_500) {
                bytes[kept..].fill(0);
            } else {
                bytes.truncate(kept);
            }
        }
        // What a sync made durable stays, whatever was dropped before it.
        bytes[..self.durable.len()].copy_from_slice(&self.durable);
        *self = Self { durable: bytes.clone(), bytes, ..Self::default() };
    }
}

/// What can be reached from these nodes, now or after a power cut, in an order that follows from the names alone.
pub(super) fn reach(nodes: &BTreeMap<u64, Node>, from: Vec<u64>) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    let mut to_visit = from;
    while let Some(number) = to_visit.pop() {
        if !seen.insert(number) {
            continue;
        }
        order.push(number);
        if let Some(Node::Directory(listing)) = nodes.get(&number) {
            let added = listing.log.iter().filter_map(Change::added);
            to_visit.extend(listing.names.values().chain(listing.durable.values()).copied().chain(added));
        }
    }
    order
}

/// Hashes what is there from `root` on, and not the numbers it happens to have.
pub(super) fn hash_tree(nodes: &BTreeMap<u64, Node>, root: u64, hasher: &mut impl Hasher) {
    let order = reach(nodes, vec![root]);
    let numbers: BTreeMap<u64, usize> = order.iter().copied().zip(0..).collect();
    for number in &order {
        match &nodes[number] {
            Node::Directory(listing) => listing.hash_with(&numbers, hasher),
            Node::File(content) => content.hash(hasher),
        }
    }
}

/// Which errors of a disk an operation can have.
pub(super) fn can_fail_with(op: &FileOp, error: &FileError) -> bool {
    let (takes_space, writes) = match op {
        FileOp::MakeDir(_)
        | FileOp::CreateNew(_)
        | FileOp::Append(..)
        | FileOp::Link(..)
        | FileOp::Rename(..)
        | FileOp::TryLock(_) => (true, true),
        // Space is found for some bytes only when they go to the device.
        FileOp::SyncFile(_) => (true, false),
        FileOp::Unlink(_) => (false, true),
        FileOp::Read(_) | FileOp::List(_) | FileOp::SyncDir(_) => (false, false),
        FileOp::Unlock(_) => return false,
    };
    match error {
        FileError::NoSpace => takes_space,
        // A descriptor that is open stays good.
        FileError::Denied => writes && !matches!(op, FileOp::Append(..) | FileOp::SyncFile(_)),
        FileError::ReadOnly => writes,
        FileError::NotFound | FileError::Exists | FileError::Locked | FileError::Unfit | FileError::Io(_) => {
            true
        }
    }
}
