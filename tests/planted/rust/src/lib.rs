//! Known flakes, each by a real race: nothing here rolls dice.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A counter that loses updates: it reads, and writes what it has read plus one, in two steps.
#[derive(Default)]
pub struct Counter(AtomicU32);

impl Counter {
    pub fn add(&self) {
        let seen = self.0.load(Ordering::Relaxed);
        self.0.store(seen + 1, Ordering::Relaxed);
    }

    pub fn value(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does both in the background, and tells in which order they were done.
pub fn done_in_background(names: [&'static str; 2]) -> Vec<&'static str> {
    let done = Arc::new(Mutex::new(Vec::new()));
    let threads = names.map(|name| {
        let done = Arc::clone(&done);
        thread::spawn(move || done.lock().unwrap().push(name))
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let found = done.lock().unwrap().clone();
    found
}
