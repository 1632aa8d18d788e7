use std::thread;

#[test]
fn passes() {}

#[test]
#[ignore]
fn ignored() {}

#[test]
fn adds() {
    panic!("the other adds");
}

#[test]
fn returns_an_error() -> Result<(), String> {
    Err("no rows".into())
}

#[test]
#[should_panic]
fn does_not_panic() {}

#[test]
#[should_panic(expected = "overflow")]
fn panics_otherwise() {
    panic!("underflow");
}

#[test]
fn in_a_named_thread() {
    let worker = thread::Builder::new().name("worker-3".into()).spawn(|| panic!("the worker broke"));
    worker.unwrap().join().unwrap();
}

#[test]
fn fails_by_its_thread_alone() {
    let worker = thread::Builder::new().name("worker-4".into()).spawn(|| panic!("the second broke"));
    assert!(worker.unwrap().join().is_ok());
}
