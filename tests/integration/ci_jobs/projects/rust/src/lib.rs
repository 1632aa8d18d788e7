pub fn sum(a: i32, b: i32) -> i32 { a + b }

#[cfg(test)]
mod tests {
    #[test]
    fn passes() { assert_eq!(super::sum(1, 2), 3); }
    #[test]
    fn adds() { assert_eq!(super::sum(1, 2), 4, "sums of 3"); }
    #[test]
    #[ignore]
    fn ignored() {}
}
