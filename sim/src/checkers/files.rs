//! R3, R5, R21: a write that failed left the version before it, a sync that failed is not asked for again, and lock
//! files stay where they are.

use ccells_core::event::Event;
use ccells_core::ids::PathText;
use ccells_core::ports::FileOp;

use super::durable;
use crate::world::World;

/// Checks what is there after a write that is about to be called a failure.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others say nothing about a write that failed")]
pub fn failed(world: &mut World, process: usize, event: &Event) {
    let run = &world.processes[process];
    if run.is_damaged(&world.oracle) {
        return;
    }
    let whole = |path: PathText| world.disk.look(&path, false, is_whole).unwrap_or(true);
    let wrong = match event {
        Event::IntentWritten { workstream, outcome: Err(_), .. } => {
            (!whole(run.places.intent(workstream))).then(|| format!("the intent of {workstream} is torn"))
        }
        Event::ContainerTracked { outcome: Err(_), .. }
        | Event::ContainerUntracked { outcome: Err(_), .. } => {
            (!whole(run.places.index())).then(|| "the index is torn".to_string())
        }
        Event::StateSaved { generation, outcome: Err(why) } => {
            let there = world.disk.look(&run.state(), false, durable::generation);
            match there {
                Some(None) => Some("the state is torn".to_string()),
                Some(Some(there)) if why.starts_with("not saved") && there >= *generation => {
                    Some(format!("generation {} is called not saved, and it is there", generation.0))
                }
                Some(Some(_)) | None => None,
            }
        }
        _ => None,
    };
    if let Some(text) = wrong {
        world.fail("R3", format!("p{process}: a write failed, and {text}"));
    }
}

/// Checks that no lock file goes: its lock would be another's. Only that of a dead run may, by who has got it: nobody
/// makes a run of that name again.
pub fn before_op(world: &mut World, process: usize, op: &FileOp) {
    let gone = match op {
        FileOp::Unlink(path) => path,
        FileOp::Rename(from, _) if is_lock(from) => from,
        FileOp::Rename(_, to) => to,
        FileOp::MakeDir(_)
        | FileOp::Read(_)
        | FileOp::List(_)
        | FileOp::CreateNew(_)
        | FileOp::Append(..)
        | FileOp::SyncFile(_)
        | FileOp::Link(..)
        | FileOp::SyncDir(_)
        | FileOp::TryLock(_)
        | FileOp::Unlock(_) => return,
    };
    let run = &world.processes[process];
    let is_a_dead_runs = gone.as_str().starts_with(run.places.runs().as_str()) && run.files.holds(gone);
    if is_lock(gone) && !is_a_dead_runs {
        world.fail("R21", format!("p{process} takes the lock file {gone} away"));
    }
}

/// At the end of a world: nobody believed a sync that followed one that had failed.
pub fn at_the_end(world: &mut World) {
    if world.disk.has_repeated_a_failed_sync() {
        world.fail("R5", "a file whose sync had failed was synced again".to_string());
    }
}

fn is_lock(path: &PathText) -> bool {
    path.as_str().ends_with(".lock")
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{") && bytes.ends_with(b"}\n")
}
