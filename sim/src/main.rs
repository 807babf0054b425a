//! `sim`: runs simulated worlds, many of them or one, and tells what went wrong in which.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people to read")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ccells_sim::campaign::{self, Report, Tally};
use ccells_sim::canary::{self, Planted};
use ccells_sim::choice::{Choices, Record};
use ccells_sim::cluster::campaign::{Shown, Wanted};
use ccells_sim::cluster::slips;
use ccells_sim::corpus::Head;
use ccells_sim::exhaustive::{self, Path as Crashes, Story, Telling};
use ccells_sim::proofs::{self, Proof};
use ccells_sim::{coverage, shrink, trace};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: sim [--seeds N] [--from SEED] [--minutes M]   many worlds (1,000 from a fresh seed unless told)
       sim --replay SEED|FILE [--trace] [--shrink]   one world again
       sim --plant NAME [--only CHECKER] [--shrink]  worlds until a planted fault is found; with --replay: in that world
       sim --coverage                                with the table of what must come to pass sometimes
       sim --canaries [--only NAME]                  every planted fault must be found within its limit, and every
                                                     checker must be turned red by one
       sim --determinism                             every world twice here and once more elsewhere
       sim --exhaustive [--deep] [--only STORY]      a crash at every point of a list of short stories, and, two deep,
                                                     another one at every point of the recovery that follows; with
                                                     --plant NAME: with a planted fault in the program
       sim --turmoil [--scenario NAME] [--trace] [--determinism] [--plant NAME]
                                                     the production shell in a simulated network
       sim --turmoil --canaries                      every planted fault of the shell must be found there, and every
                                                     checker of the network be turned red by one";

/// Worlds, unless told.
const SEEDS: u64 = 1_000;
/// Seeds of each scenario of the cluster, unless told.
const CLUSTER_SEEDS: u64 = 10;
/// Runs spent on making a failure small.
const SHRINKING: u32 = 1_500;
/// Hits after which a planted fault is measured well enough.
const MEASURED: usize = 30;
/// Failures after which a campaign ends.
const ENOUGH: usize = 20;

#[derive(Debug, Default)]
struct Options {
    seeds: Option<u64>,
    from: Option<u64>,
    minutes: Option<u64>,
    replay: Option<String>,
    only: Option<String>,
    planted: Planted,
    planted_in_cluster: slips::Planted,
    is_traced: bool,
    is_shrunk: bool,
    canaries: bool,
    coverage: bool,
    determinism: bool,
    exhaustive: bool,
    is_deep: bool,
    fingerprints: bool,
    turmoil: bool,
    scenario: Option<String>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Panics of a world are reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let is_good = if let Some(what) = &options.replay {
        replay(what, &options)
    } else if options.turmoil {
        cluster(&options)
    } else if options.canaries {
        canaries(&options)
    } else if options.determinism {
        determinism(&options)
    } else if options.exhaustive {
        tell_stories(&options)
    } else if options.fingerprints {
        fingerprints(&options);
        true
    } else {
        many(&options)
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut plant = None;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        match word.as_str() {
            "--seeds" => options.seeds = Some(number(value()?)?),
            "--from" => options.from = Some(number(value()?)?),
            "--minutes" => options.minutes = Some(number(value()?)?),
            "--replay" => options.replay = Some(value()?),
            "--only" => options.only = Some(value()?),
            "--plant" => plant = Some(value()?),
            "--trace" => options.is_traced = true,
            "--shrink" => options.is_shrunk = true,
            "--canaries" => options.canaries = true,
            "--coverage" => options.coverage = true,
            "--determinism" => options.determinism = true,
            "--exhaustive" => options.exhaustive = true,
            "--deep" => options.is_deep = true,
            "--fingerprints" => options.fingerprints = true,
            "--turmoil" => options.turmoil = true,
            "--scenario" => options.scenario = Some(value()?),
            other => return Err(format!("{other} is not known")),
        }
    }
    if let Some(name) = plant {
        let unknown = format!("nothing named {name} can be planted there");
        if options.turmoil {
            options.planted_in_cluster = slips::Planted::named(&name).ok_or(unknown)?;
        } else {
            options.planted = Planted::named(&name).ok_or(unknown)?;
        }
    }
    Ok(options)
}

