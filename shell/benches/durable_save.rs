//! How long a durable save takes, held against the least that could do: write, sync, rename, sync. Both take
//! turns on the same directory in one run, so that the disk's mood is the same for both. `cargo bench -p
//! ccells --bench durable_save`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use ccells_core::ids::PathText;
use ccells_core::store::{Keep, Replace, run};
use ccells_shell::adapters::files::RealFiles;

const ROUNDS: u64 = 2_000;
const BYTES: usize = 4_000;
/// What the whole protocol may cost at most, as a multiple of the bare calls at the median.
const TARGET: f64 = 1.2;

fn main() -> io::Result<()> {
    let place = tempfile::tempdir()?;
    let mut out = io::stdout();
    writeln!(out, "{ROUNDS} saves of {BYTES} bytes in {}, taking turns", place.path().display())?;
    for keep in [Keep::None, Keep::One, Keep::Two] {
        let (bare, ours) = measure(&place.path().join(format!("{keep:?}")), keep)?;
        let ratio = |at: f64| quantile(&ours, at).as_secs_f64() / quantile(&bare, at).as_secs_f64();
        writeln!(
            out,
            "keep {keep:?}: bare p50 {:?} p99 {:?}, ours p50 {:?} p99 {:?}, ratio p50 {:.2} (target {TARGET}) p99 {:.2}",
            quantile(&bare, 0.5),
            quantile(&bare, 0.99),
            quantile(&ours, 0.5),
            quantile(&ours, 0.99),
            ratio(0.5),
            ratio(0.99),
        )?;
    }
    Ok(())
}

fn measure(place: &Path, keep: Keep) -> io::Result<(Vec<Duration>, Vec<Duration>)> {
    fs::create_dir(place)?;
    let mut files = RealFiles::new();
    let target = PathText(place.join("ours.json").to_string_lossy().into_owned());
    let bytes = vec![b'x'; BYTES];
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for nonce in 0..ROUNDS {
        let save_ours = |ours: &mut Vec<Duration>, files: &mut RealFiles| {
            let started = Instant::now();
            let saved =
                run(files, Replace::new(target.clone(), bytes.clone(), nonce, std::process::id(), keep));
            ours.push(started.elapsed());
            saved.map_err(io::Error::other)
        };
        // Who goes first changes, so that neither always finds the journal as the other left it.
        if nonce % 2 == 0 {
            save_ours(&mut ours, &mut files)?;
        }
        let started = Instant::now();
        save_bare(place, &bytes)?;
        bare.push(started.elapsed());
        if nonce % 2 == 1 {
            save_ours(&mut ours, &mut files)?;
        }
    }
    bare.sort();
    ours.sort();
    Ok((bare, ours))
}

fn save_bare(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = place.join("bare.tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, place.join("bare.json"))?;
    File::open(place)?.sync_all()
}

fn quantile(sorted: &[Duration], at: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (sorted.len() as f64 * at) as usize;
    sorted[index.min(sorted.len() - 1)]
}
