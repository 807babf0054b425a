//! The engine's adapter on the real engine: the contract, and what only a real engine can show.

use crate::contract::engine::{self as contract, cases};
use crate::harness::Camp;

macro_rules! on_the_real_engine {
    ($case:ident) => {
        #[tokio::test]
        async fn $case() {
            let Some(camp) = Camp::pitch() else { return };
            contract::$case(&camp).await;
            camp.engine.close().await;
            assert_eq!((camp.engine.open_streams(), camp.engine.live_tasks()), (0, 0));
        }
    };
}

cases!(on_the_real_engine);
