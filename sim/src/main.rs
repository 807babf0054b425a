//! stub
fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(10);
    let from: u64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(1);
    let lines = std::env::args().nth(3).is_some();
    if !lines { std::panic::set_hook(Box::new(|_| {})); }
    let mut tally = ccells_sim::campaign::Tally::default();
    let mut fails: std::collections::BTreeMap<String, (u64, u64, String)> = Default::default();
    for seed in from..from + n {
        let report = ccells_sim::campaign::run(ccells_sim::choice::Choices::seeded(seed), Default::default(), lines);
        tally.add(&report);
        for l in &report.lines { println!("{l}"); }
        if let Some(v) = &report.violation {
            let e = fails.entry(v.invariant.to_string()).or_insert((0, seed, v.text.clone()));
            e.0 += 1;
        }
    }
    for (k, v) in fails { println!("{k} x{} seed {} {}", v.0, v.1, v.2); }
    println!("{} worlds, {} sim s, {} steps", tally.worlds, tally.simulated_ms/1000, tally.steps);
    for (k, v) in tally.seen { println!("  {v:>6} {k}"); }
}
