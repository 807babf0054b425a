//! Runs a target on inputs without end until one of them makes it fail, and makes that one small.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Target;
use crate::mutate::Mutator;

/// Runs spent on making a failing input small.
const SHRINKING: usize = 2_000;

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// So many inputs: the same ones for the same seed.
    Executions(u64),
    /// So long.
    Time(Duration),
}

/// What was looked at, and what was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Inputs that were run.
    pub executions: u64,
    /// How long it took.
    pub took: Duration,
    /// The first failure.
    pub failure: Option<Failure>,
}

/// An input that makes a target fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The input, made small.
    pub input: Vec<u8>,
    /// What the target said.
    pub words: String,
}

/// The last panic of any thread: a task may die in silence, and that is a failure too.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// From now on panics are remembered and not printed.
pub fn listen() {
    panic::set_hook(Box::new(|panic| {
        let words = words(panic.payload());
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        lock().get_or_insert(format!("{place}: {words}"));
    }));
}

/// Runs `target` on one input. Fails when anything panics on the way, in whatever thread or task; for that
/// [`listen`] has to have been called.
pub fn execute(target: Target, input: &[u8]) -> Result<(), String> {
    lock().take();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| target(input)));
    match (lock().take(), outcome) {
        (Some(words), _) => Err(words),
        (None, Err(payload)) => Err(words(&*payload)),
        (None, Ok(())) => Ok(()),
    }
}

/// Runs `target` on inputs made of `corpus` by `seed`, the corpus itself first. `note` is told of each before it is run.
pub fn hunt(
    target: Target,
    corpus: Vec<Vec<u8>>,
    seed: u64,
    budget: Budget,
    mut note: impl FnMut(u64, &[u8]),
) -> Report {
    let began = Instant::now();
    let mut known = corpus.clone().into_iter();
    let mut mutator = Mutator::new(corpus, seed);
    let mut executions = 0;
    while !is_spent(budget, executions, began) {
        let input = known.next().unwrap_or_else(|| mutator.make());
        executions += 1;
        note(executions, &input);
        if let Err(words) = execute(target, &input) {
            let failure = shrink(target, Failure { input, words }, |input| note(executions, input));
            return Report { executions, took: began.elapsed(), failure: Some(failure) };
        }
    }
    Report { executions, took: began.elapsed(), failure: None }
}

fn is_spent(budget: Budget, executions: u64, began: Instant) -> bool {
    match budget {
        Budget::Executions(count) => executions >= count,
        // The clock is not free.
        Budget::Time(time) => executions.is_multiple_of(16) && executions > 0 && began.elapsed() >= time,
    }
}

/// Leaves out of the input whatever it fails without.
fn shrink(target: Target, mut failure: Failure, mut note: impl FnMut(&[u8])) -> Failure {
    let mut size = failure.input.len() / 2;
    let mut tries = 0;
    while size > 0 && tries < SHRINKING {
        let mut at = 0;
        while at + size <= failure.input.len() && tries < SHRINKING {
            let mut smaller = failure.input.clone();
            smaller.drain(at..at + size);
            tries += 1;
            note(&smaller);
            match execute(target, &smaller) {
                Err(words) => failure = Failure { input: smaller, words },
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    failure
}

/// The inputs in a directory, by name.
pub fn corpus(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.sort();
    files.into_iter().map(|file| Ok((file.clone(), fs::read(file)?))).collect()
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

fn lock() -> std::sync::MutexGuard<'static, Option<String>> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner)
}
