//! One picture of a run, drawn as often as asked, without the loop around it: for measuring what a frame costs.

use std::sync::Arc;

use ccells_core::snapshot::Snapshot;
use ccells_core::time::Mono;

use super::model::Model;
use super::msg::Msg;
use super::update::update;
use super::{Panes, Preferences, Screen, view};

/// The picture, and the screen it is drawn on.
pub struct Still {
    screen: Screen,
    model: Model,
}

impl Still {
    /// Takes `screen` for `snapshot`.
    pub fn new(mut screen: Screen, snapshot: Snapshot) -> Self {
        let now = Mono(1);
        let mut model = Model::new(screen.size(), Preferences::default(), now);
        // What the model wishes for is nobody's concern here.
        let _wishes = update(&mut model, Msg::Snapshot(Arc::new(snapshot)), now);
        screen.take().expect("nothing is asked of the system");
        Self { screen, model }
    }

    /// Draws the whole picture as it is now.
    pub fn draw(&mut self, panes: &dyn Panes) {
        let model = &self.model;
        self.screen.draw(|buffer| view::draw(buffer, model, panes));
    }

    /// Waits until what was drawn is out.
    pub fn settle(&self) {
        while !self.screen.is_idle() {
            std::thread::yield_now();
        }
    }
}