/// A seed nobody has seen before.
fn fresh_seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_secs() * 1_000_000
}

fn many(options: &Options) -> bool {
    let planted = options.planted;
    let from = options.from.unwrap_or_else(fresh_seed);
    let until = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let seeds = options.seeds.unwrap_or(if until.is_some() { u64::MAX / 2 } else { SEEDS });
    println!("worlds from seed {from}, commit {}", commit());
    let began = Instant::now();
    let is_wanted = |invariant: &str| options.only.as_ref().is_none_or(|only| only == invariant);
    if let Some(only) =
        options.only.as_ref().filter(|only| !proofs::all().iter().any(|it| it.checker == **only))
    {
        println!(
            "no checker is called {only}; they are {}",
            proofs::all().iter().map(|it| it.checker).collect::<Vec<_>>().join(", ")
        );
        return false;
    }
    let enough = if planted == Planted::Nothing { ENOUGH } else { 1 };
    let (tally, failures) = campaign_of(from, seeds, until, planted, enough, is_wanted);
    for (seed, report) in &failures {
        tell_failure(&seed.to_string(), report, planted, options.is_shrunk);
    }
    tell_tally(&tally, began.elapsed());
    let mut is_good = failures.is_empty() && tally.worlds > 0;
    if options.coverage {
        print!("{}", coverage::table(&tally));
        for (row, count) in coverage::missing(&tally) {
            println!("too seldom: {row} ({count} of {} worlds)", tally.worlds);
            is_good = false;
        }
    }
    is_good
}

fn tell_tally(tally: &Tally, took: Duration) {
    println!(
        "{} worlds, {} simulated hours, {} steps, {:.1} s",
        tally.worlds,
        tally.simulated_ms / 3_600_000,
        tally.steps,
        took.as_secs_f64()
    );
    let a_second = |count: u64| u128::from(count) * 1_000 / took.as_millis().max(1);
    let busy = busy_ms().map_or_else(String::new, |busy| {
        let hundredths = busy * 100 / tally.worlds.max(1);
        format!(", {}.{:02} ms of processor a world", hundredths / 100, hundredths % 100)
    });
    println!(
        "{} worlds a second, {} simulated seconds a second{busy}",
        a_second(tally.worlds),
        a_second(tally.simulated_ms / 1_000)
    );
}

/// How long this program has kept processors busy, where the kernel says so.
fn busy_ms() -> Option<u64> {
    const TICK_MS: u64 = 10;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some((times.next()?.ok()? + times.next()?.ok()?) * TICK_MS)
}

/// What `act` makes of each seed, in their order, made on all cores.
fn of_each<T: Send>(from: u64, seeds: u64, act: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(from);
    let made = Mutex::new(BTreeMap::new());
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= from + seeds {
            break;
        }
        let one = act(seed);
        made.lock().expect("nothing panics with the map in hand").insert(seed, one);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(work);
        }
    });
    made.into_inner().expect("all threads have ended").into_values().collect()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs worlds on all cores; what failed by a checker that is wanted comes in the order of seeds.
fn campaign_of(
    from: u64,
    seeds: u64,
    until: Option<Instant>,
    planted: Planted,
    enough: usize,
    is_wanted: impl Fn(&str) -> bool + Sync,
) -> (Tally, Vec<(u64, Report)>) {
    let next = AtomicU64::new(0);
    let results = Mutex::new((Tally::default(), Vec::new()));
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let is_over = until.is_some_and(|until| Instant::now() >= until);
        if number >= seeds || is_over {
            break;
        }
        let report = campaign::run(Choices::seeded(from + number), planted, false);
        let mut results = results.lock().expect("nothing panics with the results in hand");
        results.0.add(&report);
        if report.violation.as_ref().is_some_and(|violation| is_wanted(violation.invariant)) {
            results.1.push((from + number, report));
        }
        if results.1.len() >= enough {
            break;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(work);
        }
    });
    let (tally, mut failures) = results.into_inner().expect("all threads have ended");
    failures.sort_by_key(|(seed, _)| *seed);
    (tally, failures)
}

