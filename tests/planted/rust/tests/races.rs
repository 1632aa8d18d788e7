use planted::{done_in_background, Counter};
use std::sync::Arc;
use std::thread;

/// Fails when both threads are in the middle of `add` at once.
#[test]
fn no_update_is_lost() {
    let counter = Arc::new(Counter::default());
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let counter = Arc::clone(&counter);
            thread::spawn(move || (0..20_000).for_each(|_| counter.add()))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(counter.value(), 40_000, "updates were lost");
}

/// Fails when the thread that was started first is not the first to be done.
#[test]
fn first_come_first_served() {
    for _ in 0..20 {
        assert_eq!(done_in_background(["first", "second"]), ["first", "second"], "the order");
    }
}
