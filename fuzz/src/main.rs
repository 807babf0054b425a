//! `fuzz`: runs targets on inputs made of their corpora, each in a process of its own, and tells what made one fail.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people to read")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use ccells_fuzz::hunt::{self, Budget};
use ccells_fuzz::{TARGETS, Target};
use rustix::process::{Resource, Rlimit, setrlimit};

const USAGE: &str = "\
usage: fuzz [TARGET …] [--seconds S] [--executions N] [--seed N]   every target unless told, 5 seconds each
       fuzz TARGET --replay FILE                                   one input again
       fuzz --list                                                 the targets";

/// Seconds for a target, unless told.
const SECONDS: u64 = 5;
/// An input that takes longer than this hangs.
const HANG: Duration = Duration::from_secs(20);
/// Memory a target may ask for: none of ours needs a tenth of it.
const MEMORY: u64 = 4 << 30;
/// How often a target is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes before the input in the file that tells which one is run: their count, and the number of the run.
const NOTE_HEAD: usize = 16;

#[derive(Debug, Default)]
struct Options {
    targets: Vec<(&'static str, Target)>,
    seconds: Option<u64>,
    executions: Option<u64>,
    seed: Option<u64>,
    replay: Option<PathBuf>,
    is_list: bool,
    /// Whether this is the process that runs the one target.
    is_inner: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match (&options.targets[..], &options.replay) {
        _ if options.is_list => {
            for (name, _) in TARGETS {
                println!("{name}");
            }
            Ok(true)
        }
        ([(_, target)], Some(file)) => replay(*target, file),
        ([(name, target)], None) if options.is_inner => run(name, *target, &options),
        (targets, _) => all(targets, &options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        match word.as_str() {
            "--seconds" => options.seconds = Some(number(value()?)?),
            "--executions" => options.executions = Some(number(value()?)?),
            "--seed" => options.seed = Some(number(value()?)?),
            "--replay" => options.replay = Some(value()?.into()),
            "--list" => options.is_list = true,
            "--inner" => options.is_inner = true,
            name => {
                let known = TARGETS.iter().find(|(known, _)| *known == name);
                options.targets.push(*known.ok_or(format!("{name} is no target and no option"))?);
            }
        }
    }
    if options.replay.is_some() && options.targets.len() != 1 {
        return Err("--replay wants one target".to_owned());
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.to_vec();
    }
    Ok(options)
}

fn replay(target: Target, file: &Path) -> io::Result<bool> {
    let bytes = fs::read(file)?;
    target(&bytes);
    println!("{}: {} bytes do no harm", file.display(), bytes.len());
    Ok(true)
}

/// Runs every target in a process of its own, so that one that aborts, hangs or eats memory is found out as well.
fn all(targets: &[(&'static str, Target)], options: &Options) -> io::Result<bool> {
    fs::create_dir_all(room())?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    println!("seed {seed}");
    let mut is_good = true;
    for (name, _) in targets {
        is_good &= watch(name, seed, options)?;
    }
    Ok(is_good)
}

fn watch(name: &str, seed: u64, options: &Options) -> io::Result<bool> {
    let budget = match options.executions {
        Some(count) => ["--executions".to_owned(), count.to_string()],
        None => ["--seconds".to_owned(), options.seconds.unwrap_or(SECONDS).to_string()],
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.args([name, "--inner", "--seed", &seed.to_string()]).args(budget);
    let mut child = command.spawn()?;
    let what = match wait(name, &mut child)? {
        Some(status) if status.success() => return Ok(true),
        // It told for itself.
        Some(status) if status.code() == Some(1) => return Ok(false),
        Some(status) => format!("ended with {status}"),
        None => format!("did not come to an end within {} s", HANG.as_secs()),
    };
    let (number, input) = read_note(name).unwrap_or_default();
    let file = save(name, &input)?;
    tell(name, &format!("input {number} {what}"), &file);
    Ok(false)
}

/// The end of the child, or `None` when it was ended because one input took too long.
fn wait(name: &str, child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let number = read_note(name).map_or(0, |(number, _)| number);
        if number != last {
            (last, since) = (number, Instant::now());
        }
        if since.elapsed() > HANG {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Runs one target here.
fn run(name: &str, target: Target, options: &Options) -> io::Result<bool> {
    setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) })?;
    let seconds = Budget::Time(Duration::from_secs(options.seconds.unwrap_or(SECONDS)));
    let budget = options.executions.map_or(seconds, Budget::Executions);
    let inputs = hunt::corpus(&corpus_of(name))?.into_iter().map(|(_, bytes)| bytes).collect();
    let note = File::create(note_of(name))?;
    hunt::listen();
    let report = hunt::hunt(target, inputs, options.seed.unwrap_or(1), budget, |number, input| {
        let head = [number.to_le_bytes(), (input.len() as u64).to_le_bytes()].concat();
        // Without it a failure is told without its input, which the seed still makes again.
        let _ = note.write_all_at(&[&head, input].concat(), 0);
    });
    let ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = report.executions * 1_000 / ms;
    println!("{name:18} {:>10} executions in {:>4} s, {rate:>7} a second", report.executions, ms / 1_000);
    if let Some(failure) = &report.failure {
        let file = save(name, &failure.input)?;
        tell(name, &failure.words, &file);
    }
    Ok(report.failure.is_none())
}

fn tell(name: &str, words: &str, file: &Path) {
    println!("FAILED {name}: {words}");
    println!("replay: cargo run -p ccells-fuzz --profile sim -- {name} --replay {}", file.display());
}

/// Keeps an input that made `name` fail.
fn save(name: &str, input: &[u8]) -> io::Result<PathBuf> {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let file = room().join(format!("{name}-{hash:016x}"));
    fs::write(&file, input)?;
    Ok(file)
}

/// The number and the bytes of the input that was run last.
fn read_note(name: &str) -> Option<(u64, Vec<u8>)> {
    let bytes = fs::read(note_of(name)).ok()?;
    let (head, rest) = bytes.split_at_checked(NOTE_HEAD)?;
    let number = |part: &[u8]| Some(u64::from_le_bytes(part.try_into().ok()?));
    let count = usize::try_from(number(&head[8..])?).ok()?;
    Some((number(&head[..8])?, rest.get(..count)?.to_vec()))
}

fn note_of(name: &str) -> PathBuf {
    room().join(format!("{name}.now"))
}

fn corpus_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Where what was found is kept.
fn room() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("fuzz")
}

/// A seed nobody has seen before.
fn fresh_seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_secs() * 1_000_000
}