/// `name` is the seed, or the file that was replayed. The choices are left in a file of their own, with what they show.
fn tell_failure(name: &str, report: &Report, planted: Planted, is_shrunk: bool) {
    let Some(violation) = &report.violation else { return };
    let kind = if name.parse::<u64>().is_ok() { "seed" } else { "file" };
    println!("FAIL {} {kind}={name} commit={}: {}", violation.invariant, commit(), violation.text);
    let mut record = report.choices.record();
    let before = record.weight();
    let mut text = violation.text.clone();
    if is_shrunk {
        record = shrink::shrink(record, violation.invariant, planted, SHRINKING);
        let again = campaign::run(Choices::replayed(record.clone()), planted, false);
        text = again.violation.map_or(text, |violation| violation.text);
    }
    let flag = match planted {
        Planted::Nothing => String::new(),
        Planted::InCore(_) | Planted::InShell(_) | Planted::Always => format!(" --plant {}", planted.name()),
    };
    let path = PathBuf::from(format!("target/sim/{}.choices", stem(name, planted)));
    let head = Head { invariant: violation.invariant.to_string(), text, planted };
    let file = format!("{}# commit {}\n{record}", head.print(), commit());
    println!("     replay: cargo sim --replay {name}{flag} --trace");
    match write(&path, &file) {
        Ok(()) => println!(
            "         or: cargo sim --replay {}{flag} --trace # {} of {before} choices",
            path.display(),
            record.weight()
        ),
        Err(error) => println!("     its choices could not be kept: {}: {error}", path.display()),
    }
}

/// What the choices of a world are kept as: what was made small of a file lies beside it.
fn stem(name: &str, planted: Planted) -> String {
    let name = Path::new(name).file_stem().map_or_else(|| name.into(), |name| name.to_string_lossy());
    match planted {
        Planted::Nothing => name.into_owned(),
        Planted::InCore(_) | Planted::InShell(_) | Planted::Always => {
            let name = name.trim_start_matches(&format!("{}-", planted.name())).to_string();
            format!("{}-{name}", planted.name())
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(path, text)
}

/// The commit that was built, as far as git can tell.
fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.filter(|text| !text.is_empty()).map_or_else(|| "unknown".to_string(), |text| text.trim().to_string())
}

fn choices_of(what: &str) -> Result<Choices, String> {
    if let Ok(seed) = what.parse() {
        return Ok(Choices::seeded(seed));
    }
    let text = std::fs::read_to_string(what).map_err(|error| format!("{what}: {error}"))?;
    Ok(Choices::replayed(text.parse::<Record>()?))
}

fn replay(what: &str, options: &Options) -> bool {
    if what.contains('@') {
        return replay_crashes(what, options);
    }
    let choices = match choices_of(what) {
        Ok(choices) => choices,
        Err(error) => {
            eprintln!("{error}");
            return false;
        }
    };
    let report = campaign::run(choices, options.planted, options.is_traced);
    tell_world(&report, options);
    if options.is_shrunk {
        tell_failure(what, &report, options.planted, true);
    } else if let Some(violation) = &report.violation {
        println!("FAIL {} {what} commit={}: {}", violation.invariant, commit(), violation.text);
    }
    report.violation.is_none()
}

/// One story with its crashes, as a failure names them: `Create@17:kill/3:power`.
fn replay_crashes(what: &str, options: &Options) -> bool {
    let report = match what.parse::<Crashes>() {
        Ok(crashes) => crashes.walk(options.planted, options.is_traced),
        Err(error) => {
            eprintln!("{error}");
            return false;
        }
    };
    tell_world(&report, options);
    if let Some(violation) = &report.violation {
        println!("FAIL {} {what} commit={}: {}", violation.invariant, commit(), violation.text);
    }
    report.violation.is_none()
}

fn tell_world(report: &Report, options: &Options) {
    if options.is_traced {
        println!("{}", trace::LEGEND);
        for line in &report.lines {
            println!("{line}");
        }
    }
    let (hash, steps) = report.fingerprint;
    println!("{steps} steps, fingerprint {hash:016x}");
}

/// Every planted fault must be found, by a checker that is meant to find it.
fn canaries(options: &Options) -> bool {
    let from = options.from.unwrap_or(1);
    let (mut planted, mut caught) = (0, 0);
    let all_began = Instant::now();
    println!("planted                    found  worlds   first   limit    time  by");
    for plant in canary::all() {
        let name = plant.planted.name();
        if options.only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let seeds = options.seeds.unwrap_or(plant.within);
        let began = Instant::now();
        let enough = if options.seeds.is_some() { MEASURED } else { 1 };
        let (tally, failures) = campaign_of(from, seeds, None, plant.planted, enough, |_| true);
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for violation in failures.iter().filter_map(|(_, report)| report.violation.as_ref()) {
            *by.entry(violation.invariant).or_default() += 1;
        }
        let is_expected = by.keys().all(|invariant| plant.expects(invariant));
        let told = match failures.first().and_then(|(_, report)| report.violation.as_ref()) {
            None => "NOT FOUND".to_string(),
            Some(violation) if is_expected => format!("{by:?}: {}", violation.text),
            Some(violation) => format!("WRONG CHECKER {by:?}, not {:?}: {}", plant.expected, violation.text),
        };
        planted += 1;
        caught += usize::from(is_expected && !failures.is_empty());
        println!(
            "{name:<26} {:>5} {:>7} {:>7} {:>7} {:>5.1} s  {}",
            failures.len(),
            tally.worlds,
            failures.first().map_or(0, |(seed, _)| *seed),
            plant.within,
            began.elapsed().as_secs_f64(),
            told.chars().take(150).collect::<String>()
        );
    }
    println!("{caught} of {planted} planted faults were caught, {:.1} s", all_began.elapsed().as_secs_f64());
    let are_proven = options.only.is_some() || checkers_are_proven();
    caught == planted && planted > 0 && are_proven
}

/// Every checker must be turned red by something: by what, and in which world first.
fn checkers_are_proven() -> bool {
    let all = proofs::all();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(proof) = all.get(number) else { break };
        let seed = proof.found();
        found.lock().expect("nothing panics with the map in hand").insert(number, seed);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(work);
        }
    });
    let found = found.into_inner().expect("all threads have ended");
    println!("\nchecker  is turned red by           first   limit");
    for (number, seed) in &found {
        let Proof { checker, planted, within } = all[*number];
        let seed = seed.map_or_else(|| "NOT RED".to_string(), |seed| seed.to_string());
        println!("{checker:<8} {:<26} {seed:>7} {within:>7}", planted.name());
    }
    let reached = found.values().flatten().count();
    println!("{reached} of {} checkers were turned red", all.len());
    reached == all.len()
}

