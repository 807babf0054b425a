//! A few short stories, each told again and again with a crash at every single point: before every file operation, every
//! step of git, every effect, every event, and around every arrival at the engine. After each the world must recover.

use ccells_core::event::{Ask, OnQuit, Purpose};
use ccells_core::ids::WorkstreamId;

use crate::campaign::{self, Report};
use crate::canary::Planted;
use crate::choice::Choices;
use crate::world::{CrashAt, World};

/// A story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// A workstream is made.
    Create,
    /// One is taken away.
    Destroy,
    /// One is frozen and goes on.
    Pause,
    /// A run ends, and the next one takes up what it left.
    Quit,
    /// A run dies while it makes a workstream, and the next one recovers: crashes come there too.
    Recover,
    /// A run dies while it takes a workstream away, and the next one recovers.
    RecoverDestroy,
}

impl Story {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Destroy, Self::Pause, Self::Quit, Self::Recover, Self::RecoverDestroy];

    /// How many points it has where a crash can come.
    pub fn points(self) -> u64 {
        let mut world = Self::world(None, 0);
        self.tell(&mut world);
        world.points
    }

    /// Tells it with a crash at one point, and lets the world recover. `seed` decides what a power cut takes.
    pub fn with_crash(self, at: CrashAt, seed: u64, keeps_lines: bool) -> Report {
        let mut world = Self::world(Some(at), seed);
        if keeps_lines {
            world.keep_lines();
        }
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.tell(&mut world);
            campaign::calm(&mut world);
        }));
        campaign::report(world, told.err())
    }

    fn world(at: Option<CrashAt>, seed: u64) -> World {
        let mut world = World::calm(Choices::seeded(seed), Planted::Nothing);
        world.crash_at = at;
        world
    }

    fn tell(self, world: &mut World) {
        let Some(id) = begin(world) else { return };
        match self {
            Self::Create => {}
            Self::Destroy => {
                wish(world, Ask::Remove { workstream: id, is_forced: true, keep_branch: false });
            }
            Self::Pause => {
                wish(world, Ask::Pause(id.clone()));
                wish(world, Ask::Resume(id));
            }
            Self::Quit => {
                wish(world, Ask::Quit { policy: OnQuit::PauseAll });
                world.start(0, Purpose::Interactive);
                pass(world, 2_000);
            }
            Self::Recover => {
                let ask = Ask::New(Box::new(world.new_workstream()));
                wish_and_die(world, ask, 140);
            }
            Self::RecoverDestroy => {
                wish_and_die(world, Ask::Remove { workstream: id, is_forced: true, keep_branch: false }, 60);
            }
        }
    }
}

/// A run with one workstream, whose agent has done something.
fn begin(world: &mut World) -> Option<WorkstreamId> {
    world.start(0, Purpose::Interactive)?;
    pass(world, 500);
    let wanted = world.new_workstream();
    let id = wanted.id.clone();
    wish(world, Ask::New(Box::new(wanted)));
    world.git.work(&id, false);
    Some(id)
}

fn wish(world: &mut World, ask: Ask) {
    if let Some(process) = world.writer_at(0) {
        world.ask(process, ask);
    }
    pass(world, 3_000);
}

/// The run dies in the middle of it, and another one starts.
fn wish_and_die(world: &mut World, ask: Ask, after_ms: u64) {
    if let Some(process) = world.writer_at(0) {
        world.ask(process, ask);
        pass(world, after_ms);
        world.kill(process);
    }
    world.start(0, Purpose::Interactive);
    pass(world, 3_000);
}

fn pass(world: &mut World, ms: u64) {
    let until = world.now + ms;
    world.run_until(until);
}
