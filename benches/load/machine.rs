//! What a page of results tells of the machine, and the median that it is made of.

use std::fs;
use std::io;
use std::thread::available_parallelism;

/// The date, the program, the processor and the kernel, as the beginning of a sentence.
///
/// # Errors
///
/// When the system does not tell.
pub fn describe() -> io::Result<String> {
    Ok(format!(
        "{}, rowhook {}, {} with {} cores shared with the generator, Linux {}",
        chrono::Utc::now().format("%Y-%m-%d"),
        env!("CARGO_PKG_VERSION"),
        processor(),
        available_parallelism()?,
        kernel()?,
    ))
}

/// The middle one, or what is between the two in the middle; not a number without any.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        many => f64::midpoint(values[(many - 1) / 2], values[many / 2]),
    }
}

/// The kernel's version, without what its builder calls it.
fn kernel() -> io::Result<String> {
    let told = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let numbers = told.trim().split('-').next().unwrap_or_default();
    Ok(numbers.to_owned())
}

/// The processor's name, as the system tells it.
fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| {
        let (key, name) = line.split_once(':')?;
        (key.trim() == "model name").then(|| name.trim().to_owned())
    });
    name.unwrap_or_else(|| "a machine".to_owned())
}
