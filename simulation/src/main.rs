//! Plays seeds from the command line.

#![expect(clippy::print_stdout, reason = "this is a command")]

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Parser;
use tollgate_simulation::{Story, play_aloud, play_seeds};

/// Simulates the engine: crashes, a failing disk, a lying provider.
#[derive(Parser)]
#[command(name = "tollgate-simulation", version)]
struct Arguments {
    /// How many seeds to play
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    seeds: u64,

    /// The first of them
    #[arg(long, default_value_t = 0, value_name = "N")]
    start: u64,

    /// Play one seed alone
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "start"])]
    seed: Option<u64>,

    /// Play a story from a file alone, in the form in which a failure prints it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "start", "seed"])]
    story: Option<PathBuf>,

    /// Tell each step of a play that is played alone
    #[arg(long)]
    verbose: bool,
}

/// Below this many seeds something may well be met by none.
const SEEDS_FOR_COVERAGE: u64 = 1_000;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.story {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let story = text.parse().map_err(anyhow::Error::msg).context("reading the story")?;
        return alone(&story, arguments.verbose);
    }
    match arguments.seed {
        Some(seed) if arguments.verbose => alone(&Story::of_seed(seed), true),
        Some(seed) => many(seed, 1),
        None => many(arguments.start, arguments.seeds),
    }
}

fn alone(story: &Story, verbose: bool) -> anyhow::Result<()> {
    let (tale, result) = play_aloud(story);
    if verbose {
        tale.iter().for_each(|line| println!("{line}"));
    }
    match result {
        Ok(_coverage) => println!("all is well"),
        Err(finding) => bail!("seed {} fails: {finding}", story.seed),
    }
    Ok(())
}

fn many(first: u64, count: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let said = AtomicU64::new(0);
    let result = play_seeds(first, count, threads, &|done| {
        let seconds = began.elapsed().as_secs();
        if seconds >= said.load(Ordering::Relaxed) + 5 {
            said.store(seconds, Ordering::Relaxed);
            println!("{done} of {count} seeds after {seconds} s");
        }
    });
    let coverage = match result {
        Ok(coverage) => coverage,
        Err(failure) => bail!("{failure}"),
    };
    print!("{coverage}");
    let elapsed = began.elapsed().as_secs_f64();
    println!("{count} seeds from {first} on: all is well after {elapsed:.1} s");
    let missing = coverage.missing();
    if count >= SEEDS_FOR_COVERAGE && !missing.is_empty() {
        bail!("never reached: {}", missing.join("; "));
    }
    Ok(())
}
