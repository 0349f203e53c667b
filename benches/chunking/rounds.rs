//! Contenders in turn, and what came out.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// Short rounds meet the same disturbances; many of them make the median mean something.
const ROUNDS: usize = 31;

/// Work to time; what it returns is of no meaning, but must depend on the work.
pub(crate) struct Contender<'a> {
    name: String,
    work: Box<dyn FnMut() -> usize + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &str, work: impl FnMut() -> usize + 'a) -> Self {
        Self {
            name: name.to_owned(),
            work: Box::new(work),
        }
    }
}

/// Prints tables.
pub(crate) struct Report {
    cycles_per_nanosecond: f64,
}

impl Report {
    pub(crate) fn new() -> Self {
        let cycles_per_nanosecond = clock();
        println!("core clock {cycles_per_nanosecond:.2} GHz, medians of {ROUNDS} rounds");
        Self {
            cycles_per_nanosecond,
        }
    }

    /// Runs all contenders over and over again, prints a table with ratios to the first, and returns names and GB/s.
    pub(crate) fn table(
        &self,
        title: &str,
        bytes: usize,
        mut contenders: Vec<Contender<'_>>,
    ) -> Vec<(String, f64)> {
        let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
        for round in 0..=ROUNDS {
            let run = |(contender, times): (&mut Contender<'_>, &mut Vec<f64>)| {
                let begin = seconds();
                black_box((contender.work)());
                // The first round warms up.
                if round > 0 {
                    times.push(seconds() - begin);
                }
            };
            let turns = contenders.iter_mut().zip(&mut times);
            // To and fro: what runs before may leave its mark on the core's clock and caches.
            if round % 2 == 0 {
                turns.for_each(run);
            } else {
                turns.rev().for_each(run);
            }
        }
        println!(
            "\n{title}\n| {:<42} |  GB/s | B/cycle | ratio |  best | best ratio |",
            ""
        );
        println!(
            "|{:-<44}|------:|--------:|------:|------:|-----------:|",
            ""
        );
        let first = times.first().cloned().unwrap_or_default();
        let mut rows = Vec::new();
        for (contender, times) in contenders.iter().zip(&times) {
            // Of each round the ratio: what disturbs a round disturbs both.
            let ratio = median(first.iter().zip(times).map(|(first, time)| first / time));
            let speed = bytes as f64 / median(times.iter().copied()) / 1e9;
            let best = bytes as f64 / least(times) / 1e9;
            println!(
                "| {:<42} | {speed:5.2} | {:7.2} | {ratio:5.2} | {best:5.2} | {:10.2} |",
                contender.name,
                speed / self.cycles_per_nanosecond,
                least(&first) / least(times),
            );
            rows.push((contender.name.clone(), speed));
        }
        rows
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::MAX, f64::min)
}

/// The core's clock in GHz, from a chain of steps that take four cycles each on all common cores.
fn clock() -> f64 {
    const STEPS: u32 = 300_000;
    let fastest = (0..50).map(|_| {
        let begin = seconds();
        let mut number = black_box(3u64);
        for _ in 0..STEPS {
            number = four_cycles(number);
        }
        black_box(number);
        seconds() - begin
    });
    f64::from(STEPS) * 4.0 / fastest.fold(f64::MAX, f64::min) / 1e9
}

/// A multiplication, three cycles, by a factor that takes one more; the compiler cannot merge it with the next.
#[inline(always)]
fn four_cycles(number: u64) -> u64 {
    number.wrapping_mul(number | 1)
}

/// Processor time of this thread: what others run meanwhile does not count.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