fn determinism(options: &Options) -> bool {
    let from = options.from.unwrap_or(1);
    let seeds = options.seeds.unwrap_or(SEEDS);
    let mut is_good = seeds > 0;
    let mut own = String::new();
    let twice = |seed| {
        let first = campaign::run(Choices::seeded(seed), Planted::Nothing, true);
        let second = campaign::run(Choices::replayed(first.choices.record()), Planted::Nothing, true);
        let parting = (first.lines != second.lines).then(|| (seed, differs_at(&first.lines, &second.lines)));
        (parting, line_of(seed, &first))
    };
    for (parting, line) in of_each(from, seeds, twice) {
        if let Some((seed, line)) = parting {
            println!("seed {seed} goes two ways from line {line} on");
            is_good = false;
        }
        own.push_str(&line);
    }
    let arguments =
        ["--fingerprints".to_string(), "--from".to_string(), from.to_string(), "--seeds".to_string()];
    let other = std::env::current_exe()
        .and_then(|program| Command::new(program).args(arguments).arg(seeds.to_string()).output())
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match other {
        Ok(other) if other == own => {}
        Ok(other) => {
            let parting =
                own.lines().zip(other.lines().chain(std::iter::repeat(""))).find(|(own, other)| own != other);
            let seed = parting.and_then(|(own, _)| own.split(' ').next()).unwrap_or("?");
            println!(
                "another process had another trace of seed {seed}; compare: cargo sim --replay {seed} --trace"
            );
            is_good = false;
        }
        Err(error) => {
            println!("another process could not be asked: {error}");
            is_good = false;
        }
    }
    println!("{seeds} worlds from seed {from}, each from its seed and from its choices, here and elsewhere");
    is_good
}

