//! R25: no state is written down that a container was never in.

use ccells_core::effect::Effect;
use ccells_core::tracking::Delta;

use crate::world::World;

/// Checks what is about to be written into the index.
pub fn before_effect(world: &mut World, effect: &Effect) {
    let Effect::TrackContainer { delta, .. } = effect else { return };
    let Delta::Track(entry) = &**delta else { return };
    let Some(container) = world.engine.by_id(&entry.container_id) else { return };
    if !container.past.iter().any(|state| state.as_str() == entry.state) {
        let text = format!("{} is written down as {}, which it never was", entry.name, entry.state);
        world.fail("R25", text);
    }
}
