//! What every [`Clock`] must do.

use ccells_core::ports::Clock;
use ccells_core::time::Wall;

/// A clock to try, and what is needed to try it.
pub(crate) trait World {
    /// The clock.
    fn clock(&self) -> &impl Clock;
    /// What the wall clock is by other means than the clock's.
    fn wall(&self) -> Wall;
    /// Lets this much time pass, or more.
    fn let_pass(&self, ms: u64);
}

/// All cases, for a runner to name each as a test.
macro_rules! clock_cases {
    ($runner:ident) => {
        $runner!(waiting_time_never_goes_back);
        $runner!(waiting_time_passes);
        $runner!(the_wall_is_what_others_read);
    };
}
pub(crate) use clock_cases;

/// How often a clock is read in a row.
const READINGS: usize = 10_000;
/// How far two readings of the wall may be apart on a machine that is very busy.
const NEAR_MS: u64 = 5_000;

pub(crate) fn waiting_time_never_goes_back(world: &impl World) {
    let mut last = world.clock().now().mono;
    for reading in 0..READINGS {
        if reading % 1_000 == 0 {
            world.let_pass(1);
        }
        let next = world.clock().now().mono;
        assert!(next >= last, "from {last:?} to {next:?}");
        last = next;
    }
}

pub(crate) fn waiting_time_passes(world: &impl World) {
    let before = world.clock().now().mono;
    world.let_pass(50);
    let passed = world.clock().now().mono.since(before);
    assert!((50..50 + NEAR_MS).contains(&passed), "{passed} ms");
}

pub(crate) fn the_wall_is_what_others_read(world: &impl World) {
    for _ in 0..3 {
        let (ours, theirs) = (world.clock().now().wall, world.wall());
        assert!(ours.0.abs_diff(theirs.0) < NEAR_MS, "{ours} here, {theirs} there");
        world.let_pass(20);
    }
}