fn differs_at(first: &[String], second: &[String]) -> usize {
    first.iter().zip(second).take_while(|(first, second)| first == second).count()
}

/// A world in one line: the fingerprint of its steps, how many there were, and the digest of every byte of its trace.
fn line_of(seed: u64, report: &Report) -> String {
    let (hash, steps) = report.fingerprint;
    format!("{seed} {hash:016x} {steps} {:016x}\n", trace::digest(&report.lines))
}

fn fingerprints(options: &Options) {
    let from = options.from.unwrap_or(1);
    let line = |seed| line_of(seed, &campaign::run(Choices::seeded(seed), Planted::Nothing, true));
    for line in of_each(from, options.seeds.unwrap_or(SEEDS), line) {
        print!("{line}");
    }
}

fn cluster(options: &Options) -> bool {
    let wanted = Wanted {
        scenario: options.scenario.clone(),
        planted: options.planted_in_cluster,
        from: options.from.unwrap_or(1),
        seeds: options.seeds.unwrap_or(CLUSTER_SEEDS),
        shown: if options.fingerprints {
            Shown::Trace
        } else if options.is_traced {
            Shown::TraceAndTally
        } else {
            Shown::Tally
        },
    };
    let mut say = |line: &str| println!("{line}");
    if options.canaries {
        slips::are_found(options.only.as_deref(), threads(), &mut say)
    } else if options.determinism {
        wanted.compare(&mut say)
    } else {
        wanted.play(&mut say)
    }
}

fn tell_stories(options: &Options) -> bool {
    let began = Instant::now();
    let stories = match &options.only {
        None => Story::ALL.to_vec(),
        Some(only) => Story::named(only).into_iter().collect(),
    };
    if stories.is_empty() {
        println!("there is no such story; there are {:?}", Story::ALL);
        return false;
    }
    let flag = match options.planted {
        Planted::Nothing => String::new(),
        Planted::InCore(_) | Planted::InShell(_) | Planted::Always => {
            format!(" --plant {}", options.planted.name())
        }
    };
    let (mut points, mut crashes, mut worlds, mut failed) = (0, 0, 0, 0);
    println!("story               points   crashes -> worlds    in recovery -> worlds    failed");
    for story in stories {
        let telling =
            Telling { planted: options.planted, is_deep: options.is_deep, ..Telling::new(story, threads()) };
        let counts = exhaustive::explore(telling);
        let (first, second) = (counts.first, counts.second);
        println!(
            "{:<18} {:>7} {:>9} {:>9} {:>14} {:>9} {:>9}",
            format!("{story:?}"),
            counts.points,
            first.0,
            first.1,
            second.0,
            second.1,
            counts.failures.len()
        );
        for (path, violation) in &counts.failures {
            println!("FAIL {} {path} commit={}: {}", violation.invariant, commit(), violation.text);
            println!("     replay: cargo sim --replay {path}{flag} --trace");
        }
        points += counts.points;
        crashes += first.0 + second.0;
        worlds += first.1 + second.1;
        failed += counts.failures.len();
    }
    println!(
        "{points} points, {crashes} crashes, {worlds} different worlds left and recovered, {failed} failed, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let is_whole = options.only.is_none() && options.planted == Planted::Nothing;
    failed == 0 && (!is_whole || stories_are_proven())
}

/// Every planted fault of the list must be found by its story: where, and by which checker.
fn stories_are_proven() -> bool {
    let began = Instant::now();
    let all = exhaustive::proofs::all();
    println!("\nplanted                    must be found in    is found at");
    let mut found = 0;
    for proof in &all {
        let told = match proof.found(threads()) {
            Ok((path, violation)) => {
                found += 1;
                format!("{path}: {}: {}", violation.invariant, violation.text)
            }
            Err(why) => why,
        };
        let told = told.chars().take(120).collect::<String>();
        println!("{:<26} {:<19} {told}", proof.planted.name(), format!("{:?}", proof.story));
    }
    println!("{found} of {} planted faults were found, {:.1} s", all.len(), began.elapsed().as_secs_f64());
    found == all.len()
}
