//! The same targets under `libFuzzer`, which follows the coverage. `CCELLS_FUZZ_TARGET` names the one to run.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<ccells_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("CCELLS_FUZZ_TARGET").unwrap_or_default();
    ccells_fuzz::target(&name).unwrap_or_else(|| panic!("CCELLS_FUZZ_TARGET: there is no target `{name}`"))
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
